"""Requests: where a resource asks for approval, a booking waits for the staff. It blocks nobody until it is accepted.

The order of locks is that of every booking: the person, the resources, the reservations.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden
from fablab.notices.requests import Why
from fablab.reservations import notices, placing
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.reading import WITH_RESOURCES
from fablab.reservations.wishes import Wish

AT_ONCE = 200
"""How many requests one run of the job ends at most; the next run goes on."""


def pending() -> list[Reservation]:
    """All requests, soonest first, with their resources and people."""
    query = select(Reservation).where(Reservation.state == ReservationState.REQUESTED)
    query = query.options(WITH_RESOURCES, joinedload(Reservation.person))
    return list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id)))


def accept(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """The request becomes a booking; other requests that collide with it are turned down, each with notice. Staff.

    The rules are asked again. Raises Forbidden, NotFound, Conflict when it is no request any more, Denied.
    """
    _need_staff(actor)
    placing.seen(actor, reservation_id)
    wish = _as_asked(actor, db.session.get_one(Reservation, reservation_id, populate_existing=True), now)
    with placing.guarded(wish), transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id, person=True)
        placing.must_go_on(reservation, now, ReservationState.REQUESTED)
        wish = _as_asked(actor, reservation, now)
        placing.refuse(placing.judge(actor, wish))
        before = placing.facts_of(reservation)
        reservation.state = ReservationState.BOOKED
        for allocation in reservation.allocations:
            allocation.live = True
        reservation.sequence += 1
        db.session.flush()
        rivals = _rivals(reservation, resource_ids)
        placing.tell("accepted", actor, reservation, now, before)
        notices.confirmed(reservation, now)
        for rival in rivals:
            _turn_down(actor, rival, Why.OTHER, "", now)
        return reservation


def reject(actor: Actor, reservation_id: int, reason: str, now: datetime) -> Reservation:
    """Turns a request down; the person reads why. Staff. Raises Forbidden, NotFound, Conflict, Invalid."""
    _need_staff(actor)
    placing.check_text(reason, "reason")
    with transaction():
        reservation, _resources = placing.locked(actor, reservation_id)
        if reservation.state is not ReservationState.REQUESTED:
            raise Conflict(placing.already(reservation.state))
        _turn_down(actor, reservation, Why.STAFF, reason, now)
        return reservation


def end_unanswered(now: datetime) -> int:
    """Ends the requests whose time has come without an answer; counts them. A job: twice is as once."""
    due = (Reservation.state == ReservationState.REQUESTED) & (Reservation.starts_at <= now)
    query = select(Reservation.id).where(due).order_by(Reservation.starts_at, Reservation.id).limit(AT_ONCE)
    return sum(_end_unanswered(ident, now) for ident in list(db.session.scalars(query)))


def _end_unanswered(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, _resources = placing.locked(system("job"), reservation_id)
        if reservation.state is not ReservationState.REQUESTED or reservation.starts_at > now:
            return False
        _turn_down(system("job"), reservation, Why.UNANSWERED, "", now)
        return True


def _need_staff(actor: Actor) -> None:
    if not actor.is_at_least(Role.INSTRUCTOR):
        raise Forbidden("only staff may answer requests")


def _as_asked(actor: Actor, reservation: Reservation, now: datetime) -> Wish:
    kept = {one["code"]: one["reason"] for one in reservation.overrides}
    return placing.wish_again(actor, reservation, now=now, overrides=kept)


def _rivals(accepted: Reservation, resource_ids: Sequence[int]) -> list[Reservation]:
    """The other requests for some of the same at some of the same time, locked."""
    same = Reservation.allocations.any(Allocation.resource_id.in_(resource_ids))
    query: Any = select(Reservation).where(Reservation.state == ReservationState.REQUESTED, same)
    query = query.where(Reservation.starts_at < accepted.ends_at, Reservation.ends_at > accepted.starts_at)
    query = query.options(WITH_RESOURCES).order_by(Reservation.id)
    locking = query.with_for_update(key_share=True, of=Reservation).execution_options(populate_existing=True)
    return list(db.session.scalars(locking))


def _turn_down(actor: Actor, reservation: Reservation, why: Why, reason: str, now: datetime) -> None:
    before = placing.facts_of(reservation)
    placing.end(reservation, ReservationState.REJECTED, actor, now, reason)
    placing.tell("rejected", actor, reservation, now, before, why=why.value, reason=reason)
    notices.rejected(reservation, why, reason, now)
