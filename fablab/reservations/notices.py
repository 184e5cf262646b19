"""What the person of a reservation is told of it, with the calendar event that follows its changes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from typing import Any

from fablab.core.actor import Actor
from fablab.notices.messages import (
    ReservationCancelled,
    ReservationChanged,
    ReservationConfirmed,
    ReservationMovedByStaff,
    ReservationOffered,
)
from fablab.notices.service import notify
from fablab.reservations.calendar_feed import event_of
from fablab.reservations.models import Reservation

_TOGETHER: ContextVar[bool] = ContextVar("told_together", default=False)


@contextmanager
def together() -> Iterator[None]:
    """Within it the person of a reservation is not told of each one: who changes many tells of all at once."""
    token = _TOGETHER.set(True)
    try:
        yield
    finally:
        _TOGETHER.reset(token)


def confirmed(reservation: Reservation, now: datetime) -> None:
    """It is booked."""
    if _TOGETHER.get():
        return
    notify(reservation.person_id, ReservationConfirmed(**_facts(reservation)), now, attach=event_of(reservation))


def changed(actor: Actor, reservation: Reservation, before: Mapping[str, Any], now: datetime) -> None:
    """It was moved or resized, by the person or by the staff; `before` holds `starts_at` and `ends_at` in RFC 3339."""
    if _TOGETHER.get():
        return
    facts = _facts(reservation) | {
        "was_starts_at": datetime.fromisoformat(before["starts_at"]),
        "was_ends_at": datetime.fromisoformat(before["ends_at"]),
    }
    own = actor.person_id == reservation.person_id
    message = ReservationChanged(**facts) if own else ReservationMovedByStaff(**facts, reason="")
    notify(reservation.person_id, message, now, attach=replace(event_of(reservation), changed_at=now))


def cancelled(reservation: Reservation, reason: str, now: datetime) -> None:
    """It was cancelled."""
    if _TOGETHER.get():
        return
    message = ReservationCancelled(**_facts(reservation), reason=reason)
    notify(reservation.person_id, message, now, attach=event_of(reservation))


def offered(reservation: Reservation, now: datetime) -> None:
    """It is held for the first in the waiting list, who may accept it on its page."""
    facts = _facts(reservation) | {"accept_path": f"/reservations/{reservation.id}"}
    notify(reservation.person_id, ReservationOffered(**facts, held_until=reservation.held_until), now)


def _facts(reservation: Reservation) -> dict[str, Any]:
    return {
        "reservation_id": reservation.id,
        "resources": tuple(one.resource.name for one in reservation.allocations),
        "starts_at": reservation.starts_at,
        "ends_at": reservation.ends_at,
        "sequence": reservation.sequence,
    }
