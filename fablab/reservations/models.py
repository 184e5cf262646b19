"""Reservations and their allocations: which resource is held from when to when.

Two live allocations of one resource never overlap. The database itself guarantees it: an exclusion constraint on
PostgreSQL, triggers on SQLite (`guards.py`, used by the migration). Touching ones are fine: intervals are half-open.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, BigId, choice
from fablab.people.models import Person
from fablab.resources.models import Resource


class ReservationState(StrEnum):
    """`booked` until it is `cancelled` by somebody or `released` because nobody came (a no-show)."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    RELEASED = "released"


class Reservation(Base):
    """Somebody holds one or more resources. `created_by_id` differs from `person_id` when booked on behalf;
    `sequence` counts its changes, for calendars that hold it."""

    __tablename__ = "reservation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    state: Mapped[ReservationState] = mapped_column(choice(ReservationState), default=ReservationState.BOOKED)
    note: Mapped[str] = mapped_column(String(500), default="")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_reason: Mapped[str] = mapped_column(String(500), default="")
    sequence: Mapped[int] = mapped_column(default=0)

    allocations: Mapped[list["Allocation"]] = relationship(back_populates="reservation", order_by="Allocation.id")
    person: Mapped[Person] = relationship(foreign_keys=[person_id])

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        Index("ix_reservation_person", "person_id", "ends_at"),
    )


class Allocation(Base):
    """One resource held from `starts_at` to `ends_at`, `live` as long as it blocks others."""

    __tablename__ = "allocation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservation.id"), index=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    live: Mapped[bool] = mapped_column(default=True)

    reservation: Mapped[Reservation] = relationship(back_populates="allocations")
    resource: Mapped[Resource] = relationship()

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        Index(
            "ix_allocation_live",
            "resource_id",
            "ends_at",
            "starts_at",
            sqlite_where=text("live"),
            postgresql_where=text("live"),
        ),
    )


LIVE = text("allocation.live")
"""For `where(...)`: the predicate of the partial index, spelt as the index spells it. SQLite does not see it in
`allocation.live = 1`, which is what `Allocation.live` becomes, and would read the whole table."""
