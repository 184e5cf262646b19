"""What becomes of an offer to somebody in a waiting list: accepted, declined or expired, each exactly once.

The order of locks is that of every booking: the person, the resources, the reservation.
"""

from datetime import datetime

from flask_babel import gettext
from sqlalchemy import select, update

from fablab.core import audit, events
from fablab.core.actor import Actor, system
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Denied, NotFound
from fablab.people.models import Person
from fablab.reservations import holds, notices, waiting
from fablab.reservations.models import Allocation, Reservation, ReservationState, WaitingState
from fablab.resources.models import Resource

AT_ONCE = 200
"""How many offers one run of the job ends at most; the next run goes on."""


def accept_hold(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """The held time becomes a booking. One's own; staff any.

    The rules are asked again, the limits exactly. Raises NotFound, Conflict when it is not held any more, Denied.
    """
    with transaction():
        reservation, resource_ids = _locked(actor, reservation_id, with_person=True)
        if reservation.state is not ReservationState.HELD or reservation.held_until is None:
            raise Conflict(gettext("This offer is not open any more."))
        if reservation.held_until <= now:
            raise Conflict(gettext("This offer ended; the next person in line is asked."))
        found = holds.denials_of(
            reservation.person_id,
            resource_ids[0],
            reservation.starts_at,
            reservation.ends_at,
            reservation.created_at,
            ignore=reservation.id,
        )
        if found:
            raise Denied(found)
        reservation.state, reservation.held_until = ReservationState.BOOKED, None
        reservation.sequence += 1
        waiting.settle(reservation.id, WaitingState.ACCEPTED)
        _tell(actor, "accepted", reservation, resource_ids, now)
        notices.confirmed(reservation, now)
        return reservation


def decline_hold(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """Says no to an offer; the next in line is asked at once. One's own; staff any. Raises NotFound, Conflict."""
    with transaction():
        reservation, resource_ids = _locked(actor, reservation_id)
        if reservation.state is not ReservationState.HELD:
            raise Conflict(gettext("This offer is not open any more."))
        _pass_on(actor, reservation, resource_ids, WaitingState.DECLINED, now)
        return reservation


def expire_holds(now: datetime) -> int:
    """Ends the offers that nobody answered in time and asks the next in line; counts them. A job: twice is as once."""
    due = (Reservation.state == ReservationState.HELD) & (Reservation.held_until <= now)
    query = select(Reservation.id).where(due).order_by(Reservation.held_until, Reservation.id).limit(AT_ONCE)
    return sum(_expire(ident, now) for ident in list(db.session.scalars(query)))


def _expire(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, resource_ids = _locked(system("job"), reservation_id)
        held = reservation.state is ReservationState.HELD
        if not held or reservation.held_until is None or reservation.held_until > now:
            return False
        _pass_on(system("job"), reservation, resource_ids, WaitingState.EXPIRED, now)
        return True


def _pass_on(
    actor: Actor, reservation: Reservation, resource_ids: list[int], outcome: WaitingState, now: datetime
) -> None:
    reservation.state, reservation.ended_at = ReservationState.EXPIRED, now
    reservation.ended_by_id, reservation.held_until = actor.person_id, None
    reservation.sequence += 1
    db.session.flush()
    db.session.execute(
        update(Allocation)
        .where(Allocation.reservation_id == reservation.id)
        .values(live=False)
        .execution_options(synchronize_session="fetch")
    )
    waiting.settle(reservation.id, outcome)
    _tell(actor, outcome.value, reservation, resource_ids, now)
    waiting.freed(resource_ids, reservation.starts_at, reservation.ends_at, now)


def _locked(actor: Actor, reservation_id: int, *, with_person: bool = False) -> tuple[Reservation, list[int]]:
    """The reservation and its resources, all locked. Other people's are not found, except by staff."""
    person_id = db.session.scalar(select(Reservation.person_id).where(Reservation.id == reservation_id))
    if person_id is None or not (actor.is_staff or person_id == actor.person_id):
        raise NotFound(f"There is no reservation {reservation_id}.")
    if with_person:
        lock(Person, person_id)
    query = select(Allocation.resource_id).where(Allocation.reservation_id == reservation_id)
    resource_ids = list(db.session.scalars(query.order_by(Allocation.resource_id)))
    for ident in resource_ids:
        lock(Resource, ident)
    reservation = lock(Reservation, reservation_id)
    if reservation is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return reservation, resource_ids


def _tell(actor: Actor, what: str, reservation: Reservation, resource_ids: list[int], now: datetime) -> None:
    facts = {
        "person_id": str(reservation.person_id),
        "resource_ids": [str(ident) for ident in resource_ids],
        "starts_at": reservation.starts_at.isoformat(),
        "ends_at": reservation.ends_at.isoformat(),
    }
    events.append(f"reservation.{what}", now, reservation_id=str(reservation.id), **facts)
    audit.record(
        actor, f"reservation.offer_{what}", reservation, now, after={**facts, "state": reservation.state.value}
    )
