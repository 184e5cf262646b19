"""REST: `/booking-rules`: the rules that are set by kind, group, resource, membership plan and role, and those that
count for a resource; `/resource-groups` and `/membership-plans`, which rules are set by."""

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import AfterValidator, Field

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.config_booking import BookingConfig
from fablab.core.errors import NotFound
from fablab.people import plans
from fablab.people.models import MembershipPlan
from fablab.people.service import get_person
from fablab.reservations import policies
from fablab.reservations.models import PolicyLevel
from fablab.reservations.policy import KEYS, plain
from fablab.resources import groups
from fablab.resources.models import ResourceGroup
from fablab.resources.service import get_resource
from fablab.web.access import access, actor
from fablab.web.api import Body, PageQuery, Shown, ShownIdent, idempotent, page_of, problems
from fablab.web.api_texts import of_the_lab, texts_of

blueprint = APIBlueprint("policies_api", __name__, url_prefix="/api/v1", tag="Booking rules")

LEVELS = Literal["kind", "group", "resource", "plan", "role"]


Line = Annotated[str, Field(min_length=1, max_length=100)]
Words = Line | Annotated[dict[str, Line], Field(min_length=1), AfterValidator(of_the_lab)]


_RULES_HELP = "Rule → value; null is «no limit». " + " ".join(
    f"`{key}`: {field.description}." for key, field in BookingConfig.model_fields.items()
)


class RulesChange(Body):
    """Rules to set and rules to take back to what the places before say."""

    rules: dict[str, Any] = Field({}, description=_RULES_HELP, examples=[{"max_minutes": 240, "approval": True}])
    reset: list[str] = Field([], max_length=len(KEYS), description="Rules to take back", examples=[["notice_minutes"]])


class ShownRules(Shown):
    """The rules that are set at one place."""

    level: str = Field(examples=["kind"])
    target: str = Field(description="The kind, the role or the id", examples=["machine"])
    rules: dict[str, Any]


class RulesList(Shown):
    """Every place at which rules are set, in the order in which they override each other."""

    items: list[ShownRules]
    next: str | None


class EffectiveRule(Shown):
    """One rule as it counts."""

    value: Any
    origin: str = Field(description="config, kind, group, resource, plan or role", examples=["config"])


class EffectiveRules(Shown):
    """All rules of a resource for the caller, each with where it comes from."""

    rules: dict[str, EffectiveRule]


class RulesQuery(PageQuery):
    """Filters of the list."""

    level: LEVELS | None = None


class Named(Body):
    """A group of resources or a membership plan; a name alone is in the lab's own language."""

    name: Words = Field(examples=[{"en": "Laser cutters", "fr": "Découpeuses laser"}])


class ShownNamed(Shown):
    """A group of resources or a membership plan; `name` in the caller's language, `names` in all."""

    id: ShownIdent = Field(examples=["2"])
    name: str
    names: dict[str, str]


class NamedList(Shown):
    """A page of groups or plans."""

    items: list[ShownNamed]
    next: str | None


@blueprint.get("/booking-rules")
@access(Role.MAKER)
@blueprint.input(RulesQuery, location="query")
@blueprint.output(RulesList)
@blueprint.doc(
    summary="Rules that differ from the configuration's", description="Never in several pages.", responses=problems(422)
)
def list_rules(query_data: RulesQuery) -> RulesList:
    found = [
        ShownRules(level=place.level.value, target=place.target, rules=rules)
        for place, rules in policies.overrides().items()
        if query_data.level in (None, place.level.value)
    ]
    return RulesList(items=found, next=None)


@blueprint.get("/booking-rules/<level>/<target>")
@access(Role.MAKER)
@blueprint.output(ShownRules)
@blueprint.doc(summary="The rules that are set at one place", responses=problems(404, 422))
def get_rules(level: str, target: str) -> ShownRules:
    policies.below(_level(level), target)
    return ShownRules(level=level, target=target, rules=policies.rules_at(_level(level), target))


@blueprint.patch("/booking-rules/<level>/<target>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(RulesChange, example={"rules": {"max_minutes": 240}, "reset": ["notice_minutes"]})
@blueprint.output(ShownRules)
@blueprint.doc(
    summary="Set rules at one place",
    description="A rule that is not named stays as it is.",
    responses=problems(404, 409, 415, 422),
)
def change_rules(level: str, target: str, json_data: RulesChange) -> ShownRules:
    set_now = policies.set_rules(actor(), _level(level), target, json_data.rules, clock.now(), reset=json_data.reset)
    return ShownRules(level=level, target=target, rules=set_now)


@blueprint.delete("/booking-rules/<level>/<target>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Take back all rules of one place", responses=problems(404, 422))
def remove_rules(level: str, target: str) -> tuple[str, int]:
    policies.remove_rules(actor(), _level(level), target, clock.now())
    return "", 204


@blueprint.get("/resources/<int:resource_id>/booking-rules")
@access(Role.MAKER)
@blueprint.output(EffectiveRules)
@blueprint.doc(summary="The rules that count for the caller", responses=problems(404))
def effective_rules(resource_id: int) -> EffectiveRules:
    resource, person_id = get_resource(resource_id), actor().person_id
    person = None if person_id is None else get_person(actor(), person_id)
    found = policies.policy_for([resource], person)[resource_id]
    values = plain(found.policy)
    return EffectiveRules(rules={key: EffectiveRule(value=values[key], origin=found.origins[key]) for key in KEYS})


@blueprint.get("/resource-groups")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(NamedList)
@blueprint.doc(summary="List groups of resources", responses=problems(422))
def list_groups(query_data: PageQuery) -> NamedList:
    rows, following = page_of(groups.groups_query(), ResourceGroup.id, query_data.limit, query_data.cursor)
    return NamedList(items=[_shown(row) for row in rows], next=following)


@blueprint.post("/resource-groups")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Named, example={"name": {"en": "Laser cutters"}})
@blueprint.output(ShownNamed, status_code=201)
@blueprint.doc(summary="Add a group of resources", responses=problems(415, 422))
@idempotent
def add_group(json_data: Named) -> tuple[ShownNamed, int]:
    return _shown(groups.add(actor(), texts_of(json_data.name), clock.now())), 201


@blueprint.get("/resource-groups/<int:group_id>")
@access(Role.MAKER)
@blueprint.output(ShownNamed)
@blueprint.doc(summary="One group of resources", responses=problems(404))
def get_group(group_id: int) -> ShownNamed:
    return _shown(groups.get_group(group_id))


@blueprint.patch("/resource-groups/<int:group_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Named, example={"name": {"en": "Laser cutters"}})
@blueprint.output(ShownNamed)
@blueprint.doc(summary="Rename a group of resources", responses=problems(404, 415, 422))
def rename_group(group_id: int, json_data: Named) -> ShownNamed:
    return _shown(groups.rename(actor(), group_id, texts_of(json_data.name), clock.now()))


@blueprint.delete("/resource-groups/<int:group_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Remove a group of resources",
    description="With its rules; 409 while a resource is in it.",
    responses=problems(404, 409),
)
def remove_group(group_id: int) -> tuple[str, int]:
    policies.delete_group(actor(), group_id, clock.now())
    return "", 204


@blueprint.get("/membership-plans")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(NamedList)
@blueprint.doc(summary="List membership plans", responses=problems(422))
def list_plans(query_data: PageQuery) -> NamedList:
    rows, following = page_of(plans.plans_query(), MembershipPlan.id, query_data.limit, query_data.cursor)
    return NamedList(items=[_shown(row) for row in rows], next=following)


@blueprint.post("/membership-plans")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Named, example={"name": {"en": "Night member"}})
@blueprint.output(ShownNamed, status_code=201)
@blueprint.doc(summary="Add a membership plan", responses=problems(415, 422))
@idempotent
def add_plan(json_data: Named) -> tuple[ShownNamed, int]:
    return _shown(plans.add(actor(), texts_of(json_data.name), clock.now())), 201


@blueprint.get("/membership-plans/<int:plan_id>")
@access(Role.MAKER)
@blueprint.output(ShownNamed)
@blueprint.doc(summary="One membership plan", responses=problems(404))
def get_plan(plan_id: int) -> ShownNamed:
    return _shown(plans.get_plan(plan_id))


@blueprint.patch("/membership-plans/<int:plan_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(Named, example={"name": {"en": "Night member"}})
@blueprint.output(ShownNamed)
@blueprint.doc(summary="Rename a membership plan", responses=problems(404, 415, 422))
def rename_plan(plan_id: int, json_data: Named) -> ShownNamed:
    return _shown(plans.rename(actor(), plan_id, texts_of(json_data.name), clock.now()))


@blueprint.delete("/membership-plans/<int:plan_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Remove a membership plan",
    description="With its rules; 409 while somebody has it.",
    responses=problems(404, 409),
)
def remove_plan(plan_id: int) -> tuple[str, int]:
    policies.delete_plan(actor(), plan_id, clock.now())
    return "", 204


def _level(level: str) -> PolicyLevel:
    try:
        return PolicyLevel(level)
    except ValueError:
        raise NotFound(f"There is no level {level!r}; there are {', '.join(PolicyLevel)}.") from None


def _shown(row: ResourceGroup | MembershipPlan) -> ShownNamed:
    return ShownNamed(id=row.id, name=words.text(row.name), names=row.name)
