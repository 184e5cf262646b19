"""Reservations: book, change, cancel and ask. Two people never hold the same time, however many ask at once.

What these share (locks, rules, the guard) is in `placing.py`; requests, holds, presence and lets have modules of their
own. Everything that reads for pages and the API is in `reading.py`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext

from fablab.core.actor import Actor
from fablab.core.db import transaction
from fablab.core.errors import Conflict, Invalid
from fablab.reservations import changing, holds, lateness, notices, offers, placing, waiting
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Allocation, Companion, Let, Reservation, ReservationState, WaitingState
from fablab.reservations.placing import FURTHEST, MOST_RESOURCES, Judged
from fablab.reservations.rules import Slot
from fablab.reservations.search import free_slots
from fablab.reservations.verdict import Verdict, verdict
from fablab.reservations.wishes import Extras, LetTerms, Wish

__all__ = [
    "FURTHEST",
    "MOST_RESOURCES",
    "Verdict",
    "accept_hold",
    "availability",
    "book",
    "cancel",
    "change",
    "check",
    "check_change",
    "decline_hold",
    "expire_holds",
    "hold",
]

MOST_DAYS = 62
"""The longest time over which free slots are listed at once."""

hold = holds.hold
change, check_change = changing.change, changing.check_change
accept_hold, decline_hold, expire_holds = offers.accept_hold, offers.decline_hold, offers.expire_holds


def book(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    extras: Extras,
    now: datetime,
) -> Reservation:
    """One reservation of all the resources, or none of it. For somebody else only staff may book.

    Where a resource asks for approval it is `requested` and blocks nobody, but staff book at once. Raises Denied with
    every reason, Invalid for an unknown person or resource or an impossible time, Forbidden.
    """
    wish = placing.wish_of(actor, person_id, resource_ids, starts_at, ends_at, now, extras)
    with placing.guarded(wish), transaction() as session:
        person = placing.lock_person(person_id)
        resources = placing.lock_resources((*wish.resource_ids, *wish.along))
        found = placing.judge(actor, wish, person, resources)
        placing.refuse(found)
        reservation = _made(actor, wish, found)
        session.add(reservation)
        session.flush()
        asked = reservation.state is ReservationState.REQUESTED
        more: dict[str, Any] = {"overrides": found.set_aside} if found.set_aside else {}
        if reservation.on_behalf_reason:
            more["on_behalf_reason"] = reservation.on_behalf_reason
        placing.tell("requested" if asked else "created", actor, reservation, now, **more)
        (notices.requested if asked else notices.confirmed)(reservation, now)
        return reservation


def cancel(actor: Actor, reservation_id: int, now: datetime, reason: str = "") -> Reservation:
    """Gives the time back to others. One's own; staff any. Raises NotFound, Conflict when it is over or ended.

    Later than the rules let it be for free, it counts as late, unless the staff cancels it with a reason.
    """
    placing.check_text(reason, "reason")
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now, ReservationState.BOOKED, ReservationState.REQUESTED, ReservationState.HELD)
        if against := against_cancelling(actor, reservation, now):
            raise Conflict(against)
        before = placing.facts_of(reservation)
        blocked = reservation.state is not ReservationState.REQUESTED
        was_held = reservation.state is ReservationState.HELD
        reservation.late_cancelled = _is_late(actor, reservation, reason, now)
        placing.end(reservation, ReservationState.CANCELLED, actor, now, reason)
        if was_held:
            waiting.settle(reservation.id, WaitingState.DECLINED)
        if blocked:
            waiting.freed(resource_ids, max(reservation.starts_at, now), reservation.ends_at, now)
        more = {"late_cancelled": True} if reservation.late_cancelled else {}
        placing.tell("cancelled", actor, reservation, now, before, **more, **({"reason": reason} if reason else {}))
        notices.cancelled(reservation, reason, now, calendar=blocked and not was_held)
        return reservation


def check(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    extras: Extras | None = None,
) -> Verdict:
    """What `book` would say, and the nearest allowed slots where it would refuse. Books nothing. Raises as `book`."""
    return verdict(actor, placing.wish_of(actor, person_id, resource_ids, starts_at, ends_at, now, extras or Extras()))


def availability(
    person_id: int, resource_id: int, from_: datetime, to: datetime, minutes: int, now: datetime
) -> list[Slot]:
    """Every slot of this length that the person may book between the two instants, ascending; starts on the step.

    Raises Invalid for a time that is empty or longer than `MOST_DAYS`, or an unknown person or resource.
    """
    if not timedelta(0) < to - from_ <= timedelta(days=MOST_DAYS):
        raise Invalid({"to": f"must be after `from`, by at most {MOST_DAYS} days"})
    if abs(from_ - now) > FURTHEST:
        raise Invalid({"from": "must be within ten years from now"})
    wish = Wish(person_id, (resource_id,), from_, from_ + timedelta(minutes=minutes), now)
    return free_slots(booking_facts(wish, (from_, to))[0], to, minutes)


# -- what may be done -------------------------------------------------------------------------------------------------


def against_cancelling(actor: Actor, reservation: Reservation, now: datetime) -> str:
    """Why this person may not cancel it; '' where he may, as far as it goes on. The staff always may."""
    if actor.is_staff or reservation.state is not ReservationState.BOOKED:
        return ""
    if reservation.let is not None and reservation.starts_at <= now:
        return gettext("This let has begun. Give notice to end it.")
    if reservation.started_at is not None:
        return gettext("It is in use: finish it instead.")
    return ""


# -- booking ----------------------------------------------------------------------------------------------------------


def _made(actor: Actor, wish: Wish, found: Judged) -> Reservation:
    extras = wish.extras
    asked = found.needs_approval and not actor.is_staff
    ids = (*sorted(wish.resource_ids), *wish.along)
    return Reservation(
        person_id=wish.person_id,
        created_by_id=actor.person_id,
        created_at=wish.now,
        state=ReservationState.REQUESTED if asked else ReservationState.BOOKED,
        note=extras.note,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        party_size=extras.party_size,
        exclusive=extras.exclusive,
        on_behalf_reason=extras.on_behalf_reason if wish.person_id != actor.person_id else "",
        overrides=found.set_aside,
        series_id=extras.series_id,
        occurrence_at=extras.occurrence_at,
        companions=[Companion(person_id=one, called=extras.called.get(one, "")) for one in extras.companion_ids],
        let=_let(extras.let),
        allocations=[
            Allocation(resource_id=ident, starts_at=wish.starts_at, ends_at=wish.ends_at, live=not asked)
            for ident in ids
        ],
    )


def _let(terms: LetTerms | None) -> Let | None:
    if terms is None:
        return None
    return Let(keys=terms.keys, deposit=terms.deposit, notice_days=terms.notice_days)


# -- cancelling -------------------------------------------------------------------------------------------------------


def _is_late(actor: Actor, reservation: Reservation, reason: str, now: datetime) -> bool:
    if actor.is_staff and reason:
        return False
    if reservation.state is not ReservationState.BOOKED:
        return reservation.given_back_late
    return lateness.is_late(reservation, lateness.cancel_hours(reservation), now)
