"""REST: who holds a certification: grants, withdrawals, suspensions."""

from datetime import datetime
from typing import Any, Literal

from apiflask import APIBlueprint
from pydantic import Field

from fablab.certifications import granting, service, suspending
from fablab.certifications.facts import facts_of
from fablab.certifications.models import Evidence, Grant, Suspension
from fablab.certifications.rules import ended, ends_by
from fablab.core import clock, words
from fablab.core.actor import Role
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

blueprint = APIBlueprint("grants_api", __name__, url_prefix="/api/v1", tag="Certifications")


class NewGrant(Body):
    """Who is to be certified, and why."""

    person_id: Ident = Field(description="Not oneself")
    reason: str = Field(min_length=1, max_length=500, examples=["training of 3 March"])
    valid_until: Instant | None = Field(None, description="Else as long as the certification says")
    evidence: Literal["observed", "training", "quiz", "recognised"] = Field(
        "observed", description="On what it stands; recognised: learnt in another lab, which needs no quiz here"
    )
    proof: str = Field("", max_length=500, description="Where it was learnt and how that was shown: for recognised")


class Withdrawal(Body):
    """Why it is withdrawn."""

    reason: str = Field(min_length=1, max_length=500, examples=["left the laser running alone"])


class NewSuspension(Body):
    """From whom it is held back, and why."""

    person_id: Ident = Field(description="Not oneself")
    reason: str = Field(min_length=1, max_length=500, examples=["burnt the table; we talk about it"])


class Lifting(Body):
    """What came of the talk."""

    note: str = Field("", max_length=500, examples=["talked about it"])


class ShownSuspension(Shown):
    """Staff holds, or held, a certification of a person back."""

    id: ShownIdent = Field(examples=["5"])
    certification_id: ShownIdent
    person_id: ShownIdent
    started_at: ShownInstant
    started_by_id: str | None
    reason: str
    ended_at: ShownInstant | None
    ended_by_id: str | None
    end_note: str


class SuspensionList(Shown):
    """A page of suspensions."""

    items: list[ShownSuspension]
    next: str | None


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
    evidence: str = Field(description="observed, training, quiz or recognised", examples=["observed"])
    proof: str
    valid_until: ShownInstant | None
    ends_at: ShownInstant | None = Field(description="When it ends, or ended, as known now")
    last_used_at: ShownInstant | None
    suspended_at: ShownInstant | None = Field(description="Held back by the staff since then")
    revoked_at: ShownInstant | None
    revoked_by_id: str | None
    revoked_reason: str


class GrantList(Shown):
    """A page of grants."""

    items: list[ShownGrant]
    next: str | None


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
@blueprint.doc(
    summary="Certify somebody",
    description="Instructors grant what they teach; `/certifications/{id}` of level instructor are for managers. 409 "
    "with every denial where the person still needs something.",
    responses=problems(404, 409, 415, 422),
)
@idempotent
def grant(certification_id: int, json_data: NewGrant) -> tuple[ShownGrant, int]:
    now = clock.now()
    made = granting.grant(
        actor(),
        certification_id,
        json_data.person_id,
        json_data.reason,
        now,
        valid_until=json_data.valid_until,
        evidence=Evidence(json_data.evidence),
        proof=json_data.proof,
    )
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


@blueprint.get("/certifications/<int:certification_id>/suspensions")
@access(Role.MAKER)
@blueprint.input(PageQuery, location="query")
@blueprint.output(SuspensionList)
@blueprint.doc(summary="From whom it is held back", description="One's own; all for staff.", responses=problems(404))
def list_suspensions(certification_id: int, query_data: PageQuery) -> SuspensionList:
    service.get_certification(certification_id)
    wanted = suspending.suspensions_query(actor(), certification_id)
    rows, following = page_of(wanted, Suspension.id, query_data.limit, query_data.cursor)
    return SuspensionList(items=[_suspension(row) for row in rows], next=following)


@blueprint.post("/certifications/<int:certification_id>/suspensions")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(NewSuspension, example={"person_id": "12", "reason": "burnt the table; we talk about it"})
@blueprint.output(ShownSuspension, status_code=201)
@blueprint.doc(
    summary="Hold a certification back from somebody",
    description="Counts at once, until it is lifted. Who may grant it.",
    responses=problems(404, 409, 415, 422),
)
@idempotent
def suspend(certification_id: int, json_data: NewSuspension) -> tuple[ShownSuspension, int]:
    made = suspending.suspend(actor(), certification_id, json_data.person_id, json_data.reason, clock.now())
    return _suspension(made), 201


@blueprint.post("/suspensions/<int:suspension_id>/lift")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(Lifting, example={"note": "talked about it"})
@blueprint.output(ShownSuspension)
@blueprint.doc(summary="Lift a suspension", responses=problems(404, 409, 415, 422))
@idempotent
def lift(suspension_id: int, json_data: Lifting) -> ShownSuspension:
    return _suspension(suspending.lift(actor(), suspension_id, json_data.note, clock.now()))


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
        evidence=found.evidence.value,
        proof=found.proof,
        valid_until=found.valid_until,
        ends_at=None if coming is None else coming[0],
        last_used_at=found.last_used_at,
        suspended_at=found.suspended_at,
        revoked_at=found.revoked_at,
        revoked_by_id=_text(found.revoked_by_id),
        revoked_reason=found.revoked_reason,
    )


def _suspension(found: Suspension) -> ShownSuspension:
    return ShownSuspension(
        id=found.id,
        certification_id=found.certification_id,
        person_id=found.person_id,
        started_at=found.started_at,
        started_by_id=_text(found.started_by_id),
        reason=found.reason,
        ended_at=found.ended_at,
        ended_by_id=_text(found.ended_by_id),
        end_note=found.end_note,
    )


def _text(ident: int | None) -> str | None:
    return None if ident is None else str(ident)
