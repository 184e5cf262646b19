"""Events: rows that say what happened, appended in the transaction that made it true.

The wall, `/api/v1/events`, webhooks and mails feed on them by asking for `id > last seen`. Ids are never used again and
become visible in their order: SQLite has one writer, on PostgreSQL `append` takes an advisory lock until the commit,
else a reader would skip an id that commits late.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base, BigId, at_end, db, is_postgresql, lock_logs

CHANNEL = "fablab_events"
"""PostgreSQL notification channel that is signalled at each commit with events."""


class Event(Base):
    """Something that happened. `kind` is dotted (`reservation.created`); `data` are plain values with string ids."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]


def append(kind: str, at: datetime, **data: Any) -> None:
    """Notes that `kind` happened at `at`, in the moment in which the transaction commits. Only inside
    `transaction()`."""
    made = Event(kind=kind, at=at, data=data)
    at_end(lambda: _write(made))


def _write(made: Event) -> None:
    lock_logs()
    if is_postgresql():
        db.session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    db.session.add(made)


def since(last_id: int, limit: int = 500) -> list[Event]:
    """Events after `last_id`, oldest first, at most `limit`."""
    return list(db.session.scalars(select(Event).where(Event.id > last_id).order_by(Event.id).limit(limit)))


def newest_id() -> int:
    """The id of the newest event; 0 when nothing ever happened."""
    return db.session.scalar(select(Event.id).order_by(Event.id.desc()).limit(1)) or 0
