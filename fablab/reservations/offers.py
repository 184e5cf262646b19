"""What becomes of an offer to somebody in a waiting list: accepted, declined or expired, each exactly once."""

from datetime import datetime

from flask_babel import gettext
from sqlalchemy import select

from fablab.core.actor import Actor, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied
from fablab.reservations import holds, notices, placing, waiting
from fablab.reservations.models import Reservation, ReservationState, WaitingState

AT_ONCE = 200
"""How many offers one run of the job ends at most; the next run goes on."""


def accept_hold(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """The held time becomes a booking. One's own; staff any.

    The rules are asked again, the limits exactly. Raises NotFound, Conflict when it is not held any more, Denied.
    """
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id, person=True)
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
        before = placing.facts_of(reservation)
        reservation.state, reservation.held_until = ReservationState.BOOKED, None
        reservation.sequence += 1
        waiting.settle(reservation.id, WaitingState.ACCEPTED)
        placing.tell("offer_accepted", actor, reservation, now, before)
        notices.confirmed(reservation, now)
        return reservation


def decline_hold(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """Says no to an offer; the next in line is asked at once. One's own; staff any. Raises NotFound, Conflict."""
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
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
        reservation, resource_ids = placing.locked(system("job"), reservation_id)
        held = reservation.state is ReservationState.HELD
        if not held or reservation.held_until is None or reservation.held_until > now:
            return False
        _pass_on(system("job"), reservation, resource_ids, WaitingState.EXPIRED, now)
        return True


def _pass_on(
    actor: Actor, reservation: Reservation, resource_ids: list[int], outcome: WaitingState, now: datetime
) -> None:
    before = placing.facts_of(reservation)
    placing.end(reservation, ReservationState.EXPIRED, actor, now)
    waiting.settle(reservation.id, outcome)
    waiting.freed(resource_ids, reservation.starts_at, reservation.ends_at, now)
    placing.tell(f"offer_{outcome.value}", actor, reservation, now, before)
