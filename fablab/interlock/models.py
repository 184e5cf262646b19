"""Access decisions: every badge at every reader, with the answer and its reasons."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base, BigId


class AccessDecision(Base):
    """The answer to one presentation of a badge. `rid` is the reader's request id; (device, rid) is answered once.

    `denials` is a list of {code, params}, empty when granted. `act` is `start`, `end` (a tap-out) or None when denied.
    `lease_id` counts the grant and its renewals on the device; `ended_at` is when the grant stopped.
    """

    __tablename__ = "access_decision"
    __table_args__ = (
        UniqueConstraint("device_id", "rid"),
        Index("ix_access_decision_resource", "resource_id", "at"),
        Index("ix_access_decision_person", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    badge_id: Mapped[int | None] = mapped_column(ForeignKey("badge.id"))
    rid: Mapped[str] = mapped_column(String(100))
    granted: Mapped[bool]
    act: Mapped[str | None] = mapped_column(String(16))
    denials: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    lease_id: Mapped[int | None]
    boot: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(100), default="")


class Alarm(Base):
    """Commanded, reported and measured disagree (`relay_on_without_grant`, …); open until `ended_at`."""

    __tablename__ = "alarm"
    __table_args__ = (Index("ix_alarm_device", "device_id", "kind", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    kind: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]
