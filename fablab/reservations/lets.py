"""Lasting lets: notice is given, the keys and the deposit come back.

The order of locks is that of every booking: the resources, the reservation; its let comes last.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext

from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, NotFound
from fablab.core.words import config
from fablab.reservations import notices, placing, waiting
from fablab.reservations.models import Let, Reservation, ReservationState

HANDED = (ReservationState.BOOKED, ReservationState.FINISHED, ReservationState.CANCELLED)
"""The states in which keys and a deposit may have changed hands."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A let as whoever looks at it sees it. `last_day` is the last one as things stand, `if_given` would be the last
    one with notice given now: None where it cannot be given. `handles`: may note what comes back."""

    let: Let
    last_day: date
    if_given: date | None
    handles: bool


def end_after(now: datetime, notice_days: int, zone: ZoneInfo) -> datetime:
    """When a let ends after notice: with the last of so many days, counted on the lab's calendar from tomorrow on."""
    following = now.astimezone(zone).date() + timedelta(days=notice_days + 1)
    return datetime.combine(following, time(0), tzinfo=zone).astimezone(UTC)


def last_day(ends_at: datetime, zone: ZoneInfo) -> date:
    """The last day of what ends at this instant: midnight belongs to the day before."""
    return (ends_at - timedelta(microseconds=1)).astimezone(zone).date()


def get(actor: Actor, reservation_id: int) -> tuple[Reservation, Let]:
    """A lasting let: one's own, any for staff. Raises NotFound for others' and for what is no let."""
    placing.seen(actor, reservation_id)
    reservation = db.session.get_one(Reservation, reservation_id)
    if reservation.let is None:
        raise _no_let(reservation_id)
    return reservation, reservation.let


def terms(actor: Actor, reservation: Reservation, now: datetime) -> Terms | None:
    """What is agreed with a let that this person may see, and what he may do about it; None for what is no let."""
    let, zone = reservation.let, config().lab.zone
    if let is None:
        return None
    own = actor.is_staff or actor.person_id == reservation.person_id
    may = own and _against_notice(reservation, let, now) == ""
    until = min(end_after(now, let.notice_days, zone), reservation.ends_at)
    return Terms(
        let=let,
        last_day=last_day(reservation.ends_at, zone),
        if_given=last_day(until, zone) if may else None,
        handles=actor.is_staff and reservation.state in HANDED,
    )


def give_notice(actor: Actor, reservation_id: int, now: datetime) -> Reservation:
    """The let ends when the days of notice are over, at the end of the day, but never later than agreed; the time that
    becomes free is offered. The tenant; staff any.

    Raises NotFound, also for what is no let; Conflict when it is over or ended, notice is given already, or the let
    would end before it begins.
    """
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
        let = _locked_let(reservation_id)
        if against := _against_notice(reservation, let, now):
            raise Conflict(against)
        before, agreed = placing.facts_of(reservation), reservation.ends_at
        let.notice_given_at = now
        until = min(end_after(now, let.notice_days, config().lab.zone), agreed)
        if until < agreed:
            _shorten(reservation, until)
            waiting.freed(resource_ids, until, agreed, now)
        placing.tell("notice_given", actor, reservation, now, before)
        notices.let_ends(actor, reservation, let, last_day(until, config().lab.zone), now)
        return reservation


def keys_returned(actor: Actor, reservation_id: int, now: datetime, *, back: bool = True) -> Let:
    """Notes that the keys are back, or, with `back` false, that they are not after all. As `returned`."""
    return returned(actor, reservation_id, now, keys=back)


def deposit_returned(actor: Actor, reservation_id: int, now: datetime, *, back: bool = True) -> Let:
    """Notes that the deposit is given back, or, with `back` false, that it is not after all. As `returned`."""
    return returned(actor, reservation_id, now, deposit=back)


def returned(
    actor: Actor, reservation_id: int, now: datetime, *, keys: bool | None = None, deposit: bool | None = None
) -> Let:
    """Notes both at once; None leaves one as it is, and what is so already is not noted twice. Staff.

    Raises NotFound, also for what is no let; Forbidden; Conflict where nothing was handed out.
    """
    placing.seen(actor, reservation_id)
    if not actor.is_staff:
        raise Forbidden("only staff may note what comes back")
    with transaction():
        reservation, _resources = placing.locked(actor, reservation_id)
        let = _locked_let(reservation_id)
        if reservation.state not in HANDED:
            raise Conflict(gettext("It was never booked: nothing was handed out."))
        if keys is not None:
            _keys(actor, reservation, let, keys, now)
        if deposit is not None:
            _deposit(actor, reservation, let, deposit, now)
        return let


def _keys(actor: Actor, reservation: Reservation, let: Let, back: bool, now: datetime) -> None:
    if not let.keys:
        raise Conflict(gettext("No keys were handed out."))
    if back == (let.keys_returned_at is not None):
        return
    let.keys_returned_at = now if back else None
    db.session.flush()
    what = "keys_returned" if back else "keys_not_returned"
    placing.tell(what, actor, reservation, now, placing.facts_of(reservation), keys=let.keys)


def _deposit(actor: Actor, reservation: Reservation, let: Let, back: bool, now: datetime) -> None:
    if not let.deposit:
        raise Conflict(gettext("No deposit was paid."))
    if back == (let.deposit_returned_at is not None):
        return
    let.deposit_returned_at = now if back else None
    db.session.flush()
    what = "deposit_returned" if back else "deposit_not_returned"
    placing.tell(what, actor, reservation, now, placing.facts_of(reservation), deposit=let.deposit)


def _against_notice(reservation: Reservation, let: Let, now: datetime) -> str:
    """Why notice cannot be given; '' where it can."""
    if reservation.state is not ReservationState.BOOKED:
        return placing.already(reservation.state)
    if reservation.ends_at <= now:
        return gettext("The reservation is over.")
    if let.notice_given_at is not None:
        return gettext("Notice is given already.")
    if end_after(now, let.notice_days, config().lab.zone) <= reservation.starts_at:
        return gettext("The let would end before it begins; cancel it instead.")
    return ""


def _shorten(reservation: Reservation, until: datetime) -> None:
    reservation.ends_at = until
    reservation.sequence += 1
    for allocation in reservation.allocations:
        allocation.ends_at = min(allocation.ends_at, until)
    db.session.flush()


def _locked_let(reservation_id: int) -> Let:
    found = lock(Let, reservation_id)
    if found is None:
        raise _no_let(reservation_id)
    return found


def _no_let(reservation_id: int) -> NotFound:
    return NotFound(f"The reservation {reservation_id} is no lasting let.")
