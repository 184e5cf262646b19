"""REST: `/usage-sessions`: what machines really did, and whose use it was."""

from typing import Literal

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.usage import log
from fablab.usage.models import Outcome, UsageSession
from fablab.web.access import access, actor
from fablab.web.api import (
    Body,
    Ident,
    Instant,
    PageQuery,
    Shown,
    ShownIdent,
    ShownInstant,
    page_of,
    problems,
)

blueprint = APIBlueprint("usage_api", __name__, url_prefix="/api/v1", tag="Usage")

OUTCOMES = Literal["completed", "cancelled", "failed", "interrupted", "ended", "unknown"]


class ShownSession(Shown):
    """One use of a resource as its device told it; times in seconds, energy in Wh, `progress` in per cent."""

    id: ShownIdent = Field(examples=["301"])
    resource_id: str | None
    device_id: str | None
    person_id: str | None
    reservation_id: str | None
    start: ShownInstant
    end: ShownInstant | None
    outcome: str | None = Field(examples=["completed"])
    job: str | None
    progress: float | None
    working_s: float | None
    paused_s: float | None
    energy_wh: float | None
    material: str | None
    grams: float | None
    flags: list[str]
    updated_at: ShownInstant


class SessionList(Shown):
    """A page of usage sessions."""

    items: list[ShownSession]
    next: str | None


class SessionQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    resource_id: Ident | None = None
    person_id: Ident | None = Field(None, description="Staff; makers see their own anyway")
    from_: Instant | None = Field(None, alias="from", description="Ending after this instant, or not ended")
    to: Instant | None = Field(None, description="Starting before this instant")
    outcome: OUTCOMES | None = None
    unattributed: bool = Field(False, description="Only those nobody is named for")
    running: bool = Field(False, description="Only those that have not ended")


class Attribution(Body):
    """Whose use it was; null takes the name away."""

    person_id: Ident | None


@blueprint.get("/usage-sessions")
@access(Role.MAKER)
@blueprint.input(SessionQuery, location="query")
@blueprint.output(SessionList)
@blueprint.doc(summary="List usage sessions", description="One's own; all for staff.", responses=problems(422))
def list_sessions(query_data: SessionQuery) -> SessionList:
    wanted = log.Filter(
        resource_id=query_data.resource_id,
        person_id=query_data.person_id,
        from_=query_data.from_,
        to=query_data.to,
        outcome=None if query_data.outcome is None else Outcome(query_data.outcome),
        unattributed=query_data.unattributed,
        running=query_data.running,
    )
    query = log.sessions_query(actor(), wanted)
    rows, following = page_of(query, UsageSession.id, query_data.limit, query_data.cursor)
    return SessionList(items=[shown(row) for row in rows], next=following)


@blueprint.get("/usage-sessions/<int:session_id>")
@access(Role.MAKER)
@blueprint.output(ShownSession)
@blueprint.doc(summary="One usage session", responses=problems(404))
def get_session(session_id: int) -> ShownSession:
    return shown(log.get_session(actor(), session_id).session)


@blueprint.patch("/usage-sessions/<int:session_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(Attribution, example={"person_id": "12"})
@blueprint.output(ShownSession)
@blueprint.doc(summary="Say whose use it was", responses=problems(404, 415, 422))
def attribute(session_id: int, json_data: Attribution) -> ShownSession:
    return shown(log.attribute(actor(), session_id, json_data.person_id, clock.now()))


def shown(session: UsageSession) -> ShownSession:
    """A session as the API shows it."""
    return ShownSession(
        id=session.id,
        resource_id=_text(session.resource_id),
        device_id=_text(session.device_id),
        person_id=_text(session.person_id),
        reservation_id=_text(session.reservation_id),
        start=session.started_at,
        end=session.ended_at,
        outcome=session.outcome.value if session.outcome else None,
        job=session.job,
        progress=session.progress,
        working_s=session.working_s,
        paused_s=session.paused_s,
        energy_wh=session.energy_wh,
        material=session.material,
        grams=session.grams,
        flags=session.flags,
        updated_at=session.updated_at,
    )


def _text(ident: int | None) -> str | None:
    return None if ident is None else str(ident)
