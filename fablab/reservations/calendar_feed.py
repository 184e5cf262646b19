"""What stands in a subscribed calendar: a person's own bookings, or when a resource is busy, without names.

The subscriptions and the form of the file are those of `fablab.notices`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import select

from fablab.core import words
from fablab.core.db import db
from fablab.notices import calendars
from fablab.notices.calendars import CalendarEvent, Status
from fablab.notices.models import CalendarFeed
from fablab.reservations.asked import Parents, asked, parents
from fablab.reservations.models import LIVE, Allocation, Reservation, ReservationState
from fablab.reservations.reading import WITH_RESOURCES
from fablab.resources.service import get_resource

More = Callable[[int, datetime], Sequence[CalendarEvent]]

_MORE: dict[More, None] = {}

BACK = timedelta(days=90)
MOST = 2000
"""Events in one calendar: the earliest ones, which for a person's or a resource's calendar is all there are."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A calendar before it is written: its title and events ascending by start."""

    title: str
    events: Sequence[CalendarEvent]

    @property
    def tag(self) -> str:
        """Another value whenever anything in the calendar is another, in the present language."""
        seen = repr((words.language(), self.title, self.events)).encode()
        return hashlib.sha256(seen).hexdigest()[:32]

    def write(self) -> bytes:
        """The calendar file."""
        return calendars.feed(self.title, self.events)


def contents(feed: CalendarFeed, now: datetime) -> Contents:
    """What a subscriber sees now: the last three months and all that comes. Raises NotFound for a retired resource."""
    if feed.resource_id is None:
        title = gettext("My bookings, %(lab)s", lab=words.config().lab.name)
        events = [*own_events(feed.person_id, now), *(one for more in _MORE for one in more(feed.person_id, now))]
        return Contents(title, sorted(events, key=lambda one: (one.starts_at, one.name)))
    resource = get_resource(feed.resource_id)
    return Contents(words.text(resource.name), busy_events(resource.id, now))


def also(more: More) -> None:
    """From now on a person's calendar holds `more(person_id, now)` too: what packages that this one may not know have
    for him. Naming it twice is as once."""
    _MORE[more] = None


def own_events(person_id: int, now: datetime) -> list[CalendarEvent]:
    """A person's live bookings with their resources. At most four queries, however many there are."""
    query = (
        select(Reservation)
        .where(Reservation.person_id == person_id, Reservation.ends_at > now - BACK)
        .where(Reservation.state.in_((ReservationState.BOOKED, ReservationState.FINISHED)))
        .options(WITH_RESOURCES)
        .order_by(Reservation.starts_at, Reservation.id)
        .limit(MOST)
    )
    found = list(db.session.scalars(query))
    tree = parents() if any(one.exclusive for one in found) else {}
    return [event_of(one, tree) for one in found]


def event_of(reservation: Reservation, tree: Parents | None = None) -> CalendarEvent:
    """A reservation as an event, for a feed or to be attached to a notice; `tree` as `asked` takes it."""
    instants = (reservation.created_at, reservation.started_at, reservation.ended_at)
    kept = reservation.state in (ReservationState.BOOKED, ReservationState.FINISHED)
    return CalendarEvent(
        name=f"reservation-{reservation.id}",
        titles=tuple(one.name for one in asked(reservation, tree)),
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at,
        changed_at=max(at for at in instants if at is not None),
        sequence=reservation.sequence,
        status=Status.CONFIRMED if kept else Status.CANCELLED,
        note=reservation.note,
        path=f"/reservations/{reservation.id}",
    )


def busy_events(resource_id: int, now: datetime) -> list[CalendarEvent]:
    """When a resource is held, and nothing about by whom or what for. One query."""
    query = (
        select(Allocation.id, Allocation.starts_at, Allocation.ends_at)
        .where(Allocation.resource_id == resource_id, LIVE, Allocation.ends_at > now - BACK)
        .order_by(Allocation.ends_at)
        .limit(MOST)
    )
    return [
        CalendarEvent(name=f"busy-{ident}", titles=(), starts_at=starts_at, ends_at=ends_at, changed_at=starts_at)
        for ident, starts_at, ends_at in db.session.execute(query)
    ]
