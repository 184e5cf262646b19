"""What can be booked: machines, rooms, offices, desks and advisors, and the places they are in."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String
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


class Resource(Base):
    """One bookable thing. `rules` overrides keys of the configuration's `[booking]`; `documents` are [{title, url}]."""

    __tablename__ = "resource"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(choice(Kind), index=True)
    name: Mapped[Texts]
    description: Mapped[Texts]
    model: Mapped[str] = mapped_column(String(200), default="")
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"), index=True)
    photo: Mapped[str | None] = mapped_column(String(255))
    documents: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    risk_class: Mapped[RiskClass] = mapped_column(choice(RiskClass), default=RiskClass.C)
    service_state: Mapped[ServiceState] = mapped_column(choice(ServiceState), default=ServiceState.IN_SERVICE)
    service_note: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    place: Mapped[Place | None] = relationship()
