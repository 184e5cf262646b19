"""Calendar files (RFC 5545): one event as an invitation that updates itself (RFC 5546), many as a feed.

The same thing always has the same UID and a rising SEQUENCE, so a calendar program changes or removes the event it
has. Texts of people are cleaned here, then escaped and folded by icalendar.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask_babel import gettext
from icalendar import Calendar, Event, vCalAddress, vText
from pydantic import TypeAdapter

from fablab.core.db import Texts
from fablab.core.words import config, language, text
from fablab.notices import links, vault

PRODUCT = "-//Fablab//Reservations//EN"
REFRESH = timedelta(minutes=15)
LONGEST_TEXT = 20_000

_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")


class Status(StrEnum):
    """The words of RFC 5545; `tentative` is held or asked for."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, kw_only=True)
class CalendarEvent:
    """One event. `name` is what it is for ever (`reservation-12`), `sequence` counts its changes, `changed_at` is when
    the last was; `titles` are joined by commas; `path` is its page of the lab."""

    name: str
    titles: tuple[Texts, ...]
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime
    sequence: int = 0
    status: Status = Status.CONFIRMED
    note: str = ""
    place: Texts = field(default_factory=dict)
    path: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, to be kept until it is sent."""
        dumped: dict[str, Any] = _EVENTS.dump_python(self, mode="json")
        return dumped

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "CalendarEvent":
        """The event again. Raises ValueError."""
        return _EVENTS.validate_python(values)


@dataclass(frozen=True, kw_only=True)
class CalendarEvents:
    """Several events in one file, such as all the dates of a series."""

    events: tuple[CalendarEvent, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, to be kept until it is sent."""
        return {"events": [event.to_json() for event in self.events]}


_EVENTS = TypeAdapter(CalendarEvent)


def from_json(values: dict[str, Any]) -> CalendarEvent | CalendarEvents:
    """One event or several, as they were kept. Raises ValueError."""
    if "events" in values:
        return CalendarEvents(events=tuple(CalendarEvent.from_json(one) for one in values["events"]))
    return CalendarEvent.from_json(values)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A calendar file for a mail: its bytes and its METHOD, REQUEST, CANCEL or PUBLISH."""

    content: bytes
    method: str


def uid(name: str) -> str:
    """The UID of what `name` names: the same for ever, different from that of every other lab."""
    return f"{name}-{vault.mark(name)}@fablab"


def invitation(event: CalendarEvent | CalendarEvents, attendee: str, address: str) -> Invitation:
    """The event for one person's calendar, in the present language; CANCEL for a cancelled one. Several are published:
    the RFC lets an invitation hold but one UID. Each still changes or removes the event of its UID."""
    if isinstance(event, CalendarEvents):
        return _publication(event.events)
    method = "CANCEL" if event.status is Status.CANCELLED else "REQUEST"
    made = _event(event)
    made.add("organizer", _party(config().lab.name, config().mail.sender))
    guest = _party(attendee, address)
    guest.params.update({"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    made.add("attendee", guest)
    calendar = _calendar([made], [event])
    calendar.add("method", method)
    return Invitation(calendar.to_ical(), method)


def _publication(events: Sequence[CalendarEvent]) -> Invitation:
    made = [_event(event) for event in events]
    for one in made:
        one.add("organizer", _party(config().lab.name, config().mail.sender))
    calendar = _calendar(made, events)
    calendar.add("method", "PUBLISH")
    return Invitation(calendar.to_ical(), "PUBLISH")


def feed(title: str, events: Sequence[CalendarEvent]) -> bytes:
    """All events as one calendar to subscribe to, in the order given, in the present language."""
    calendar = _calendar([_event(event) for event in events], events)
    calendar.add("name", _one_line(title))
    calendar.add("x-wr-calname", vText(_one_line(title)))
    calendar.add("x-wr-timezone", config().lab.timezone)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", REFRESH)
    return calendar.to_ical()


def clean(value: str) -> str:
    """Text that is text: every kind of line break becomes a plain one, control characters and halves of characters go,
    what is longer than `LONGEST_TEXT` is cut."""
    plain = _CONTROLS.sub("", _BREAKS.sub("\n", value))
    return plain.encode("utf-8", "replace").decode()[:LONGEST_TEXT]


def _event(event: CalendarEvent) -> Event:
    zone = config().lab.zone
    made = Event()
    made.add("uid", uid(event.name))
    made.add("dtstamp", event.changed_at)
    made.add("last-modified", event.changed_at)
    made.add("dtstart", event.starts_at.astimezone(zone))
    made.add("dtend", event.ends_at.astimezone(zone))
    made.add("sequence", event.sequence)
    made.add("status", event.status.value)
    made.add("summary", clean(", ".join(text(title) for title in event.titles)) or gettext("Busy"))
    if event.note:
        made.add("description", clean(event.note))
    if event.place:
        made.add("location", clean(text(event.place)))
    if event.path:
        made.add("url", links.absolute(event.path))
    return made


def _calendar(made: Sequence[Event], events: Sequence[CalendarEvent]) -> Calendar:
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT.replace("EN", language().upper()))
    calendar.add("calscale", "GREGORIAN")
    for one in made:
        calendar.add_component(one)
    if events:
        first, last = min(event.starts_at for event in events), max(event.ends_at for event in events)
        calendar.add_missing_timezones(
            first_date=first.date().replace(year=first.year - 1, month=1, day=1),
            last_date=last.date().replace(year=last.year + 2, month=1, day=1),
        )
    return calendar


def _party(name: str, address: str) -> vCalAddress:
    made = vCalAddress(f"mailto:{_one_line(address)}")
    made.params["CN"] = _one_line(name)
    return made


def _one_line(value: str) -> str:
    return " ".join(clean(value).replace('"', "'").split())
