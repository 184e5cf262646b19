"""REST: `/certifications`, their grants, and a person's certifications."""

from datetime import datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import AfterValidator, Field

from fablab.certifications import granting, service
from fablab.certifications.facts import facts_of
from fablab.certifications.models import Certification, Grant
from fablab.certifications.rules import ended, ends_by
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.words import config
from fablab.web.access import access, actor
from fablab.web.api import (
    Body,
    Ident,
    Instant,
    PageQuery,
    Shown,
    ShownIdent,
    ShownInstant,
    idempotent,
    page_of,
    problems,
)

blueprint = APIBlueprint("certifications_api", __name__, url_prefix="/api/v1", tag="Certifications")


def _languages(texts: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(texts) - set(config().lab.languages))
    if unknown:
        raise ValueError(f"unknown language {unknown[0]!r}; this lab has {', '.join(config().lab.languages)}")
    return texts


Line = Annotated[str, Field(min_length=1, max_length=200)]
Words = Line | Annotated[dict[str, Line], Field(min_length=1), AfterValidator(_languages)]
Prose = Annotated[str, Field(max_length=5000)]
LongWords = Prose | Annotated[dict[str, Prose], AfterValidator(_languages)]
Days = Annotated[int, Field(ge=1, le=36500)]


class CertificationChange(Body):
    """Fields of a certification; a text alone is in the lab's own language, an object holds it by language."""

    name: Words = Field(default_factory=str, examples=[{"en": "Laser cutting", "fr": "Découpe laser"}])
    description: LongWords = Field(default_factory=str)
    validity_days: Days | None = Field(None, description="A grant ends after so many days; null: never")
    lapse_after_unused_days: Days | None = Field(None, description="It ends when unused for so long; null: never")


class NewCertification(CertificationChange):
    """A certification to define: the name is needed."""

    name: Words = Field(examples=[{"en": "Laser cutting", "fr": "Découpe laser"}])


class ShownCertification(Shown):
    """What one can be certified for; texts in the caller's language, `names` and `descriptions` in all."""

    id: ShownIdent = Field(examples=["3"])
    name: str
    names: dict[str, str]
    description: str
    descriptions: dict[str, str]
    validity_days: int | None
    lapse_after_unused_days: int | None
    resource_ids: list[ShownIdent] = Field(description="The resources that ask for it")
    url: str = Field(description="Its page for people", examples=["/certifications/3"])


class CertificationList(Shown):
    """A page of certifications."""

    items: list[ShownCertification]
    next: str | None


class NewGrant(Body):
    """Who is to be certified, and why."""

    person_id: Ident = Field(description="Not oneself")
    reason: str = Field(min_length=1, max_length=500, examples=["training of 3 March"])
    valid_until: Instant | None = Field(None, description="Else as long as the certification says")


class Withdrawal(Body):
    """Why it is withdrawn."""

    reason: str = Field(min_length=1, max_length=500, examples=["left the laser running alone"])


class ShownGrant(Shown):
    """Somebody holds, or held, a certification. `state`: held, or the denial code of how it ended."""

    id: ShownIdent = Field(examples=["17"])
    certification_id: ShownIdent
    certification: str
    person_id: ShownIdent
    state: str = Field(examples=["held"])
    granted_at: ShownInstant
    granted_by_id: str | None
    reason: str
    valid_until: ShownInstant | None
    ends_at: ShownInstant | None = Field(description="When it ends, or ended, as known now")
    last_used_at: ShownInstant | None
    revoked_at: ShownInstant | None
    revoked_by_id: str | None
    revoked_reason: str


class GrantList(Shown):
    """A page of grants."""

    items: list[ShownGrant]
    next: str | None


@blueprint.get("/certifications")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(CertificationList)
@blueprint.doc(summary="List certifications", responses=problems(422))
def list_certifications(query_data: PageQuery) -> CertificationList:
    rows, following = page_of(service.certifications_query(), Certification.id, query_data.limit, query_data.cursor)
    return CertificationList(items=_shown(rows), next=following)


@blueprint.post("/certifications")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewCertification, example={"name": {"en": "Laser cutting"}, "validity_days": 730})
@blueprint.output(ShownCertification, status_code=201)
@blueprint.doc(summary="Define a certification", responses=problems(409, 415, 422))
@idempotent
def define(json_data: NewCertification) -> tuple[ShownCertification, int]:
    return _shown([service.define(actor(), _values(json_data), clock.now())])[0], 201


@blueprint.get("/certifications/<int:certification_id>")
@access(Role.MAKER)
@blueprint.output(ShownCertification)
@blueprint.doc(summary="One certification", responses=problems(404))
def get_certification(certification_id: int) -> ShownCertification:
    return _shown([service.get_certification(certification_id)])[0]


@blueprint.patch("/certifications/<int:certification_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(CertificationChange, example={"validity_days": 365})
@blueprint.output(ShownCertification)
@blueprint.doc(
    summary="Change a certification",
    description="What is left out stays; grants keep the end they were given.",
    responses=problems(404, 415, 422),
)
def change(certification_id: int, json_data: CertificationChange) -> ShownCertification:
    return _shown([service.change(actor(), certification_id, _values(json_data), clock.now())])[0]


@blueprint.get("/certifications/<int:certification_id>/grants")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(GrantList)
@blueprint.doc(summary="Who holds it", description="One's own; all for staff.", responses=problems(404, 422))
def list_grants(certification_id: int, query_data: PageQuery) -> GrantList:
    service.get_certification(certification_id)
    wanted = granting.grants_query(actor(), certification_id)
    return _grants(wanted, query_data)


@blueprint.post("/certifications/<int:certification_id>/grants")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(NewGrant, example={"person_id": "12", "reason": "training of 3 March"})
@blueprint.output(ShownGrant, status_code=201)
@blueprint.doc(summary="Certify somebody", responses=problems(404, 409, 415, 422))
@idempotent
def grant(certification_id: int, json_data: NewGrant) -> tuple[ShownGrant, int]:
    now = clock.now()
    until: datetime | None = json_data.valid_until
    made = granting.grant(actor(), certification_id, json_data.person_id, json_data.reason, now, valid_until=until)
    return _grant(made, now), 201


@blueprint.post("/grants/<int:grant_id>/revoke")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(Withdrawal, example={"reason": "left the laser running alone"})
@blueprint.output(ShownGrant)
@blueprint.doc(summary="Withdraw a grant", description="It counts at once.", responses=problems(404, 409, 415, 422))
@idempotent
def revoke(grant_id: int, json_data: Withdrawal) -> ShownGrant:
    now = clock.now()
    return _grant(granting.revoke(actor(), grant_id, json_data.reason, now), now)


@blueprint.get("/people/<int:person_id>/certifications")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(GrantList)
@blueprint.doc(summary="What somebody is certified for", responses=problems(404, 422), tags=["People"])
def list_person_grants(person_id: int, query_data: PageQuery) -> GrantList:
    return _grants(granting.person_grants_query(actor(), person_id), query_data)


def _grants(wanted: Any, query: PageQuery) -> GrantList:
    rows, following = page_of(wanted, Grant.id, query.limit, query.cursor)
    now = clock.now()
    return GrantList(items=[_grant(row, now) for row in rows], next=following)


def _grant(found: Grant, now: datetime) -> ShownGrant:
    facts = facts_of(found)
    end, coming = ended(facts, now), ends_by(facts)
    return ShownGrant(
        id=found.id,
        certification_id=found.certification_id,
        certification=words.text(found.certification.name),
        person_id=found.person_id,
        state="held" if end is None else end[0],
        granted_at=found.granted_at,
        granted_by_id=_text(found.granted_by_id),
        reason=found.reason,
        valid_until=found.valid_until,
        ends_at=None if coming is None else coming[0],
        last_used_at=found.last_used_at,
        revoked_at=found.revoked_at,
        revoked_by_id=_text(found.revoked_by_id),
        revoked_reason=found.revoked_reason,
    )


def _shown(found: Any) -> list[ShownCertification]:
    opened = service.opened_by([one.id for one in found])
    return [
        ShownCertification(
            id=one.id,
            name=words.text(one.name),
            names=one.name,
            description=words.text(one.description),
            descriptions=one.description,
            validity_days=one.validity_days,
            lapse_after_unused_days=one.lapse_after_unused_days,
            resource_ids=opened.get(one.id, []),
            url=f"/certifications/{one.id}",
        )
        for one in found
    ]


def _text(ident: int | None) -> str | None:
    return None if ident is None else str(ident)


def _values(body: CertificationChange) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    for name in ("name", "description"):
        if isinstance(made.get(name), str):
            made[name] = {config().lab.languages[0]: made[name]} if made[name] else {}
    return made
