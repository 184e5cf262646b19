"""Telling people: `notify` from every service that changes something for somebody; what each person wants and how.

    notify(person.id, ReservationConfirmed(reservation_id=…, …), now, attach=event)      inside the caller's transaction

Sending is the job `delivery.deliver`; it never delays or breaks what the caller does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import joinedload

from fablab.core import audit, mail, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import WRITER, db, is_postgresql, lock, transaction
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.core.words import config
from fablab.notices import channels, rules, vault
from fablab.notices.calendars import CalendarEvent, CalendarEvents
from fablab.notices.messages import MESSAGES, ChannelAdded, Message, TrialNotice, to_params
from fablab.notices.models import (
    LAB,
    MAIL,
    DeliveryState,
    Notice,
    NoticeChannel,
    NoticeChoice,
    NoticeDelivery,
)
from fablab.notices.outgoing import KIND, SEND
from fablab.notices.rules import Wish
from fablab.people.models import Person

LONGEST_KEY = 120
MOST_CHANNELS = 5
KEEP_WORDS = timedelta(days=30)
KEEP_NOTICES = timedelta(days=400)


# -- telling ----------------------------------------------------------------------------------------------------------


def notify(
    person_id: int,
    message: Message,
    now: datetime,
    *,
    key: str | None = None,
    attach: CalendarEvent | CalendarEvents | None = None,
) -> bool:
    """Tells a person, once for each `key` (else the message's own). Only inside `transaction()`.

    True when it is told now, False when it was told before. `attach` goes with the mail as a calendar file.
    """
    return _keep(person_id, message, now, key, attach)


def notify_staff(message: Message, now: datetime, *, key: str | None = None) -> int:
    """Tells every manager and administrator, and the lab's own channels. Only inside `transaction()`. Counts them."""
    people = db.session.scalars(
        select(Person.id)
        .where(Person.role.in_((Role.MANAGER, Role.ADMINISTRATOR)), Person.active, Person.anonymised_at.is_(None))
        .order_by(Person.id)
    )
    receivers: list[int | None] = [*people, *([None] if config().notifications.urls else [])]
    return sum(_keep(receiver, message, now, key, None) for receiver in receivers)


def _keep(
    person_id: int | None,
    message: Message,
    now: datetime,
    key: str | None,
    attach: CalendarEvent | CalendarEvents | None,
) -> bool:
    if not db.session().info.get(WRITER):
        raise RuntimeError("a notice outside `with transaction():`")
    insert = postgresql_insert if is_postgresql() else sqlite_insert
    statement = insert(Notice).values(
        person_id=person_id,
        receiver=LAB if person_id is None else str(person_id),
        message=message.name(),
        key=(message.key if key is None else key)[:LONGEST_KEY],
        params=to_params(message),
        calendar=attach.to_json() if attach else None,
        created_at=now,
    )
    new = db.session.scalar(statement.on_conflict_do_nothing().returning(Notice.id))
    if new is None:
        return False
    outbox.put(KIND, LAB if person_id is None else str(person_id), {"notice": new}, now)
    return True


def forget_old(now: datetime) -> int:
    """Empties the words of notices older than `KEEP_WORDS` and deletes those older than `KEEP_NOTICES`; counts both."""
    wordy = (Notice.created_at < now - KEEP_WORDS) & Notice.params.is_not(None)
    old = Notice.created_at < now - KEEP_NOTICES
    count = sum(db.session.scalar(select(func.count()).select_from(Notice).where(those)) or 0 for those in (wordy, old))
    if count:
        with transaction() as session:
            session.execute(delete(Notice).where(old))
            session.execute(update(Notice).where(wordy).values(params=None, calendar=None))
    return count


# -- what a person wants ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of message on the page of choices: for each channel (`mail`, ids) whether it is wanted."""

    message: str
    title: str
    fixed: bool
    wanted: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person gets and over which channels; `email` is None for who has no address."""

    email: str | None
    channels: Sequence[NoticeChannel]
    rows: Sequence[Row]


def preferences(actor: Actor) -> Preferences:
    """The choices of the acting person, kinds in the order of `MESSAGES`; those for the staff to staff alone."""
    own = channels_of(actor.person_id)
    chosen = db.session.scalars(select(NoticeChoice).where(NoticeChoice.person_id == actor.person_id))
    choices = {Wish(row.message, row.channel): row.wanted for row in chosen}
    names = [MAIL, *(str(channel.id) for channel in own)]
    rows = [
        Row(
            kind.name(),
            str(kind.TITLE),
            kind.FIXED,
            {name: rules.is_wanted(choices, kind.name(), name, fixed=kind.FIXED) for name in names},
        )
        for kind in _kinds(actor)
    ]
    email = db.session.scalar(select(Person.email).where(Person.id == actor.person_id))
    return Preferences(email=email, channels=own, rows=rows)


def _kinds(actor: Actor) -> list[type[Message]]:
    return [kind for kind in MESSAGES if not kind.STAFF or actor.is_at_least(Role.MANAGER)]


def channels_of(person_id: int | None) -> list[NoticeChannel]:
    """A person's own channels, oldest first."""
    query = select(NoticeChannel).where(NoticeChannel.person_id == person_id).order_by(NoticeChannel.id)
    return list(db.session.scalars(query))


def choose(actor: Actor, wanted: frozenset[Wish]) -> None:
    """Keeps the acting person's choices: what is offered and not in `wanted` is off. Fixed kinds stay as they are."""
    person_id = _person_id(actor)
    with transaction() as session:
        names = [MAIL, *(str(channel.id) for channel in channels_of(person_id))]
        session.execute(delete(NoticeChoice).where(NoticeChoice.person_id == person_id))
        for kind in _kinds(actor):
            off = [name for name in names if Wish(kind.name(), name) not in wanted]
            for name in off if not kind.FIXED else ():
                session.add(NoticeChoice(person_id=person_id, message=kind.name(), channel=name, wanted=False))


def add_channel(actor: Actor, label: str, url: str, now: datetime) -> NoticeChannel:
    """Connects a channel and tells the person so, over it and by mail. Raises Invalid, Conflict for one too many."""
    person_id = _person_id(actor)
    url, label = url.strip(), " ".join(label.split())
    service = rules.SERVICES.get(url.partition("://")[0].lower(), "")
    faults = _faults(label, url)
    if faults:
        raise Invalid(faults)
    with transaction() as session:
        lock(Person, person_id)
        if len(channels_of(person_id)) >= MOST_CHANNELS:
            raise Conflict(gettext("There are %(num)d channels already. Please remove one first.", num=MOST_CHANNELS))
        made = NoticeChannel(
            person_id=person_id,
            label=label or service,
            service=service,
            address=vault.encrypt(url),
            created_at=now,
        )
        session.add(made)
        session.flush()
        audit.record(actor, "notice_channel.added", made, now, after={"label": made.label, "service": service})
        notify(person_id, ChannelAdded(channel_id=made.id, label=made.label, service=service), now)
    return made


def _faults(label: str, url: str) -> dict[str, str]:
    """What is wrong with a new channel, by field. The address itself is never repeated: it is a secret."""
    sentences = {
        "empty": gettext("Please enter the address of the channel."),
        "too_long": gettext("At most %(num)d characters.", num=rules.LONGEST_ADDRESS),
        "characters": gettext("The address holds characters that no address has."),
        "service": gettext(
            "It must begin with one of: %(list)s.", list=", ".join(f"{one}://" for one in rules.SERVICES)
        ),
        "host": gettext("This address leads into the lab's own network, which the administrator has not allowed."),
        "unreadable": gettext("The address is not complete. Please compare it with the description of the service."),
    }
    fault = rules.address_fault(url, frozenset(config().notifications.allowed_hosts))
    if fault is None and not channels.is_readable(url):
        fault = "unreadable"
    found = {"url": sentences[fault]} if fault else {}
    if len(label) > 60 or not label.isprintable():
        found["label"] = gettext("At most %(num)d characters.", num=60)
    return found


def remove_channel(actor: Actor, channel_id: int, now: datetime) -> None:
    """Disconnects one of the acting person's channels. Raises NotFound for another's."""
    with transaction() as session:
        channel = lock(NoticeChannel, channel_id)
        if channel is None or channel.person_id != actor.person_id:
            raise NotFound
        audit.record(actor, "notice_channel.removed", channel, now, before={"label": channel.label})
        session.execute(delete(NoticeChoice).where(NoticeChoice.channel == str(channel_id)))
        session.delete(channel)


def _person_id(actor: Actor) -> int:
    if actor.person_id is None:
        raise NotFound
    return actor.person_id


# -- for the administrator --------------------------------------------------------------------------------------------


def can_mail() -> bool:
    """False when no mail server is configured: then no mail is sent, and the pages say so."""
    return mail.can_send(config())


def failed(limit: int = 100) -> list[NoticeDelivery]:
    """What could not be delivered, newest first."""
    query = (
        select(NoticeDelivery)
        .where(NoticeDelivery.state == DeliveryState.FAILED)
        .options(joinedload(NoticeDelivery.notice).joinedload(Notice.person))
        .order_by(NoticeDelivery.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(query))


def count_failed() -> int:
    """How many deliveries failed and still wait for somebody to look."""
    query = select(func.count()).select_from(NoticeDelivery).where(NoticeDelivery.state == DeliveryState.FAILED)
    return db.session.scalar(query) or 0


def try_again(actor: Actor, delivery_id: int, now: datetime) -> None:
    """Puts a failed delivery back in line, for another day. Raises NotFound, Conflict when it has not failed."""
    with transaction():
        delivery = _failed(delivery_id)
        if delivery.notice.params is None:
            raise Conflict(gettext("This notice is too old to be sent again."))
        delivery.state, delivery.failures, delivery.ended_at, delivery.error = DeliveryState.WAITING, 0, None, ""
        delivery.begun_at, delivery.interrupted = None, False
        outbox.put(SEND, str(delivery.id), {"delivery": delivery.id}, now)
        audit.record(actor, "notice.tried_again", delivery, now)


def drop(actor: Actor, delivery_id: int, now: datetime) -> None:
    """Takes a failed delivery off the list. Raises NotFound, Conflict when it has not failed."""
    with transaction():
        delivery = _failed(delivery_id)
        delivery.state, delivery.ended_at = DeliveryState.DROPPED, now
        audit.record(actor, "notice.dropped", delivery, now)


def _failed(delivery_id: int) -> NoticeDelivery:
    delivery = lock(NoticeDelivery, delivery_id)
    if delivery is None:
        raise NotFound
    if delivery.state is not DeliveryState.FAILED:
        raise Conflict(gettext("This notice is not among the failed ones any more."))
    return delivery


def try_out(actor: Actor, now: datetime) -> None:
    """A test notice to the acting person, over all channels."""
    with transaction():
        notify(_person_id(actor), TrialNotice(asked_at=now), now)
