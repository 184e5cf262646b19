"""Rows that have done their work and are thrown away: events long told, deliveries long made."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from fablab.core.db import db, transaction
from fablab.core.events import Event
from fablab.core.outbox import Outbox

KEEP_EVENTS = timedelta(days=30)
KEEP_DELIVERED = timedelta(days=7)


def forget_delivered(now: datetime) -> int:
    """Deletes events older than `KEEP_EVENTS` and what was delivered longer than `KEEP_DELIVERED` ago; counts both."""
    old_events = Event.at < now - KEEP_EVENTS
    old_deliveries = Outbox.done_at < now - KEEP_DELIVERED
    count = sum(
        db.session.scalar(select(func.count()).select_from(model).where(old)) or 0
        for model, old in ((Event, old_events), (Outbox, old_deliveries))
    )
    if count:
        with transaction() as session:
            session.execute(delete(Event).where(old_events))
            session.execute(delete(Outbox).where(old_deliveries))
    return count
