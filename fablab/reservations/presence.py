"""Who came and who did not: check-in, no-shows, early finish, reminders, and more time for a job that still runs.

What is due is found by interval, never by the minute: a job that ran late, twice or not for a day does the same once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import joinedload

from fablab.core.actor import Actor, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict
from fablab.reservations import notices, placing, service, waiting
from fablab.reservations.gather import first_taken
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, Let, Reservation, ReservationState
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.reading import WITH_RESOURCES

LEAST_GRACE = timedelta(minutes=5)
LONGEST_REMINDER = timedelta(hours=336)
SETTLED = timedelta(minutes=5)
"""So long after its end a used booking is finished: a machine that still runs may be given more time before."""

STALE = timedelta(days=1)
"""Nobody is told of a no-show that is longer ago."""

AT_ONCE = 500
"""How many reservations are looked at with one query."""

NEXT_WITHIN = timedelta(hours=1)
"""Whose booking begins so soon after an overrun is warned."""


def arrived(reservation_id: int, at: datetime, by: ArrivedBy, actor: Actor | None = None) -> bool:
    """Notes that somebody came for a reservation; the first time counts. True when this was it."""
    came = update(Reservation).where(Reservation.id == reservation_id, Reservation.started_at.is_(None))
    came = came.where(Reservation.state == ReservationState.BOOKED).values(started_at=at, arrived_by=by)
    with transaction() as session:
        found = session.execute(came.returning(Reservation.id).execution_options(synchronize_session=False))
        if found.scalar() is None:
            return False
        reservation = session.get_one(Reservation, reservation_id, populate_existing=True)
        placing.tell("arrived", actor or system("bridge"), reservation, at, {}, arrived_by=by.value)
        return True


def finish(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """Ends a booking that has begun; the rest of its time is free and offered. One's own; staff any.

    Raises NotFound, Conflict when it has not begun or is over.
    """
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now)
        if reservation.starts_at >= now:
            raise Conflict("The reservation has not begun; cancel it instead.")
        before = placing.facts_of(reservation)
        _close(reservation, actor, now)
        for allocation in reservation.allocations:
            allocation.ends_at = now
        db.session.flush()
        waiting.freed(resource_ids, now, reservation.ends_at, now)
        placing.tell("finished", actor, reservation, now, before)
        return reservation


def finish_past(now: datetime) -> int:
    """Finishes what was used, or needs no check-in, and is over; counts them. A job: twice is as once."""
    over = Reservation.ends_at <= now - SETTLED
    return sum(_finish_past(one.id, now) for one in _booked(over) if one.started_at or not _asks_check_in(one))


def release_no_shows(now: datetime) -> int:
    """Releases what nobody came for within the grace time and offers the rest; counts them. A job: twice is as once."""
    unclaimed = Reservation.started_at.is_(None) & (Reservation.starts_at <= now - LEAST_GRACE)
    return sum(_release(one.id, now) for one in _booked(unclaimed) if _unclaimed_at(one, now) is not None)


def remind(now: datetime) -> int:
    """Reminds of what comes soon, once; counts them. Who booked later than the reminder is due needs none. A job."""
    soon = Reservation.reminded_at.is_(None) & (Reservation.starts_at > now)
    soon &= Reservation.starts_at <= now + LONGEST_REMINDER
    return sum(_remind(one.id, now) for one in _booked(soon) if _reminder_due(one, now))


def overrun(reservation_id: int, now: datetime) -> bool:
    """The machine still runs at the end of this booking: gives it more time where the rules and the next booking let
    it, else warns who comes next, once. True when anything was done."""
    with transaction():
        reservation, resource_ids = placing.locked(system("job"), reservation_id)
        if reservation.state is not ReservationState.BOOKED or reservation.ends_at > now:
            return False
        more = min(one.overrun_extend_minutes for one in _policies(reservation))
        until = reservation.ends_at + timedelta(minutes=more)
        if more and until > now and not _taken_before(resource_ids, reservation, until):
            before = placing.facts_of(reservation)
            reservation.ends_at = until
            for allocation in reservation.allocations:
                allocation.ends_at = until
            reservation.sequence += 1
            db.session.flush()
            placing.tell("extended", system("job"), reservation, now, before)
            return True
        if reservation.overrun_warned_at is not None:
            return False
        reservation.overrun_warned_at = now
        for following in _following(resource_ids, reservation, now):
            notices.overrun(following, None, now)
        return True


def _booked(due: ColumnElement[bool]) -> list[Reservation]:
    """What is booked and due, earliest first, without lets, with resources and people."""
    query = select(Reservation).outerjoin(Let, Let.reservation_id == Reservation.id)
    query = query.where(Reservation.state == ReservationState.BOOKED, Let.reservation_id.is_(None), due)
    query = query.options(WITH_RESOURCES, joinedload(Reservation.person))
    return list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id).limit(AT_ONCE)))


def _policies(reservation: Reservation) -> list[BookingPolicy]:
    found = policy_for([one.resource for one in reservation.allocations], reservation.person)
    return [one.policy for one in found.values()]


def _asks_check_in(reservation: Reservation) -> bool:
    return any(one.check_in for one in _policies(reservation))


def _unclaimed_at(reservation: Reservation, now: datetime) -> int | None:
    """The grace minutes, where they are over and a check-in is asked for; None else."""
    asked = [one.grace_minutes for one in _policies(reservation) if one.check_in]
    if not asked or reservation.starts_at + timedelta(minutes=max(asked)) > now:
        return None
    return max(asked)


def _reminder_due(reservation: Reservation, now: datetime) -> bool:
    hours = max(one.reminder_hours for one in _policies(reservation))
    due = reservation.starts_at - timedelta(hours=hours)
    return hours > 0 and reservation.created_at < due <= now


def _finish_past(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, _resources = placing.locked(system("job"), reservation_id)
        if reservation.state is not ReservationState.BOOKED or reservation.ends_at > now - SETTLED:
            return False
        before = placing.facts_of(reservation)
        _close(reservation, system("job"), reservation.ends_at)
        placing.tell("finished", system("job"), reservation, now, before)
        return True


def _release(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, resource_ids = placing.locked(system("job"), reservation_id)
        grace = _unclaimed_at(reservation, now)
        if reservation.state is not ReservationState.BOOKED or reservation.started_at is not None or grace is None:
            return False
        before = placing.facts_of(reservation)
        service.end(reservation, ReservationState.RELEASED, system("job"), now)
        waiting.freed(resource_ids, max(now, reservation.starts_at), reservation.ends_at, now)
        placing.tell("released", system("job"), reservation, now, before)
        if reservation.ends_at > now - STALE:
            notices.released(reservation, grace, now)
        return True


def _remind(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation = placing.lock_reservation(reservation_id)
        if reservation.state is not ReservationState.BOOKED or reservation.reminded_at is not None:
            return False
        reservation.reminded_at = now
        notices.reminded(reservation, now)
        return True


def _close(reservation: Reservation, actor: Actor, at: datetime) -> None:
    reservation.state, reservation.ended_at = ReservationState.FINISHED, at
    reservation.ended_by_id = actor.person_id


def _taken_before(resource_ids: Sequence[int], reservation: Reservation, until: datetime) -> bool:
    taken = first_taken(resource_ids, reservation.ends_at, reservation.id)
    return any(slot.starts_at < until for slots in taken.values() for slot in slots)


def _following(resource_ids: Sequence[int], reservation: Reservation, now: datetime) -> list[Reservation]:
    """Whose booking of one of the resources begins next."""
    ids = select(Allocation.reservation_id).where(Allocation.resource_id.in_(resource_ids), LIVE)
    ids = ids.where(Allocation.starts_at >= reservation.ends_at, Allocation.starts_at <= now + NEXT_WITHIN)
    query = select(Reservation).where(Reservation.id.in_(ids), Reservation.state == ReservationState.BOOKED)
    return list(db.session.scalars(query.options(WITH_RESOURCES)))
