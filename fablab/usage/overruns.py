"""Machines that still run when their booking is over."""

from datetime import datetime

from sqlalchemy import select

from fablab.core.db import db
from fablab.reservations import presence
from fablab.reservations.models import Reservation, ReservationState
from fablab.usage.models import UsageSession


def warn_overruns(now: datetime) -> int:
    """Gives what still runs more time, or warns who comes next; counts them. A job: twice is as once."""
    query = select(Reservation.id).join(UsageSession, UsageSession.reservation_id == Reservation.id)
    query = query.where(UsageSession.ended_at.is_(None), Reservation.state == ReservationState.BOOKED)
    query = query.where(Reservation.ends_at <= now).distinct()
    return sum(presence.overrun(ident, now) for ident in list(db.session.scalars(query)))
