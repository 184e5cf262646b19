"""Reservations: book, change and cancel. Two people never hold the same time, however many ask at once.

The resources are locked in the order of their ids, the facts are read after that, and the database's own guard has the
last word. Everything here that reads for pages and the API is in `reading.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.reservations import guards, notices
from fablab.reservations.gather import booking_facts, first_taken
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.rules import BookingFacts, Slot, all_denials, taken_denial
from fablab.reservations.search import SEARCH_DAYS, free_slots, suggestions
from fablab.reservations.wishes import Wish
from fablab.resources.models import Resource

FURTHEST = timedelta(days=3660)
LONGEST = timedelta(days=366)
MOST_RESOURCES = 20
MOST_DAYS = 62
"""The longest time over which free slots are listed at once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say to a wish: every reason against (none: allowed), and the nearest slots that are allowed."""

    denials: tuple[Denial, ...]
    suggestions: tuple[Slot, ...] = ()

    @property
    def allowed(self) -> bool:
        """Nothing speaks against it."""
        return not self.denials


def book(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    note: str,
    now: datetime,
) -> Reservation:
    """One reservation of all the resources, or none of it. For somebody else only staff may book.

    Raises Denied with every reason, Invalid for an unknown person or resource or an impossible time, Forbidden.
    """
    wish = _wish(actor, person_id, resource_ids, starts_at, ends_at, now)
    _check_note(note)
    try:
        with transaction() as session:
            locked = _lock_resources(wish.resource_ids)
            _refuse(booking_facts(wish, locked=locked))
            reservation = Reservation(
                person_id=person_id,
                created_by_id=actor.person_id,
                created_at=now,
                state=ReservationState.BOOKED,
                note=note,
                starts_at=starts_at,
                ends_at=ends_at,
                allocations=_allocations(wish),
            )
            session.add(reservation)
            session.flush()
            _tell("created", actor, reservation, wish.resource_ids, now)
            notices.confirmed(reservation, now)
            return reservation
    except IntegrityError as error:
        raise _taken(error, wish) from None


def change(
    actor: Actor,
    reservation_id: int,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    note: str | None = None,
) -> Reservation:
    """Moves a reservation or changes its note; every rule is asked again for another time. One's own; staff any.

    Raises NotFound, Conflict when it is over or cancelled, Denied, Invalid.
    """
    _check_note(note or "")
    wish: Wish | None = None
    try:
        with transaction():
            reservation, resource_ids = _own(actor, reservation_id, now, lock_resources=True)
            before = _facts(reservation)
            wanted = starts_at or reservation.starts_at, ends_at or reservation.ends_at
            if wanted != (reservation.starts_at, reservation.ends_at):
                wish = _wish(actor, reservation.person_id, resource_ids, *wanted, now)
                wish = replace(wish, ignore=reservation.id, begun=wanted[0] == reservation.starts_at)
                _refuse(booking_facts(wish))
                _move(reservation, wish)
            reservation.note = reservation.note if note is None else note
            if _facts(reservation) != before:
                reservation.sequence += 1
                _tell("changed", actor, reservation, resource_ids, now, before)
                if wish is not None:
                    notices.changed(actor, reservation, before, now)
            return reservation
    except IntegrityError as error:
        if wish is None:
            raise
        raise _taken(error, wish) from None


def cancel(actor: Actor, reservation_id: int, now: datetime, reason: str = "") -> Reservation:
    """Gives the time back to others. One's own; staff any. Raises NotFound, Conflict when it is over or cancelled."""
    _check_note(reason, "reason")
    with transaction():
        reservation, resource_ids = _own(actor, reservation_id, now)
        before = _facts(reservation)
        reservation.state, reservation.ended_at = ReservationState.CANCELLED, now
        reservation.ended_by_id, reservation.end_reason = actor.person_id, reason
        for allocation in reservation.allocations:
            allocation.live = False
        reservation.sequence += 1
        _tell("cancelled", actor, reservation, resource_ids, now, before)
        notices.cancelled(reservation, reason, now)
        return reservation


def check(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> Verdict:
    """What `book` would say, and the nearest allowed slots where it would refuse. Books nothing. Raises as `book`."""
    wish = _wish(actor, person_id, resource_ids, starts_at, ends_at, now)
    days = timedelta(days=SEARCH_DAYS + 1)
    choices = booking_facts(wish, (starts_at - days, ends_at + days))
    denials = all_denials(choices)
    return Verdict(tuple(denials), tuple(suggestions(choices)) if denials else ())


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


def _wish(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> Wish:
    """The wish, once it makes sense at all. Raises Forbidden, Invalid."""
    if person_id != actor.person_id and not actor.is_staff:
        raise Forbidden("only staff may book for somebody else")
    ids = tuple(dict.fromkeys(resource_ids))
    if not 1 <= len(ids) <= MOST_RESOURCES:
        raise Invalid({"resource_ids": f"must be one to {MOST_RESOURCES} resources"})
    if abs(starts_at - now) > FURTHEST:
        raise Invalid({"start": "must be within ten years from now"})
    if not timedelta(0) < ends_at - starts_at <= LONGEST:
        raise Invalid({"end": "must be after the start, by at most 366 days"})
    return Wish(person_id, ids, starts_at, ends_at, now)


def _check_note(note: str, field: str = "note") -> None:
    if len(note) > 500:
        raise Invalid({field: "must have at most 500 characters"})


def _lock_resources(ids: Sequence[int]) -> dict[int, Resource]:
    """Those that exist, read anew under their locks, which are taken in the order of ids: nobody waits in a ring."""
    found = {ident: lock(Resource, ident) for ident in sorted(ids)}
    return {ident: one for ident, one in found.items() if one is not None}


def _refuse(choices: Sequence[BookingFacts]) -> None:
    if denials := all_denials(choices):
        raise Denied(denials)


def _allocations(wish: Wish) -> list[Allocation]:
    return [
        Allocation(resource_id=ident, starts_at=wish.starts_at, ends_at=wish.ends_at, live=True)
        for ident in sorted(wish.resource_ids)
    ]


def _own(
    actor: Actor, reservation_id: int, now: datetime, *, lock_resources: bool = False
) -> tuple[Reservation, list[int]]:
    """The locked reservation that goes on, and its resources. Other people's are not found, except by staff."""
    if lock_resources:
        ids = select(Allocation.resource_id).where(Allocation.reservation_id == reservation_id)
        _lock_resources(list(db.session.scalars(ids)))
    reservation = lock(Reservation, reservation_id)
    if reservation is None or not (actor.is_staff or reservation.person_id == actor.person_id):
        raise NotFound(f"There is no reservation {reservation_id}.")
    if reservation.state is not ReservationState.BOOKED:
        raise Conflict(f"The reservation is {reservation.state.value} already.")
    if reservation.ends_at <= now:
        raise Conflict("The reservation is over.")
    return reservation, [one.resource_id for one in reservation.allocations]


def _move(reservation: Reservation, wish: Wish) -> None:
    reservation.starts_at, reservation.ends_at = wish.starts_at, wish.ends_at
    db.session.execute(
        update(Allocation)
        .where(Allocation.reservation_id == reservation.id)
        .values(starts_at=wish.starts_at, ends_at=wish.ends_at)
        .execution_options(synchronize_session=False)
    )


def _taken(error: IntegrityError, wish: Wish) -> Denied | IntegrityError:
    """The guard's word as a denial that names the time taken; any other fault of the database stays what it is."""
    if guards.SLOT_TAKEN not in str(error.orig) and "allocation_overlap" not in str(error.orig):
        return error
    taken = first_taken(wish.resource_ids, wish.starts_at, wish.ignore)
    found = [slot for slots in taken.values() for slot in slots if slot.starts_at < wish.ends_at]
    return Denied([taken_denial(slot) for slot in found or [Slot(wish.starts_at, wish.ends_at)]])


def _facts(reservation: Reservation) -> dict[str, Any]:
    return {
        "state": reservation.state.value,
        "starts_at": reservation.starts_at.isoformat(),
        "ends_at": reservation.ends_at.isoformat(),
        "note": reservation.note,
    }


def _tell(
    what: str,
    actor: Actor,
    reservation: Reservation,
    resource_ids: Sequence[int],
    now: datetime,
    before: Mapping[str, Any] | None = None,
) -> None:
    """The event for whoever listens, and the entry in the audit log."""
    ids = [str(ident) for ident in resource_ids]
    facts = _facts(reservation)
    events.append(
        f"reservation.{what}",
        now,
        reservation_id=str(reservation.id),
        person_id=str(reservation.person_id),
        resource_ids=ids,
        starts_at=facts["starts_at"],
        ends_at=facts["ends_at"],
    )
    after = {**facts, "person_id": str(reservation.person_id), "resource_ids": ids} if before is None else facts
    audit.record(actor, f"reservation.{what}", reservation, now, before=before, after=after)
