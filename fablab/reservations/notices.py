"""What the person of a reservation is told of it, with the calendar event that follows its changes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from fablab.core.actor import Actor
from fablab.notices.lets import LetEnds, LetNotice
from fablab.notices.messages import (
    OverrunWarning,
    ReservationCancelled,
    ReservationChanged,
    ReservationConfirmed,
    ReservationMovedByStaff,
    ReservationOffered,
    ReservationReleased,
    ReservationReminder,
)
from fablab.notices.requests import ReservationAwaited, ReservationRejected, ReservationRequested, Why
from fablab.notices.service import notify, notify_staff
from fablab.notices.waiting import WaitingEnded
from fablab.reservations.asked import asked
from fablab.reservations.calendar_feed import event_of
from fablab.reservations.models import Let, Reservation, WaitingEntry

_TOGETHER: ContextVar[bool] = ContextVar("told_together", default=False)


@contextmanager
def together() -> Iterator[None]:
    """Within it neither the person of a reservation nor the staff is told of each one: who changes many tells of all
    at once."""
    token = _TOGETHER.set(True)
    try:
        yield
    finally:
        _TOGETHER.reset(token)


def requested(
    reservation: Reservation, now: datetime, *, withdrawn: bool = False, by_staff: bool = False, reason: str = ""
) -> None:
    """It waits for the staff's agreement; `withdrawn`: what the person's calendar holds of it is taken out; `by_staff`:
    they moved it, for this reason."""
    if _TOGETHER.get():
        return
    notify_staff(ReservationAwaited(**_facts(reservation), person=reservation.person.name), now)
    gone = replace(event_of(reservation), changed_at=now) if withdrawn else None
    message = ReservationRequested(**_facts(reservation), by_staff=by_staff, reason=reason)
    notify(reservation.person_id, message, now, attach=gone)


def confirmed(reservation: Reservation, now: datetime) -> None:
    """It is booked."""
    if _TOGETHER.get():
        return
    notify(reservation.person_id, ReservationConfirmed(**_facts(reservation)), now, attach=event_of(reservation))


def changed(actor: Actor, reservation: Reservation, before: Mapping[str, Any], now: datetime, reason: str = "") -> None:
    """It was moved or resized, by the person or by the staff; `before` holds `starts_at` and `ends_at` in RFC 3339."""
    if _TOGETHER.get():
        return
    facts = _facts(reservation) | {
        "was_starts_at": datetime.fromisoformat(before["starts_at"]),
        "was_ends_at": datetime.fromisoformat(before["ends_at"]),
    }
    own = actor.person_id == reservation.person_id
    message = ReservationChanged(**facts) if own else ReservationMovedByStaff(**facts, reason=reason)
    notify(reservation.person_id, message, now, attach=replace(event_of(reservation), changed_at=now))


def cancelled(reservation: Reservation, reason: str, now: datetime, *, calendar: bool = True) -> None:
    """It was cancelled; `calendar`: calendars that hold it are told too."""
    if _TOGETHER.get():
        return
    message = ReservationCancelled(**_facts(reservation), reason=reason)
    notify(reservation.person_id, message, now, attach=event_of(reservation) if calendar else None)


def rejected(reservation: Reservation, why: Why, reason: str, now: datetime) -> None:
    """The request was turned down: by the staff, because another was accepted, or because nobody answered in time."""
    notify(reservation.person_id, ReservationRejected(**_facts(reservation), why=why, reason=reason), now)


def released(reservation: Reservation, grace_minutes: int, now: datetime) -> None:
    """Nobody came in time."""
    message = ReservationReleased(**_facts(reservation), grace_minutes=grace_minutes)
    notify(reservation.person_id, message, now, attach=event_of(reservation))


def reminded(reservation: Reservation, now: datetime) -> None:
    """It is soon."""
    notify(reservation.person_id, ReservationReminder(**_facts(reservation)), now)


def overrun(following: Reservation, until: datetime | None, now: datetime) -> bool:
    """The person before is still at it; True when this is told for the first time."""
    return notify(following.person_id, OverrunWarning(**_facts(following), expected_until=until), now)


def offered(reservation: Reservation, now: datetime) -> None:
    """It is held for the first in the waiting list, who may accept it on its page."""
    facts = _facts(reservation) | {"accept_path": f"/reservations/{reservation.id}"}
    notify(reservation.person_id, ReservationOffered(**facts | {"held_until": reservation.held_until}), now)


def waited_in_vain(entry: WaitingEntry, now: datetime) -> None:
    """The time that was waited for is over."""
    times = {"starts_at": entry.starts_at, "ends_at": entry.ends_at}
    notify(entry.person_id, WaitingEnded(entry_id=entry.id, resources=(entry.resource.name,), **times), now)


def let_ends(actor: Actor, reservation: Reservation, let: Let, last_day: date, now: datetime) -> None:
    """Notice is given for a let: the tenant and the staff read when it ends and what has to come back."""
    facts: dict[str, Any] = _facts(reservation) | {
        "last_day": last_day,
        "keys": "" if let.keys_returned_at else let.keys,
        "deposit": bool(let.deposit) and let.deposit_returned_at is None,
    }
    own = LetEnds(**facts, by_staff=actor.person_id != reservation.person_id)
    notify(reservation.person_id, own, now, attach=replace(event_of(reservation), changed_at=now))
    notify_staff(LetNotice(**facts, person=reservation.person.name), now)


def _facts(reservation: Reservation) -> dict[str, Any]:
    return {
        "reservation_id": reservation.id,
        "resources": tuple(one.name for one in asked(reservation)),
        "starts_at": reservation.starts_at,
        "ends_at": reservation.ends_at,
        "sequence": reservation.sequence,
    }
