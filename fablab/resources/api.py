"""REST: `/resources` and `/machines`: what can be booked."""

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import url_for
from pydantic import AfterValidator, Field

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.resources import service
from fablab.resources.models import Kind, OpeningRule, Resource, RiskClass, ServiceState
from fablab.web.access import access, actor
from fablab.web.api import (
    Body,
    Ident,
    PageQuery,
    Shown,
    ShownIdent,
    ShownInstant,
    idempotent,
    page_of,
    problems,
)
from fablab.web.api_texts import LongWords, Words, texts_of

blueprint = APIBlueprint("resources_api", __name__, url_prefix="/api/v1", tag="Resources")

KINDS = Literal["machine", "room", "office", "desk", "advisor"]
WEEKDAY = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _own_address(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// or http://")
    return url


class Document(Body):
    """A manual, a data sheet, a safety card."""

    title: str = Field(min_length=1, max_length=200)
    url: Annotated[str, Field(max_length=1000), AfterValidator(_own_address)]


class ResourceChange(Body):
    """Fields of a resource; a text alone is in the lab's own language, an object holds it by language."""

    kind: KINDS = Field("machine", description="What it is")
    name: Words = Field(default_factory=str, examples=[{"en": "Laser cutter", "fr": "Découpeuse laser"}])
    description: LongWords = Field(default_factory=str)
    model: str = Field("", max_length=200, examples=["Trotec Speedy 100"])
    place_id: Ident | None = Field(None, description="Where it stands")
    risk_class: Literal["a", "b", "c"] = Field("c", description="a can injure, b runs long jobs, c is low risk")
    documents: list[Document] = Field([], max_length=50)
    group_id: Ident | None = Field(None, description="The group whose booking rules and limits it shares")
    capacity: int | None = Field(None, ge=1, le=10_000, description="How many people it takes; null: any number")
    opening: Literal["lab", "always", "own"] = Field("lab", description="Open as the lab, always, or at its own hours")
    opening_hours: dict[WEEKDAY, list[str]] = Field(
        {}, description="Its own hours by weekday", examples=[{"monday": ["09:00-12:30", "14:00-18:00"]}]
    )
    state: Literal["in_service", "out_of_service"] = Field("in_service", description="Whether it may be used")
    state_note: str = Field("", max_length=500, description="Why it is out of service")


class NewResource(ResourceChange):
    """A resource to add: kind and name are needed."""

    kind: KINDS = Field(description="What it is")
    name: Words = Field(examples=[{"en": "Laser cutter", "fr": "Découpeuse laser"}])


class ShownPlace(Shown):
    """Where it stands."""

    id: ShownIdent
    name: str


class ShownResource(Shown):
    """A bookable thing; texts in the caller's language, `names` and `descriptions` in all."""

    id: ShownIdent = Field(examples=["7"])
    kind: str = Field(examples=["machine"])
    name: str = Field(examples=["Laser cutter"])
    names: dict[str, str]
    description: str
    descriptions: dict[str, str]
    model: str
    place: ShownPlace | None
    risk_class: str
    state: str = Field(examples=["in_service"])
    state_note: str
    documents: list[dict[str, Any]]
    group_id: str | None
    capacity: int | None
    opening: str = Field(examples=["lab"])
    opening_hours: dict[str, list[str]]
    photo_url: str | None
    url: str = Field(description="Its page for people", examples=["/resources/7"])
    created_at: ShownInstant


class ResourceList(Shown):
    """A page of resources."""

    items: list[ShownResource]
    next: str | None


class ResourceQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    kind: KINDS | None = None
    place_id: Ident | None = Field(None, description="In this place or in one inside it")
    q: str = Field("", max_length=100, description="Words in name, description or model")
    state: Literal["in_service", "out_of_service"] | None = None


class MachineQuery(PageQuery):
    """As for resources, all of kind machine."""

    place_id: Ident | None = Field(None, description="In this place or in one inside it")
    q: str = Field("", max_length=100, description="Words in name, description or model")
    state: Literal["in_service", "out_of_service"] | None = None


@blueprint.get("/resources")
@access(Role.MAKER)
@blueprint.input(ResourceQuery, location="query")
@blueprint.output(ResourceList)
@blueprint.doc(summary="List resources", responses=problems(422))
def list_resources(query_data: ResourceQuery) -> ResourceList:
    return _page(query_data, None if query_data.kind is None else Kind(query_data.kind))


@blueprint.get("/machines")
@access(Role.MAKER)
@blueprint.input(MachineQuery, location="query")
@blueprint.output(ResourceList)
@blueprint.doc(summary="List machines", responses=problems(422))
def list_machines(query_data: MachineQuery) -> ResourceList:
    return _page(query_data, Kind.MACHINE)


@blueprint.post("/resources")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewResource, example={"kind": "machine", "name": {"en": "Laser cutter"}, "risk_class": "a"})
@blueprint.output(ShownResource, status_code=201)
@blueprint.doc(summary="Add a resource", responses=problems(409, 415, 422))
@idempotent
def add_resource(json_data: NewResource) -> tuple[ShownResource, int]:
    values = _values(json_data)
    now = clock.now()
    if json_data.state == "out_of_service":
        return shown(service.add(actor(), values, now, out_of_service=json_data.state_note)), 201
    return shown(service.add(actor(), values, now)), 201


@blueprint.get("/resources/<int:resource_id>")
@access(Role.MAKER)
@blueprint.output(ShownResource)
@blueprint.doc(summary="One resource", responses=problems(404))
def get_resource(resource_id: int) -> ShownResource:
    return shown(service.get_resource(resource_id))


@blueprint.patch("/resources/<int:resource_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(ResourceChange, example={"state": "out_of_service", "state_note": "lens broken"})
@blueprint.output(ShownResource)
@blueprint.doc(
    summary="Change a resource",
    description="Instructors may set `state` and `state_note`; all else is for managers. What is left out stays.",
    responses=problems(404, 409, 415, 422),
)
def change_resource(resource_id: int, json_data: ResourceChange) -> ShownResource:
    given = json_data.model_fields_set
    state = ServiceState(json_data.state) if given & {"state", "state_note"} else None
    if "state_note" in given and "state" not in given:
        raise Invalid({"state": "is needed beside state_note"})
    changed = service.update(
        actor(), resource_id, _values(json_data), clock.now(), state=state, note=json_data.state_note
    )
    return shown(changed)


@blueprint.delete("/resources/<int:resource_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Retire a resource", description="Its past stays.", responses=problems(404))
def retire_resource(resource_id: int) -> tuple[str, int]:
    service.retire(actor(), resource_id, clock.now())
    return "", 204


def shown(resource: Resource) -> ShownResource:
    """A resource as the API shows it."""
    place = resource.place
    return ShownResource(
        id=resource.id,
        kind=resource.kind.value,
        name=words.text(resource.name),
        names=resource.name,
        description=words.text(resource.description),
        descriptions=resource.description,
        model=resource.model,
        place=ShownPlace(id=place.id, name=words.text(place.name)) if place else None,
        risk_class=resource.risk_class.value,
        state=resource.service_state.value,
        state_note=resource.service_note,
        documents=resource.documents,
        group_id=None if resource.group_id is None else str(resource.group_id),
        capacity=resource.capacity,
        opening=resource.opening.value,
        opening_hours=resource.opening_hours,
        photo_url=url_for("equipment.photo", resource_id=resource.id) if resource.photo else None,
        url=f"/resources/{resource.id}",
        created_at=resource.created_at,
    )


def _page(query: ResourceQuery | MachineQuery, kind: Kind | None) -> ResourceList:
    wanted = service.resources_query(
        kind=kind,
        place_id=query.place_id,
        search=query.q,
        state=None if query.state is None else ServiceState(query.state),
    )
    rows, following = page_of(wanted, Resource.id, query.limit, query.cursor)
    return ResourceList(items=[shown(row) for row in rows], next=following)


def _values(body: ResourceChange) -> dict[str, Any]:
    """What the body names, as the service takes it."""
    given = {name: getattr(body, name) for name in body.model_fields_set - {"state", "state_note"}}
    made: dict[str, Any] = dict(given)
    for name in ("name", "description"):
        if name in given:
            made[name] = texts_of(given[name])
    if "kind" in given:
        made["kind"] = Kind(given["kind"])
    if "risk_class" in given:
        made["risk_class"] = RiskClass(given["risk_class"])
    if "documents" in given:
        made["documents"] = [one.model_dump() for one in body.documents]
    if "opening" in given:
        made["opening"] = OpeningRule(given["opening"])
    return made
