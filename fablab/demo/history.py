"""What happened to a booking of the demo, as the audit log would have kept it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fablab.demo.bookings import Booking
from fablab.reservations.models import ReservationState

ASKED = (ReservationState.REQUESTED, ReservationState.REJECTED)
OFFERED = (ReservationState.HELD, ReservationState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Told:
    """One act: when, by whom (None: by itself), and what the log keeps of it beside the booking as it is."""

    at: datetime
    who: int | None
    what: str
    more: dict[str, Any] = field(default_factory=dict)


def told(booking: Booking) -> list[Told]:
    """Every act, oldest first."""
    made = [_begin(booking)]
    if booking.let and booking.let["notice_given_at"]:
        made.append(Told(booking.let["notice_given_at"], booking.person, "notice_given"))
    if booking.started_at is not None and booking.arrived_by is not None:
        made.append(Told(booking.started_at, booking.person, "arrived", {"arrived_by": booking.arrived_by.value}))
    if booking.at_risk_since is not None:
        made.append(Told(booking.at_risk_since, None, "at_risk"))
    return made + _end(booking)


def _begin(booking: Booking) -> Told:
    if booking.state in OFFERED:
        return Told(booking.created_at, None, "created", {"state": "held"})
    what, state = ("requested",) * 2 if booking.state in ASKED else ("created", "booked")
    more: dict[str, Any] = {"state": state, "ends_at": (booking.agreed_until or booking.ends_at).isoformat()}
    if booking.on_behalf:
        more["on_behalf_reason"] = booking.on_behalf
    return Told(booking.created_at, booking.created_by or booking.person, what, more)


def _end(booking: Booking) -> list[Told]:
    at = booking.ended_at
    if at is None:
        return []
    if booking.state is ReservationState.FINISHED:
        return [Told(at, None, "finished", {"ended_at": at.isoformat()})]
    if booking.state is ReservationState.EXPIRED:
        return [Told(at, None, "offer_expired")]
    more: dict[str, Any] = {"late_cancelled": True} if booking.late else {}
    if booking.end_reason:
        more["reason"] = booking.end_reason
    return [Told(at, booking.ended_by, booking.state.value, more)]
