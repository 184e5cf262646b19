"""Machines that still run when their booking is over: the booking goes on with them, or who comes next is warned."""

from datetime import datetime

from sqlalchemy import Select, select

from fablab.core.db import db
from fablab.reservations import presence
from fablab.reservations.models import Reservation, ReservationState
from fablab.usage.models import UsageSession


def warn_overruns(now: datetime) -> int:
    """Gives what still runs more time, or warns who comes next; counts them. A job: twice is as once."""
    over = _in_use().where(Reservation.ends_at <= now)
    return sum(presence.overrun(ident, now) for ident in list(db.session.scalars(over)))


def finish_past(now: datetime) -> int:
    """Finishes the bookings that are over and whose machine is still; counts them. A job: twice is as once."""
    return presence.finish_past(now, frozenset(db.session.scalars(_in_use())))


def _in_use() -> Select[int]:
    """The bookings whose use has not ended."""
    query = select(Reservation.id).join(UsageSession, UsageSession.reservation_id == Reservation.id)
    return query.where(UsageSession.ended_at.is_(None), Reservation.state == ReservationState.BOOKED).distinct()
