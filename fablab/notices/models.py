"""Notices: what a person is told, over which channels, how far each delivery is; and subscribed calendars."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, BigId, choice
from fablab.people.models import Person

MAIL = "mail"
"""The channel that everybody has: the address of the account."""

LAB = "lab"
"""The receiver of what goes to the lab's own channels, those of the configuration."""


class DeliveryState(StrEnum):
    """`dropped`: no longer wanted, or no way to send it; `failed`: tried for a day, the administrator is shown it."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class Notice(Base):
    """One message to one receiver, at most once for each `key`. `receiver` is the person's id as text, or `lab`.

    `params` are the fields of the message, `calendar` an event to attach; both are emptied some weeks later.
    """

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("receiver", "message", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    receiver: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(120))
    params: Mapped[dict[str, Any] | None]
    calendar: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(index=True)

    person: Mapped[Person | None] = relationship()


class NoticeDelivery(Base):
    """A notice on its way over one channel: `mail`, the id of a NoticeChannel, or `lab:…` for one of the lab's.

    `begun_at` is set while somebody sends it; found set by the next, the one before died in the middle, and
    `interrupted` notes that, so that it is tried once more and not for ever.
    """

    __tablename__ = "notice_delivery"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel"),
        Index(
            "ix_notice_delivery_failed",
            "id",
            sqlite_where=text("state = 'failed'"),
            postgresql_where=text("state = 'failed'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(32))
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState), default=DeliveryState.WAITING)
    failures: Mapped[int] = mapped_column(default=0)
    begun_at: Mapped[datetime | None]
    interrupted: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(String(500), default="")
    ended_at: Mapped[datetime | None]

    notice: Mapped[Notice] = relationship()


class NoticeChannel(Base):
    """A person's own channel. `address` is the Apprise URL, encrypted; it is never shown again."""

    __tablename__ = "notice_channel"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    label: Mapped[str] = mapped_column(String(60))
    service: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class NoticeChoice(Base):
    """Whether a person wants a kind of message over a channel; without a row he does."""

    __tablename__ = "notice_choice"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    message: Mapped[str] = mapped_column(String(40), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    wanted: Mapped[bool]


class CalendarFeed(Base):
    """A calendar that a person's programs fetch: his own bookings, or the busy times of one resource.

    Its address holds a secret of which only the SHA-256 is kept; a new secret ends the old address.
    """

    __tablename__ = "calendar_feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
