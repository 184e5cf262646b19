"""Reservations and their allocations: which resource is held from when to when; series, waiting lists, booking rules.

Two live allocations of one resource never overlap. The database itself guarantees it: an exclusion constraint on
PostgreSQL, triggers on SQLite (`guards.py`, used by the migration). Touching ones are fine: intervals are half-open.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, BigId, choice
from fablab.people.models import Person
from fablab.resources.models import Resource


class ReservationState(StrEnum):
    """What became of a reservation. Only `held` and `booked` ones keep their resources from others; a finished one
    keeps the time that it really took."""

    REQUESTED = "requested"
    """Waits for the staff's approval and blocks nobody."""
    HELD = "held"
    """Offered to the first in the waiting list, until `held_until`."""
    BOOKED = "booked"
    FINISHED = "finished"
    """Used, and over."""
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    """A request that the staff, or a booking accepted before it, turned down."""
    EXPIRED = "expired"
    """An offer that nobody accepted in time, or that was declined."""
    RELEASED = "released"
    """Given back because nobody came: a no-show."""


class ArrivedBy(StrEnum):
    """How it is known that somebody came."""

    BADGE = "badge"
    USAGE = "usage"
    PAGE = "page"
    STAFF = "staff"


class Reservation(Base):
    """Somebody holds one or more resources. `created_by_id` differs from `person_id` when booked on behalf, which
    `on_behalf_reason` explains; `sequence` counts its changes, for calendars that hold it.

    `given_back_late`: it was moved or made shorter when cancelling it counted as late, so cancelling it still does.

    `starts_at` and `ends_at` are what was agreed; the allocations are what is really held: an early finish makes them
    shorter. `started_at` is when somebody came. `overrides` are the rules that staff set aside: [{code, reason}].
    `occurrence_at` is the start that the series gave it, whatever became of it since; `occurrence_minutes` the length,
    where the series has another one now that this date could not take. `at_risk_since`: from then on its person lacks
    a certification that it needs.
    """

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
    arrived_by: Mapped[ArrivedBy | None] = mapped_column(choice(ArrivedBy))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_reason: Mapped[str] = mapped_column(String(500), default="")
    late_cancelled: Mapped[bool] = mapped_column(default=False)
    given_back_late: Mapped[bool] = mapped_column(default=False)
    sequence: Mapped[int] = mapped_column(default=0)
    party_size: Mapped[int] = mapped_column(default=1)
    exclusive: Mapped[bool] = mapped_column(default=False)
    on_behalf_reason: Mapped[str] = mapped_column(String(500), default="")
    overrides: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    held_until: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    overrun_warned_at: Mapped[datetime | None]
    extended_at: Mapped[datetime | None]
    at_risk_since: Mapped[datetime | None]
    series_id: Mapped[int | None] = mapped_column(ForeignKey("reservation_series.id"))
    occurrence_at: Mapped[datetime | None]
    occurrence_minutes: Mapped[int | None]

    allocations: Mapped[list["Allocation"]] = relationship(back_populates="reservation", order_by="Allocation.id")
    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    companions: Mapped[list["Companion"]] = relationship(order_by="Companion.id")
    let: Mapped["Let | None"] = relationship()

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        CheckConstraint("party_size >= 1", name="party_size"),
        Index("ix_reservation_person", "person_id", "ends_at"),
        Index("ix_reservation_due", "state", "starts_at"),
        Index(
            "ix_reservation_series",
            "series_id",
            sqlite_where=text("series_id IS NOT NULL"),
            postgresql_where=text("series_id IS NOT NULL"),
        ),
        Index(
            "ix_reservation_at_risk",
            "at_risk_since",
            sqlite_where=text("at_risk_since IS NOT NULL"),
            postgresql_where=text("at_risk_since IS NOT NULL"),
        ),
    )


class Companion(Base):
    """Somebody else who is part of a reservation: a buddy or an instructor who supervises, a guest with an account.

    `called` is how whoever booked named a member: the name or the address that was typed; '' for who was chosen.
    """

    __tablename__ = "reservation_companion"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservation.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    called: Mapped[str] = mapped_column(String(254), default="")

    person: Mapped[Person] = relationship()

    __table_args__ = (UniqueConstraint("reservation_id", "person_id"),)

    @property
    def known_as(self) -> str:
        """The name by which whoever booked knows this person: an address that was typed does not turn into a name."""
        return self.called or self.person.name


class Let(Base):
    """What makes a reservation a lasting let (an office for three months): keys, deposit, notice period.

    `deposit` is in minor units of the lab's currency. A let needs no check-in.
    """

    __tablename__ = "reservation_let"

    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservation.id"), primary_key=True)
    keys: Mapped[str] = mapped_column(String(200), default="")
    keys_returned_at: Mapped[datetime | None]
    deposit: Mapped[int] = mapped_column(default=0)
    deposit_returned_at: Mapped[datetime | None]
    notice_days: Mapped[int] = mapped_column(default=0)
    notice_given_at: Mapped[datetime | None]


class ReservationSeries(Base):
    """A reservation that comes again: an RFC 5545 rule in the local time of `zone`, one reservation per occurrence.

    `starts_at` is the first start; `minutes` the length on the wall clock; `resource_ids` what each occurrence holds.
    """

    __tablename__ = "reservation_series"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    rule: Mapped[str] = mapped_column(String(500))
    zone: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime]
    minutes: Mapped[int]
    resource_ids: Mapped[list[str]]
    note: Mapped[str] = mapped_column(String(500), default="")


class SkippedOccurrence(Base):
    """An occurrence of a series that could not be booked, and why: [{code, params}]. It can be added later."""

    __tablename__ = "reservation_skipped"

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("reservation_series.id"))
    occurrence_at: Mapped[datetime]
    denials: Mapped[list[dict[str, Any]]]
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"))

    __table_args__ = (UniqueConstraint("series_id", "occurrence_at"),)


class WaitingState(StrEnum):
    """Where somebody in a waiting list stands."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    LEFT = "left"


class WaitingEntry(Base):
    """Somebody waits for a resource: for the slot [starts_at, ends_at), or for any `minutes` in that time.

    `offer_id` is the held reservation that was made for him.
    """

    __tablename__ = "waiting_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    minutes: Mapped[int]
    created_at: Mapped[datetime]
    state: Mapped[WaitingState] = mapped_column(choice(WaitingState), default=WaitingState.WAITING)
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"), unique=True)

    person: Mapped[Person] = relationship()
    resource: Mapped[Resource] = relationship()

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        Index("ix_waiting_entry_line", "resource_id", "state", "id"),
    )


class PolicyLevel(StrEnum):
    """Where a booking rule may be set; each overrides those before it, all override the configuration."""

    KIND = "kind"
    GROUP = "group"
    RESOURCE = "resource"
    PLAN = "plan"
    ROLE = "role"


class PolicyOverride(Base):
    """Booking rules that differ from the lab's at one place. `target` is the kind, the role or the id; `rules` holds
    only the keys that differ, as `policy.py` reads them."""

    __tablename__ = "booking_policy"

    id: Mapped[int] = mapped_column(primary_key=True)
    level: Mapped[PolicyLevel] = mapped_column(choice(PolicyLevel))
    target: Mapped[str] = mapped_column(String(32))
    rules: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("level", "target"),)


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
