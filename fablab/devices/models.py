"""Devices (what speaks on the broker) and the journal of what they said."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fablab.core.db import Base, BigId, choice


class DeviceState(StrEnum):
    """`discovered` on the broker, `adopted` for a resource, or `ignored` for good."""

    DISCOVERED = "discovered"
    ADOPTED = "adopted"
    IGNORED = "ignored"


class Device(Base):
    """Something that speaks on a broker: its identity is broker + dialect + base (the root of its topics).

    `options` are the dialect's settings (power thresholds, UID format, …). `fold` is what decoder and usage derivation
    remember between messages, saved in the transaction that saved those messages. `live` is the last known reading
    ({state, power_w, progress, …}), for people to look at. `password_hash` belongs to the
    device's own account on the broker, in Mosquitto's form; None where it has none.
    """

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("broker", "dialect", "base"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    dialect: Mapped[str] = mapped_column(String(32))
    broker: Mapped[str] = mapped_column(String(64), default="main")
    base: Mapped[str] = mapped_column(String(255))
    state: Mapped[DeviceState] = mapped_column(choice(DeviceState), default=DeviceState.DISCOVERED, index=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"), index=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    model: Mapped[str] = mapped_column(String(200), default="")
    fold: Mapped[dict[str, Any] | None]
    live: Mapped[dict[str, Any]] = mapped_column(default=dict)
    online: Mapped[bool] = mapped_column(default=False)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    adopted_at: Mapped[datetime | None]
    password_hash: Mapped[str | None] = mapped_column(String(255))


class Journal(Base):
    """One message as it was heard (or sent by us), append-only: usage can be derived from it again.

    Card numbers in `payload` are replaced by their keyed hash before it is written. `boot` and `seq` are set for
    journal records of native devices, sent again until acknowledged: (device, boot, seq) exists once. `problem` says
    why nothing was derived from it (`unknown_topic`, `bad_payload`, `too_large`, `conflicting_record`, …).
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_device", "device_id", "id"),
        Index(
            "ix_journal_record",
            "device_id",
            "boot",
            "seq",
            unique=True,
            sqlite_where=text("seq IS NOT NULL"),
            postgresql_where=text("seq IS NOT NULL"),
        ),
        Index(
            "ix_journal_problem",
            "problem",
            "id",
            sqlite_where=text("problem IS NOT NULL"),
            postgresql_where=text("problem IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    broker: Mapped[str] = mapped_column(String(64), default="main")
    received_at: Mapped[datetime] = mapped_column(index=True)
    topic: Mapped[str] = mapped_column(String(1024))
    payload: Mapped[bytes]
    qos: Mapped[int] = mapped_column(default=0)
    retained: Mapped[bool] = mapped_column(default=False)
    outbound: Mapped[bool] = mapped_column(default=False)
    boot: Mapped[str | None] = mapped_column(String(64))
    seq: Mapped[int | None] = mapped_column(BigId)
    problem: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(String(300))
