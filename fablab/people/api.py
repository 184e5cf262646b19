"""REST: `/me`, `/people`, their badges, and whether the program is well."""

from datetime import date
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import g
from pydantic import BeforeValidator, Field, WithJsonSchema

from fablab.core import clock, schema
from fablab.core.actor import Role
from fablab.core.errors import Unavailable
from fablab.core.words import config
from fablab.people import badges, service
from fablab.people.models import Badge, Person
from fablab.web.access import PUBLIC, access, actor
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

blueprint = APIBlueprint("people_api", __name__, url_prefix="/api/v1", tag="People")

ROLES = Literal["maker", "instructor", "manager", "administrator"]
AUDIENCES = Literal["citizen", "business", "school", "public_body"]


def _day(value: object) -> object:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a day like 2026-12-31")


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class PersonChange(Body):
    """Fields of a person; what is left out stays."""

    name: str = Field(default_factory=str, min_length=1, max_length=200, examples=["Ada Lovelace"])
    email: str | None = Field(None, max_length=254, examples=["ada@example.org"])
    role: ROLES = Field("maker", description="Given by administrators")
    active: bool = Field(True, description="false: no signing in, no machine")
    language: str = Field("", max_length=5, examples=["fr"])
    born_on: Day | None = Field(None, description="Date of birth, for certifications with a minimum age; null: unknown")
    member_until: Day | None = Field(None, description="Last day of the membership; null: without an end")
    plan_id: Ident | None = Field(None, description="The membership plan; null: none in particular")
    audience: AUDIENCES = Field("citizen", description="Whom the funders count")
    organisation: str = Field("", max_length=200)


class NewPerson(PersonChange):
    """Somebody to add: the name is needed."""

    name: str = Field(min_length=1, max_length=200, examples=["Ada Lovelace"])


class ShownPerson(Shown):
    """Somebody the lab knows. `email` is for managers and oneself."""

    id: ShownIdent = Field(examples=["12"])
    name: str
    email: str | None
    role: str
    active: bool
    language: str
    born_on: date | None
    member_until: date | None
    plan_id: str | None = Field(description="The membership plan")
    audience: str
    organisation: str
    created_at: ShownInstant
    anonymised_at: ShownInstant | None


class PersonList(Shown):
    """A page of people."""

    items: list[ShownPerson]
    next: str | None


class Me(Shown):
    """Who is asking."""

    person: ShownPerson
    scopes: list[str] | None = Field(description="Of the token; null with a session")


class NewBadge(Body):
    """A badge to give."""

    uid: str = Field(max_length=100, description="The card's number in hex", examples=["04A1B2C3"])
    label: str = Field("", max_length=100, examples=["blue tag"])


class BadgeChange(Body):
    """The badge is lost, broken or returned."""

    reason: str = Field(min_length=1, max_length=300, examples=["lost"])


class ShownBadge(Shown):
    """A badge; its number is never shown, the lab does not have it."""

    id: ShownIdent
    label: str
    issued_at: ShownInstant
    revoked_at: ShownInstant | None
    revoked_reason: str


class BadgeList(Shown):
    """A page of badges."""

    items: list[ShownBadge]
    next: str | None


class PeopleQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    q: str = Field("", max_length=100, description="Words in name, address or organisation")
    role: ROLES | None = None
    active: bool | None = None


class Health(Shown):
    """That the program answers."""

    status: str = Field(examples=["ok"])


class Ready(Shown):
    """What the program needs, each with `ok` or what is wrong."""

    status: str = Field(examples=["ok"])
    database: str = Field(examples=["ok"])


@blueprint.get("/health")
@access(PUBLIC)
@blueprint.output(Health)
@blueprint.doc(summary="Is it alive?", tags=["Health"])
def health() -> Health:
    return Health(status="ok")


@blueprint.get("/ready")
@access(PUBLIC)
@blueprint.output(Ready)
@blueprint.doc(summary="Can it work?", tags=["Health"])
def ready() -> Ready:
    _reach_database()
    return Ready(status="ok", database="ok")


@blueprint.get("/me")
@access(Role.MAKER)
@blueprint.output(Me)
@blueprint.doc(summary="Who am I?", responses=problems())
def me() -> Me:
    acting = actor()
    person = service.get_person(acting, acting.person_id or 0)
    scopes = g.get("token_scopes")
    return Me(person=_shown(person), scopes=None if scopes is None else sorted(scopes))


@blueprint.get("/people")
@access(Role.INSTRUCTOR)
@blueprint.input(PeopleQuery, location="query")
@blueprint.output(PersonList)
@blueprint.doc(summary="List people", description="Without those who were anonymised.", responses=problems(422))
def list_people(query_data: PeopleQuery) -> PersonList:
    wanted = service.people_query(
        search=query_data.q,
        role=None if query_data.role is None else Role(query_data.role),
        active=query_data.active,
        today=clock.now().astimezone(config().lab.zone).date(),
    )
    rows, following = page_of(wanted, Person.id, query_data.limit, query_data.cursor)
    return PersonList(items=[_shown(row) for row in rows], next=following)


@blueprint.post("/people")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewPerson, example={"name": "Ada Lovelace", "email": "ada@example.org", "member_until": "2026-12-31"})
@blueprint.output(ShownPerson, status_code=201)
@blueprint.doc(summary="Add somebody", responses=problems(409, 415, 422))
@idempotent
def add_person(json_data: NewPerson) -> tuple[ShownPerson, int]:
    return _shown(service.add(actor(), _values(json_data), clock.now())), 201


@blueprint.get("/people/<int:person_id>")
@access(Role.MAKER)
@blueprint.output(ShownPerson)
@blueprint.doc(summary="One person", description="Oneself; anybody for staff.", responses=problems(404))
def get_person(person_id: int) -> ShownPerson:
    return _shown(service.get_person(actor(), person_id))


@blueprint.patch("/people/<int:person_id>")
@access(Role.MAKER, scope="manage")
@blueprint.input(PersonChange, example={"member_until": "2027-12-31"})
@blueprint.output(ShownPerson)
@blueprint.doc(
    summary="Change somebody",
    description="Managers change makers, administrators everybody; one's own language everybody.",
    responses=problems(404, 409, 415, 422),
)
def change_person(person_id: int, json_data: PersonChange) -> ShownPerson:
    return _shown(service.change(actor(), person_id, _values(json_data), clock.now()))


@blueprint.delete("/people/<int:person_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Anonymise somebody", description="For good; the figures stay.", responses=problems(404, 409))
def anonymise_person(person_id: int) -> tuple[str, int]:
    service.anonymise(actor(), person_id, clock.now())
    return "", 204


@blueprint.get("/people/<int:person_id>/badges")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(BadgeList)
@blueprint.doc(summary="Somebody's badges", responses=problems(404, 422))
def list_badges(person_id: int, query_data: PageQuery) -> BadgeList:
    wanted = badges.badges_query(actor(), person_id)
    rows, following = page_of(wanted, Badge.id, query_data.limit, query_data.cursor)
    return BadgeList(items=[ShownBadge.model_validate(row) for row in rows], next=following)


@blueprint.post("/people/<int:person_id>/badges")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewBadge, example={"uid": "04A1B2C3D4E580", "label": "blue tag"})
@blueprint.output(ShownBadge, status_code=201)
@blueprint.doc(summary="Give a badge", responses=problems(404, 409, 415, 422))
@idempotent
def add_badge(person_id: int, json_data: NewBadge) -> tuple[ShownBadge, int]:
    made = badges.add(actor(), person_id, json_data.uid, json_data.label, clock.now())
    return ShownBadge.model_validate(made), 201


@blueprint.post("/badges/<int:badge_id>/revoke")
@access(Role.MAKER, scope="manage")
@blueprint.input(BadgeChange, example={"reason": "lost"})
@blueprint.output(ShownBadge)
@blueprint.doc(
    summary="Withdraw a badge",
    description="It counts at once. One's own; all for managers.",
    responses=problems(404, 409, 415, 422),
)
@idempotent
def revoke_badge(badge_id: int, json_data: BadgeChange) -> ShownBadge:
    return ShownBadge.model_validate(badges.revoke(actor(), badge_id, json_data.reason, clock.now()))


def _reach_database() -> None:
    """Raises Unavailable unless the database answers and has the version this program needs."""
    try:
        schema.check()
    except schema.SchemaError as error:
        raise Unavailable(str(error)) from None


def _shown(person: Person) -> ShownPerson:
    acting = actor()
    may_see = acting.is_at_least(Role.MANAGER) or acting.person_id == person.id
    return ShownPerson(
        id=person.id,
        name=person.name,
        email=person.email if may_see else None,
        role=person.role.value,
        active=person.active,
        language=person.language,
        born_on=person.born_on,
        member_until=person.member_until,
        plan_id=None if person.plan_id is None else str(person.plan_id),
        audience=person.audience.value,
        organisation=person.organisation,
        created_at=person.created_at,
        anonymised_at=person.anonymised_at,
    )


def _values(body: PersonChange) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.model_fields_set}
