"""Usage sessions: what machines really did, with the readings behind them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base, BigId, choice


class Outcome(StrEnum):
    """How a session ended; plugs cannot tell success, theirs have `ended`."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    UNKNOWN = "unknown"


class UsageSession(Base):
    """One use of a resource as its device told it; open while `ended_at` is None.

    `key` is made from what was heard, so deriving the same messages again gives the same session: (device, key) exists
    once. `flags` say how sure the figures are (`start_estimated`, `end_estimated`, `time_uncertain`, …).
    """

    __tablename__ = "usage_session"
    __table_args__ = (
        UniqueConstraint("device_id", "key"),
        Index("ix_usage_session_resource", "resource_id", "started_at"),
        Index("ix_usage_session_person", "person_id", "started_at"),
        Index(
            "ix_usage_session_open",
            "resource_id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    key: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None] = mapped_column(choice(Outcome))
    job: Mapped[str | None] = mapped_column(String(500))
    progress: Mapped[float | None]
    working_s: Mapped[float | None]
    paused_s: Mapped[float | None]
    energy_wh: Mapped[float | None]
    material: Mapped[str | None] = mapped_column(String(100))
    grams: Mapped[float | None]
    flags: Mapped[list[str]] = mapped_column(default=list)
    updated_at: Mapped[datetime]


class UsageReading(Base):
    """One point of a session's curve: power in W, energy since the session's start in Wh, progress 0…100 %."""

    __tablename__ = "usage_reading"
    __table_args__ = (Index("ix_usage_reading_session", "session_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("usage_session.id"))
    at: Mapped[datetime]
    power_w: Mapped[float | None]
    energy_wh: Mapped[float | None]
    progress: Mapped[float | None]
