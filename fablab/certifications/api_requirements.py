"""REST: what resources and groups of resources ask for, as an expression of certifications."""

from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from fablab.certifications import requirements
from fablab.certifications.expression import need_of, tree_of
from fablab.certifications.requirement_words import in_words
from fablab.certifications.rules import Need
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.resources.groups import get_group
from fablab.resources.models import Resource, ResourceGroup
from fablab.resources.service import get_resource
from fablab.web.access import access, actor
from fablab.web.api import Body, Shown, problems

blueprint = APIBlueprint("requirements_api", __name__, url_prefix="/api/v1", tag="Certifications")

EXAMPLE = {"all": [{"certification": "1"}, {"any": [{"certification": "2"}, {"certification": "3"}]}]}


class Asked(Body):
    """What is asked for from now on."""

    expression: dict[str, Any] = Field(
        description='A tree of {"all": […]}, {"any": […]} and {"certification": id}; {"all": []} asks for nothing',
        examples=[EXAMPLE],
    )


class ShownRequirement(Shown):
    """What is asked for; `text` says it in the caller's language, empty for nothing."""

    expression: dict[str, Any] = Field(examples=[EXAMPLE])
    text: str = Field(examples=["safety and (laser CO₂ or laser fibre)"])


class ShownRequirements(ShownRequirement):
    """What a resource asks for by itself, and (`whole`) together with what its group asks for."""

    whole: ShownRequirement


@blueprint.get("/resources/<int:resource_id>/requirements")
@access(Role.MAKER)
@blueprint.output(ShownRequirements)
@blueprint.doc(summary="What a resource asks for", responses=problems(404))
def of_resource(resource_id: int) -> ShownRequirements:
    return _of_resource(resource_id)


def _of_resource(resource_id: int) -> ShownRequirements:
    get_resource(resource_id)
    whole = requirements.whole_need(resource_id)
    own = _shown(requirements.own_need(Resource, resource_id), whole.names)
    return ShownRequirements(expression=own.expression, text=own.text, whole=_shown(whole.need, whole.names))


@blueprint.put("/resources/<int:resource_id>/requirements")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Asked, example={"expression": EXAMPLE})
@blueprint.output(ShownRequirements)
@blueprint.doc(summary="Set what a resource asks for", description="Counts at once.", responses=problems(404, 415, 422))
def set_of_resource(resource_id: int, json_data: Asked) -> ShownRequirements:
    requirements.require(actor(), Resource, resource_id, _need(json_data), clock.now())
    return _of_resource(resource_id)


@blueprint.get("/resource-groups/<int:group_id>/requirements")
@access(Role.MAKER)
@blueprint.output(ShownRequirement)
@blueprint.doc(summary="What all resources of a group ask for", responses=problems(404))
def of_group(group_id: int) -> ShownRequirement:
    return _of_group(group_id)


def _of_group(group_id: int) -> ShownRequirement:
    get_group(group_id)
    need = requirements.own_need(ResourceGroup, group_id)
    return _shown(need, requirements.names_in(need))


@blueprint.put("/resource-groups/<int:group_id>/requirements")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Asked, example={"expression": EXAMPLE})
@blueprint.output(ShownRequirement)
@blueprint.doc(
    summary="Set what all resources of a group ask for",
    description="Counts at once, beside what each of them asks for by itself.",
    responses=problems(404, 415, 422),
)
def set_of_group(group_id: int, json_data: Asked) -> ShownRequirement:
    requirements.require(actor(), ResourceGroup, group_id, _need(json_data), clock.now())
    return _of_group(group_id)


def _need(body: Asked) -> Need:
    try:
        return need_of(body.expression)
    except ValueError as error:
        raise Invalid({"expression": str(error)}) from None


def _shown(need: Need, names: Mapping[int, dict[str, str]]) -> ShownRequirement:
    return ShownRequirement(expression=_with_text_ids(tree_of(need)), text=in_words(need, names))


def _with_text_ids(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with ids as texts, as everywhere in the API."""
    [(word, value)] = tree.items()
    if word == "certification":
        return {word: str(value)}
    return {word: [_with_text_ids(part) for part in value]}
