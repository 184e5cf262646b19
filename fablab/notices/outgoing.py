"""Notices on their way: from the outbox to one delivery per channel, each taken up, sent and settled by itself.

Nothing is held in the database while a message is being sent. Who takes one up notes it first; who finds such a note
knows that the one before died, and tries once more, not twice.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from fablab.core import mail, outbox
from fablab.core.db import db, transaction
from fablab.core.mail import NotSent
from fablab.core.words import config
from fablab.notices import calendars, rules, vault
from fablab.notices.calendars import CalendarEvent, CalendarEvents
from fablab.notices.messages import BY_NAME, Message, from_params
from fablab.notices.models import LAB, MAIL, DeliveryState, Notice, NoticeChannel, NoticeChoice, NoticeDelivery
from fablab.notices.rendering import language_for

KIND = "notice"
SEND = "notice_send"
HOLD = timedelta(minutes=5)
"""For how long a delivery is taken up: longer than the slowest mail server may take."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery to make, with all that is needed for it. `url` is None for mail; `trusted` for the lab's own."""

    outbox_id: int
    delivery_id: int
    message: Message
    event: CalendarEvent | CalendarEvents | None
    name: str
    language: str
    email: str
    url: str | None
    trusted: bool


def spread(now: datetime) -> int:
    """Makes one delivery for each channel that the receiver of a waiting notice wants. Counts the deliveries."""
    if not outbox.is_waiting(KIND, now):
        return 0
    with transaction() as session:
        count = 0
        for row in outbox.claim(KIND, now, limit=200):
            notice = session.get(Notice, row.payload["notice"])
            for channel in channels_for(notice) if notice else ():
                delivery = NoticeDelivery(notice_id=row.payload["notice"], channel=channel)
                session.add(delivery)
                session.flush()
                outbox.put(SEND, str(delivery.id), {"delivery": delivery.id}, now)
                count += 1
            outbox.done(row.id, now)
    return count


def channels_for(notice: Notice) -> list[str]:
    """The channels over which this notice goes now; empty when nothing is wanted or possible."""
    if notice.receiver == LAB:
        return [lab_channel(url) for url in config().notifications.urls]
    person = notice.person
    if person is None or person.anonymised_at is not None or notice.message not in BY_NAME:
        return []
    own = db.session.scalars(
        select(NoticeChannel.id).where(NoticeChannel.person_id == person.id).order_by(NoticeChannel.id)
    )
    offered = ([MAIL] if person.email and mail.can_send(config()) else []) + [str(ident) for ident in own]
    rows = db.session.scalars(
        select(NoticeChoice).where(NoticeChoice.person_id == person.id, NoticeChoice.message == notice.message)
    )
    choices = {rules.Wish(row.message, row.channel): row.wanted for row in rows}
    fixed = BY_NAME[notice.message].FIXED
    return [channel for channel in offered if rules.is_wanted(choices, notice.message, channel, fixed=fixed)]


def lab_channel(url: str) -> str:
    """The name of one of the lab's own channels, which does not tell its address."""
    return f"{LAB}:{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def begin(now: datetime) -> Parcel | None:
    """Takes up the next delivery that is due; None when there is none."""
    while outbox.is_waiting(SEND, now):
        with transaction():
            rows = outbox.claim(SEND, now, limit=1, hold=HOLD)
            parcel = _taken_up(rows[0], now) if rows else None
        if parcel or not rows:
            return parcel
    return None


def _taken_up(row: outbox.Outbox, now: datetime) -> Parcel | None:
    """The delivery to make; None when there is nothing to send any more, which is noted."""
    delivery = db.session.get(NoticeDelivery, row.payload["delivery"])
    if delivery is None or delivery.state is not DeliveryState.WAITING:
        outbox.done(row.id, now)
        return None
    if delivery.begun_at is not None and delivery.interrupted:
        _end(delivery, row.id, DeliveryState.FAILED, now, "interrupted twice while it was being sent")
        return None
    try:
        message = from_params(delivery.notice.message, delivery.notice.params or {})
    except (KeyError, ValueError) as error:
        _end(delivery, row.id, DeliveryState.FAILED, now, f"cannot be read: {type(error).__name__}")
        return None
    late = message.useful_until is not None and message.useful_until <= now
    if late or delivery.channel not in channels_for(delivery.notice):
        _end(delivery, row.id, DeliveryState.DROPPED, now, "too late" if late else "no longer wanted")
        return None
    delivery.interrupted = delivery.begun_at is not None
    delivery.begun_at = now
    return _parcel(row.id, delivery, message)


def _parcel(outbox_id: int, delivery: NoticeDelivery, message: Message) -> Parcel:
    notice = delivery.notice
    person = notice.person
    url = None if delivery.channel == MAIL else _url(delivery.channel)
    return Parcel(
        outbox_id=outbox_id,
        delivery_id=delivery.id,
        message=message,
        event=calendars.from_json(notice.calendar) if notice.calendar else None,
        name=person.name if person else "",
        language=language_for(person.language if person else ""),
        email=(person.email or "") if person else "",
        url=url,
        trusted=notice.receiver == LAB,
    )


def _url(channel: str) -> str:
    """The address of a channel; '' when it cannot be read any more."""
    if channel.startswith(LAB):
        return next((url for url in config().notifications.urls if lab_channel(url) == channel), "")
    own = db.session.get(NoticeChannel, int(channel))
    return (vault.decrypt(own.address) if own else None) or ""


def settle(parcel: Parcel, now: datetime, error: NotSent | None) -> None:
    """Notes how a delivery went: sent, to be tried again later, or failed."""
    with transaction() as session:
        delivery = session.get(NoticeDelivery, parcel.delivery_id)
        if delivery is None:
            outbox.done(parcel.outbox_id, now)
            return
        delivery.begun_at, delivery.interrupted = None, False
        if error is None:
            _end(delivery, parcel.outbox_id, DeliveryState.SENT, now, "")
            return
        delivery.failures += 1
        delivery.error = str(error)[:500]
        if error.final or rules.is_hopeless(delivery.failures):
            _end(delivery, parcel.outbox_id, DeliveryState.FAILED, now, delivery.error)
            return
        wait = rules.wait_before(delivery.failures, secrets.randbelow(1000) / 1000)
        outbox.failed(parcel.outbox_id, delivery.error, now + wait)


def _end(delivery: NoticeDelivery, outbox_id: int, state: DeliveryState, now: datetime, error: str) -> None:
    delivery.state, delivery.ended_at, delivery.error = state, now, error
    outbox.done(outbox_id, now)
