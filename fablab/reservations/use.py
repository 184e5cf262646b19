"""Reservations in use: somebody really came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from fablab.core.db import transaction
from fablab.reservations.models import Reservation


def note_start(reservation_id: int, at: datetime) -> None:
    """Notes when the use of a reservation began; the first time counts."""
    with transaction() as session:
        session.execute(
            update(Reservation)
            .where(Reservation.id == reservation_id, Reservation.started_at.is_(None))
            .values(started_at=at)
            .execution_options(synchronize_session=False)
        )
