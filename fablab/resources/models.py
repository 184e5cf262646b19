"""What can be booked: machines, rooms, offices, desks and advisors, and the places they are in."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, Texts, choice


class Kind(StrEnum):
    """One bookable thing, of one of these kinds; all share one calendar and one set of rules."""

    MACHINE = "machine"
    ROOM = "room"
    OFFICE = "office"
    DESK = "desk"
    ADVISOR = "advisor"


class ServiceState(StrEnum):
    """Whether it may be used."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"


class RiskClass(StrEnum):
    """How a machine behaves when the system falls silent: A can injure, B runs long jobs, C is low risk."""

    A = "a"
    B = "b"
    C = "c"


class Place(Base):
    """A building, floor or room; places form a tree."""

    __tablename__ = "place"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"), index=True)
    name: Mapped[Texts]

    parent: Mapped["Place | None"] = relationship(remote_side=[id])


class OpeningRule(StrEnum):
    """When a resource can be used: as the lab is open, always, or at hours of its own."""

    LAB = "lab"
    ALWAYS = "always"
    OWN = "own"


class ResourceGroup(Base):
    """Resources that share booking rules and limits, such as all laser cutters."""

    __tablename__ = "resource_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Texts]


class Resource(Base):
    """One bookable thing. `documents` are [{title, url}]; `capacity` is how many people it takes (None: any number);
    `opening_hours` are by weekday, ["09:00-12:30", …], and count where `opening` is `own`."""

    __tablename__ = "resource"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(choice(Kind), index=True)
    name: Mapped[Texts]
    description: Mapped[Texts]
    model: Mapped[str] = mapped_column(String(200), default="")
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"), index=True)
    photo: Mapped[str | None] = mapped_column(String(255))
    documents: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("resource_group.id"), index=True)
    capacity: Mapped[int | None]
    opening: Mapped[OpeningRule] = mapped_column(choice(OpeningRule), default=OpeningRule.LAB)
    opening_hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    risk_class: Mapped[RiskClass] = mapped_column(choice(RiskClass), default=RiskClass.C)
    service_state: Mapped[ServiceState] = mapped_column(choice(ServiceState), default=ServiceState.IN_SERVICE)
    service_note: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    place: Mapped[Place | None] = relationship()
    group: Mapped[ResourceGroup | None] = relationship()


class OpeningException(Base):
    """A day on which the lab (`resource_id` None) or one resource has other hours; no hours: closed, as on a public
    holiday. `hours` are like ["09:00-12:30"]."""

    __tablename__ = "opening_exception"

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    day: Mapped[date]
    hours: Mapped[list[str]]
    reason: Mapped[Texts]

    __table_args__ = (Index("ix_opening_exception_day", "day", "resource_id"),)


class Closure(Base):
    """A time [starts_at, ends_at) in which one resource, or the whole lab (None), cannot be used: an outage, works, an
    event. `danger`: nobody may set it aside."""

    __tablename__ = "closure"

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[Texts]
    danger: Mapped[bool] = mapped_column(default=False)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        Index("ix_closure_ends", "ends_at", "resource_id"),
    )
