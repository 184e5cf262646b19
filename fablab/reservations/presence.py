"""Who came and who did not: check-in, no-shows, early finish, reminders, and more time for a job that still runs.

What is due is found by interval, never by the minute: a job that ran late, twice or not for a day does the same once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import joinedload

from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict
from fablab.reservations import notices, placing, waiting
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import (
    LIVE,
    Allocation,
    ArrivedBy,
    Companion,
    Let,
    Reservation,
    ReservationState,
    WaitingEntry,
    WaitingState,
)
from fablab.reservations.policies import longest_hours, policy_for
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.reading import WITH_RESOURCES
from fablab.reservations.rules import all_denials
from fablab.reservations.wishes import Wish

MINUTE = timedelta(minutes=1)

EARLY = timedelta(minutes=15)
"""Who uses a machine so long before his booking has come for it."""

CHECK_IN = timedelta(minutes=30)
"""So long before its start one checks in on the page of a booking."""

USED = (ReservationState.BOOKED, ReservationState.FINISHED)
"""The states of a booking to which a use belongs."""

LEAST_GRACE = timedelta(minutes=5)
SETTLED = timedelta(minutes=5)
"""So long after its end a used booking is finished: a machine that still runs may be given more time before."""

ABOUT_TIME = frozenset(
    {"slot_taken", "too_close", "outside_opening_hours", "lab_closed", "blocked", "resource_out_of_service"}
)
"""Reasons against more time for a job that still runs; its length and the person's limits are none."""

STALE = timedelta(days=1)
"""Nobody is told of a no-show that is longer ago."""

AT_ONCE = 500
"""How many reservations are looked at with one query."""

NEXT_WITHIN = timedelta(hours=1)
"""Whose booking begins so soon after an overrun is warned."""


def booking_at(resource_id: int, at: datetime, person_id: int | None = None) -> tuple[int, int] | None:
    """The reservation for which the resource is used at this instant, or somewhat early, and whose it is; with
    `person_id` only one that is booked for this person or along with him."""
    query = select(Reservation.id, Reservation.person_id).join(Allocation).order_by(Allocation.ends_at).limit(1)
    query = query.where(Allocation.resource_id == resource_id, LIVE, Allocation.ends_at > at)
    query = query.where(Allocation.starts_at <= at + EARLY, Reservation.state.in_(USED))
    if person_id is not None:
        along = Reservation.companions.any(Companion.person_id == person_id)
        query = query.where(or_(Reservation.person_id == person_id, along))
    found = db.session.execute(query).first()
    return None if found is None else (found[0], found[1])


def arrived(reservation_id: int, at: datetime, by: ArrivedBy, actor: Actor) -> bool:
    """Notes that somebody came for a reservation; the first time counts. True when this was it."""
    return note_arrivals({reservation_id: at}, by, actor) == 1


def note_arrivals(arrivals: Mapping[int, datetime], by: ArrivedBy, actor: Actor) -> int:
    """As `arrived`, for some reservations at once: all rows first, then what is told of them. Counts the new ones."""
    with transaction() as session:
        new = [ident for ident, at in sorted(arrivals.items()) if _come(ident, at, by)]
        for ident in new:
            reservation = session.get_one(Reservation, ident, populate_existing=True)
            placing.tell("arrived", actor, reservation, arrivals[ident], {}, arrived_by=by.value)
        return len(new)


def check_in(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """Says that the person of a booking has come, shortly before its start or during it. One's own; staff any.

    Raises NotFound, Conflict when it is not booked, over, too early, at risk (but for staff), or somebody came already.
    """
    with transaction():
        reservation, _resources = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now)
        if reservation.started_at is not None:
            raise Conflict(gettext("Somebody has checked in already."))
        if reservation.at_risk_since is not None and not actor.is_staff:
            raise Conflict(gettext("A certification is missing for this booking. Please speak to the lab's staff."))
        if not may_check_in(reservation, now):
            early = gettext(
                "It is too early: one checks in from %(num)d minutes before the start.", num=CHECK_IN // MINUTE
            )
            raise Conflict(early)
        by = ArrivedBy.PAGE if reservation.person_id == actor.person_id else ArrivedBy.STAFF
        arrived(reservation_id, now, by, actor)
        return reservation


def may_check_in(reservation: Reservation, now: datetime) -> bool:
    """It is booked, nobody came yet, and it runs or begins soon; a let needs no check-in."""
    waits = reservation.state is ReservationState.BOOKED and reservation.started_at is None and reservation.let is None
    return waits and reservation.starts_at - CHECK_IN <= now < reservation.ends_at


def finish(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """Ends a booking that has begun, or for which somebody came; the rest of its time is free and offered. One's own;
    staff any.

    Raises NotFound, Conflict when it has not begun or is over.
    """
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now)
        if against := against_finishing(actor, reservation, now):
            raise Conflict(against)
        before = placing.facts_of(reservation)
        _close(reservation, actor, now)
        begin = max(now, reservation.starts_at)
        for allocation in reservation.allocations:
            allocation.live = begin > reservation.starts_at
            allocation.ends_at = begin if allocation.live else allocation.ends_at
        db.session.flush()
        waiting.freed(resource_ids, begin, reservation.ends_at, now)
        placing.tell("finished", actor, reservation, now, before, ended_at=now.isoformat())
        return reservation


def against_finishing(actor: Actor, reservation: Reservation, now: datetime) -> str:
    """Why this person may not end it now; '' where he may, as far as it goes on."""
    if reservation.starts_at > now and reservation.started_at is None:
        return gettext("It has not begun: cancel it instead.")
    if reservation.let is not None and not actor.is_staff:
        return gettext("This let has begun. Give notice to end it.")
    return ""


def finish_past(now: datetime, in_use: Collection[int] = ()) -> int:
    """Finishes what was used, or needs no check-in, and is over; counts them. What is still `in_use` waits.

    For a job: twice is as once.
    """
    over = Reservation.ends_at <= now - SETTLED
    over &= Reservation.starts_at < now - SETTLED  # follows from it, and is what the index knows
    used = [one.id for one, policies in _booked(over, lets=True) if _is_settled(one, policies)]
    return sum(_finish_past(ident, now) for ident in used if ident not in in_use)


def release_no_shows(now: datetime) -> int:
    """Releases what nobody came for within the grace time and offers the rest; counts them. A job: twice is as once.
    What is at risk is left to `at_risk.release`: who may not come has not missed it."""
    unclaimed = Reservation.started_at.is_(None) & (Reservation.starts_at <= now - LEAST_GRACE)
    unclaimed &= Reservation.at_risk_since.is_(None)
    due = [one.id for one, policies in _booked(unclaimed) if _grace_over(one, policies, now)]
    return sum(_release(ident, now) for ident in due)


def remind(now: datetime) -> int:
    """Reminds of what comes soon, once; counts them. Who booked later than the reminder is due needs none. A job."""
    longest = timedelta(hours=longest_hours("reminder_hours"))
    soon = Reservation.reminded_at.is_(None) & (Reservation.starts_at > now) & (Reservation.starts_at <= now + longest)
    due = [one.id for one, policies in _booked(soon) if _reminder_due(one, policies, now)]
    return sum(_remind(ident, now) for ident in due)


def overrun(reservation_id: int, now: datetime) -> bool:
    """The machine still runs at the end of this booking: gives it more time where the rules and the next booking let
    it, else warns who comes next, once. True when anything was done."""
    with transaction():
        reservation, resource_ids = placing.locked(system("job"), reservation_id)
        if reservation.state is not ReservationState.BOOKED or reservation.ends_at > now:
            return False
        more = min(one.overrun_extend_minutes for one in _Policies().of(reservation))
        until = reservation.ends_at + timedelta(minutes=more)
        if more and until > now and _may_extend(reservation, resource_ids, until, now):
            _extend(reservation, until, now)
            return True
        told = [notices.overrun(one, None, now) for one in _following(resource_ids, reservation, now)]
        if any(told):
            reservation.overrun_warned_at = now
        return any(told)


_WHOLE = WITH_RESOURCES, joinedload(Reservation.person), joinedload(Reservation.let)


class _Policies:
    """The rules of many reservations: asked once for each resource, plan and role that occurs among them."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int | None, Role], BookingPolicy] = {}

    def of(self, reservation: Reservation) -> list[BookingPolicy]:
        """The rules of each resource of the reservation, for its person."""
        person, held = reservation.person, [one.resource for one in reservation.allocations]
        keys = {one.id: (one.id, person.plan_id, person.role) for one in held}
        if unknown := [one for one in held if keys[one.id] not in self._known]:
            for ident, found in policy_for(unknown, person).items():
                self._known[keys[ident]] = found.policy
        return [self._known[key] for key in keys.values()]


def _booked(due: ColumnElement[bool], *, lets: bool = False) -> Iterator[tuple[Reservation, list[BookingPolicy]]]:
    """What is booked and due, earliest first, with its rules. Read in parts, so that any number does."""
    query = select(Reservation.id).where(Reservation.state == ReservationState.BOOKED, due)
    if not lets:
        query = query.outerjoin(Let, Let.reservation_id == Reservation.id).where(Let.reservation_id.is_(None))
    ids = list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id)))
    policies = _Policies()
    for begin in range(0, len(ids), AT_ONCE):
        part = select(Reservation).where(Reservation.id.in_(ids[begin : begin + AT_ONCE]))
        part = part.options(*_WHOLE).order_by(Reservation.starts_at)
        for one in db.session.scalars(part):
            yield one, policies.of(one)


def _is_settled(reservation: Reservation, policies: Sequence[BookingPolicy]) -> bool:
    """Somebody came, or nobody needs to say that he came."""
    return reservation.started_at is not None or reservation.let is not None or _grace(policies) is None


def _come(reservation_id: int, at: datetime, by: ArrivedBy) -> bool:
    came = update(Reservation).where(Reservation.id == reservation_id, Reservation.started_at.is_(None))
    came = came.where(Reservation.state == ReservationState.BOOKED).values(started_at=at, arrived_by=by)
    found = db.session.execute(came.returning(Reservation.id).execution_options(synchronize_session=False))
    return found.scalar() is not None


def _grace(policies: Sequence[BookingPolicy]) -> int | None:
    """The grace minutes; None where no check-in is asked for."""
    return max((one.grace_minutes for one in policies if one.check_in), default=None)


def _grace_over(reservation: Reservation, policies: Sequence[BookingPolicy], now: datetime) -> bool:
    grace = _grace(policies)
    return grace is not None and reservation.starts_at + timedelta(minutes=grace) <= now


def _reminder_due(reservation: Reservation, policies: Sequence[BookingPolicy], now: datetime) -> bool:
    hours = max(one.reminder_hours for one in policies)
    due = reservation.starts_at - timedelta(hours=hours)
    return hours > 0 and reservation.created_at < due <= now


def _finish_past(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, _resources = placing.locked(system("job"), reservation_id)
        if reservation.state is not ReservationState.BOOKED or reservation.ends_at > now - SETTLED:
            return False
        before = placing.facts_of(reservation)
        _close(reservation, system("job"), reservation.ends_at)
        placing.tell("finished", system("job"), reservation, now, before, ended_at=reservation.ends_at.isoformat())
        return True


def _release(reservation_id: int, now: datetime) -> bool:
    with transaction():
        reservation, resource_ids = placing.locked(system("job"), reservation_id)
        policies = _Policies().of(reservation)
        if reservation.state is not ReservationState.BOOKED or reservation.started_at is not None:
            return False
        if reservation.at_risk_since is not None or not _grace_over(reservation, policies, now):
            return False
        before = placing.facts_of(reservation)
        placing.end(reservation, ReservationState.RELEASED, system("job"), now)
        waiting.freed(resource_ids, max(now, reservation.starts_at), reservation.ends_at, now)
        placing.tell("released", system("job"), reservation, now, before)
        if reservation.ends_at > now - STALE:
            notices.released(reservation, _grace(policies) or 0, now)
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


def _may_extend(reservation: Reservation, resource_ids: Sequence[int], until: datetime, now: datetime) -> bool:
    """Once, where nobody waits for the time and no rule about it speaks against: hours, closures, the next booking."""
    if reservation.extended_at is not None:
        return False
    waits = select(WaitingEntry.id).where(WaitingEntry.resource_id.in_(resource_ids))
    waits = waits.where(WaitingEntry.state == WaitingState.WAITING)
    waits = waits.where(WaitingEntry.starts_at < until, WaitingEntry.ends_at > reservation.ends_at)
    if db.session.scalar(waits.limit(1)) is not None:
        return False
    ids = tuple(resource_ids)
    wish = Wish(reservation.person_id, ids, reservation.starts_at, until, now, ignore=reservation.id, begun=True)
    return not any(one.code in ABOUT_TIME for one in all_denials(booking_facts(wish)))


def _extend(reservation: Reservation, until: datetime, now: datetime) -> None:
    before = placing.facts_of(reservation)
    reservation.ends_at, reservation.extended_at = until, now
    for allocation in reservation.allocations:
        allocation.ends_at = until
    reservation.sequence += 1
    db.session.flush()
    placing.tell("extended", system("job"), reservation, now, before)


def _following(resource_ids: Sequence[int], reservation: Reservation, now: datetime) -> list[Reservation]:
    """Whose booking of one of the resources begins next."""
    ids = select(Allocation.reservation_id).where(Allocation.resource_id.in_(resource_ids), LIVE)
    ids = ids.where(Allocation.starts_at >= reservation.ends_at, Allocation.starts_at <= now + NEXT_WITHIN)
    query = select(Reservation).where(Reservation.id.in_(ids), Reservation.state == ReservationState.BOOKED)
    return list(db.session.scalars(query.options(WITH_RESOURCES)))
