"""How REST shows a reservation: for every module that answers with one."""

from typing import Any

from pydantic import Field

from fablab.reservations import at_risk
from fablab.reservations import verdict as rules
from fablab.reservations.models import Reservation
from fablab.reservations.rules import Slot
from fablab.web.api import Shown, ShownIdent, ShownInstant
from fablab.web.errors import denial_json


class ShownReservation(Shown):
    """A reservation; `resource_id` is the first of `resource_ids`."""

    id: ShownIdent = Field(examples=["42"])
    resource_id: ShownIdent
    resource_ids: list[ShownIdent]
    person_id: ShownIdent
    created_by_id: str | None
    start: ShownInstant
    end: ShownInstant
    state: str = Field(
        description="requested, held, booked, finished, cancelled, rejected, expired or released", examples=["booked"]
    )
    note: str
    created_at: ShownInstant
    started_at: ShownInstant | None = Field(description="When the use began")
    ended_at: ShownInstant | None = Field(description="When it was finished, cancelled, rejected or released")
    held_until: ShownInstant | None = Field(description="Until when an offer can be accepted")
    party_size: int
    exclusive: bool
    late_cancelled: bool
    at_risk_since: ShownInstant | None = Field(
        description="Since when its person lacks a certification that it needs; else null"
    )
    overridden: list[str] = Field(description="Codes of the rules that staff set aside")
    series_id: str | None


def shown(reservation: Reservation) -> ShownReservation:
    """A reservation as the API shows it."""
    ids = [one.resource_id for one in reservation.allocations]
    return ShownReservation(
        id=reservation.id,
        resource_id=ids[0],
        resource_ids=ids,
        person_id=reservation.person_id,
        created_by_id=None if reservation.created_by_id is None else str(reservation.created_by_id),
        start=reservation.starts_at,
        end=reservation.ends_at,
        state=reservation.state.value,
        note=reservation.note,
        created_at=reservation.created_at,
        started_at=reservation.started_at,
        ended_at=reservation.ended_at,
        held_until=reservation.held_until,
        party_size=reservation.party_size,
        exclusive=reservation.exclusive,
        late_cancelled=reservation.late_cancelled,
        at_risk_since=reservation.at_risk_since if at_risk.is_at_risk(reservation) else None,
        overridden=[one["code"] for one in reservation.overrides],
        series_id=None if reservation.series_id is None else str(reservation.series_id),
    )


class ShownSlot(Shown):
    """A time that may be booked."""

    start: ShownInstant
    end: ShownInstant


class Verdict(Shown):
    """What booking would say."""

    allowed: bool
    denials: list[dict[str, Any]] = Field(description="Every reason at once: code, message, params, remedy")
    suggestions: list[ShownSlot] = Field(description="The nearest slots that are allowed, nearest first")
    needs_approval: bool = Field(description="It would be a request: the staff must accept it")
    overridable: list[str] = Field(description="Codes that the caller may set aside with a reason, in `overrides`")


def slot_json(slot: Slot) -> ShownSlot:
    """A time as the API shows it."""
    return ShownSlot(start=slot.starts_at, end=slot.ends_at)


def verdict_json(verdict: rules.Verdict) -> Verdict:
    """What the rules say, as the API shows it."""
    return Verdict(
        allowed=verdict.allowed,
        denials=[denial_json(denial) for denial in verdict.denials],
        suggestions=[slot_json(slot) for slot in verdict.suggestions],
        needs_approval=verdict.needs_approval,
        overridable=list(verdict.overridable),
    )
