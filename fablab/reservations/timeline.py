"""The timeline: every resource with its hours, closures and bookings between two days, as somebody may see them.

The number of queries is constant, however many resources, days and reservations there are. As in `gather`, the bookings
that end within the time are a stretch of the index of live ones, and of those that end later only the first of each
resource can begin before its end. Rows are read, not objects: a week of a hundred machines has thousands of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select, true

from fablab.core.actor import Actor
from fablab.core.db import Texts, db
from fablab.core.words import config
from fablab.people.models import Person
from fablab.reservations.gather import first_ids
from fablab.reservations.models import LIVE, Allocation, Companion, Reservation, ReservationState
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import Slot, buffer_of
from fablab.reservations.search import next_step
from fablab.reservations.timeline_rules import (
    DaySegment,
    days_from,
    free_spans,
    hours_of,
    midnight,
    segments,
)
from fablab.resources.hours import calendars
from fablab.resources.models import Kind, Resource, ResourceGroup, ServiceState
from fablab.resources.rules import Calendar, Closed
from fablab.resources.service import resources_query

_REQUESTED = ReservationState.REQUESTED
MOST_DAYS = 35
"""The longest time that a timeline shows."""

_COLUMNS: tuple[Any, ...] = (
    Allocation.resource_id,
    Allocation.starts_at,
    Allocation.ends_at,
    Allocation.reservation_id,
    Reservation.person_id,
    Reservation.state,
    Reservation.exclusive,
    Reservation.note,
    Person.name,
    Reservation.at_risk_since,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at: days, and which resources."""

    first: date
    days: int
    kind: Kind | None = None
    place_id: int | None = None
    group_id: int | None = None
    search: str = ""


class Entry(NamedTuple):
    """Something booked, requested or held. Of other people's, makers learn only the time: no id, name or note.

    `movable`: whoever looks may give it another time. `own`: booked for him, or with him. `at_risk`: its person lacks a
    certification for it. A tuple, as a week has
    thousands of them: it is made in half the time of a frozen dataclass.
    """

    starts_at: datetime
    ends_at: datetime
    state: ReservationState
    own: bool
    exclusive: bool
    reservation_id: int | None
    person_id: int | None
    name: str
    note: str
    movable: bool
    at_risk: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One resource. `openings` are when it is open, `closures` what closes it all the same, `free` what may be booked
    as far as hours, bookings, buffers and closures go; the person's own rules are asked when it is booked."""

    resource: Resource
    policy: BookingPolicy
    openings: tuple[Slot, ...]
    closures: tuple[Closed, ...]
    entries: tuple[Entry, ...]
    free: tuple[Slot, ...]

    @property
    def in_service(self) -> bool:
        """It can be used at all."""
        return self.resource.service_state is ServiceState.IN_SERVICE


@dataclass(frozen=True, slots=True)
class Sheet:
    """A timeline: the visible part of each day, and the rows."""

    from_: datetime
    to: datetime
    segments: tuple[DaySegment, ...]
    rows: tuple[Row, ...]


def sheet(actor: Actor, wanted: Wanted, now: datetime, *, whole_days: bool = False) -> Sheet:
    """The timeline of the days that are wanted, kinds in their order. A constant number of queries."""
    zone = config().lab.zone
    days = days_from(wanted.first, min(max(wanted.days, 1), MOST_DAYS))
    from_, to = midnight(days[0], zone), midnight(days[-1] + timedelta(1), zone)
    resources = _resources(wanted)
    ids = [one.id for one in resources]
    opening = calendars(resources, from_, to)
    person = db.session.get(Person, actor.person_id) if actor.person_id else None
    policies = policy_for(resources, person)
    entries = _entries(actor, ids, from_, to, now)
    hours = _Openings(days)
    rows = tuple(
        _row(one, policies[one.id].policy, opening[one.id], hours, entries.get(one.id, ()), now) for one in resources
    )
    visible = (0, 24) if whole_days else _visible(rows)
    return Sheet(from_, to, tuple(segments(days, visible, zone)), rows)


def groups() -> list[tuple[int, Texts]]:
    """The groups of resources to choose from: id and name."""
    rows = db.session.execute(select(ResourceGroup.id, ResourceGroup.name).order_by(ResourceGroup.id))
    return [(ident, name) for ident, name in rows]


def _resources(wanted: Wanted) -> list[Resource]:
    query = resources_query(kind=wanted.kind, place_id=wanted.place_id, search=wanted.search)
    if wanted.group_id is not None:
        query = query.where(Resource.group_id == wanted.group_id)
    order = list(Kind)
    return sorted(db.session.scalars(query), key=lambda one: (order.index(one.kind), one.id))


class _Openings:
    """The opening hours of each resource as slots. Most have the lab's own, which are worked out once."""

    def __init__(self, days: Sequence[date]) -> None:
        self._days = days
        self._known: dict[Any, tuple[Slot, ...]] = {}

    def of(self, calendar: Calendar) -> tuple[Slot, ...]:
        key = (tuple(calendar.openings.items()), calendar.closed_days, tuple(calendar.exceptions.items()))
        if key not in self._known:
            self._known[key] = tuple(Slot(*span) for day in self._days for span in calendar.hours(day))
        return self._known[key]


def _visible(rows: Sequence[Row]) -> tuple[int, int]:
    zone = config().lab.zone
    openings = {slot for row in rows for slot in row.openings}
    times = {(one.starts_at, one.ends_at) for row in rows for one in row.entries}  # many are booked at the same times
    return hours_of(openings, (Slot(*one) for one in times), zone)


def _row(
    resource: Resource,
    policy: BookingPolicy,
    calendar: Calendar,
    hours: _Openings,
    entries: Sequence[Entry],
    now: datetime,
) -> Row:
    openings = hours.of(calendar)
    shut = () if resource.service_state is ServiceState.IN_SERVICE else openings
    gap = buffer_of(policy)
    kept = [Slot(one.starts_at - gap, one.ends_at + gap) for one in entries if one.state is not _REQUESTED]
    closed = [Slot(one.starts_at, one.ends_at) for one in calendar.closures]
    begin = next_step(now, policy.step_minutes, calendar.zone)
    return Row(
        resource=resource,
        policy=policy,
        openings=openings,
        closures=tuple(calendar.closures),
        entries=tuple(entries),
        free=tuple(free_spans(openings, [*kept, *closed, *shut], timedelta(minutes=policy.min_minutes), begin)),
    )


def _entries(
    actor: Actor, ids: Sequence[int], from_: datetime, to: datetime, now: datetime
) -> Mapping[int, Sequence[Entry]]:
    """What each resource holds, ascending: bookings, offers, and requests that may be seen. Four queries."""
    viewer = _Viewer(actor.person_id, actor.is_staff, _along(actor, from_, to), now)
    found: dict[int, list[Entry]] = {}
    for query in (_within(ids, from_, to), _beyond(ids, to), _requests(actor, ids, from_, to)):
        for row in db.session.execute(query):
            found.setdefault(row.resource_id, []).append(viewer.sees(row))
    for of_one in found.values():
        of_one.sort(key=lambda one: one.starts_at)
    return found


def _joined() -> Select[Any]:
    query = select(*_COLUMNS).join(Reservation, Reservation.id == Allocation.reservation_id)
    return query.join(Person, Person.id == Reservation.person_id)


def _within(ids: Sequence[int], from_: datetime, to: datetime) -> Select[Any]:
    """Live ones that end within (from_, to]."""
    live = _joined().where(Allocation.resource_id.in_(ids), LIVE)
    return live.where(Allocation.ends_at > from_, Allocation.ends_at <= to)


def _beyond(ids: Sequence[int], to: datetime) -> Select[Any]:
    """Of each resource the live one that has begun by `to` and ends later, if any."""
    return _joined().where(Allocation.id.in_(first_ids(ids, to)), Allocation.starts_at < to)


def _requests(actor: Actor, ids: Sequence[int], from_: datetime, to: datetime) -> Select[Any]:
    """Requests that wait for the staff: one's own, all for staff."""
    whose: ColumnElement[bool] = true() if actor.is_staff else Reservation.person_id == actor.person_id
    query = _joined().where(Reservation.state == _REQUESTED, whose, Allocation.resource_id.in_(ids))
    return query.where(Reservation.ends_at > from_, Reservation.starts_at < to)


def _along(actor: Actor, from_: datetime, to: datetime) -> frozenset[int]:
    """Other people's reservations that the person is booked along with. One query."""
    query = select(Companion.reservation_id).join(Reservation, Reservation.id == Companion.reservation_id)
    query = query.where(Companion.person_id == (actor.person_id or 0), Reservation.ends_at > from_)
    return frozenset(db.session.scalars(query.where(Reservation.starts_at < to)))


class _Viewer(NamedTuple):
    """Who looks, and when; asked once for thousands of entries."""

    person_id: int | None
    staff: bool
    along: frozenset[int]
    now: datetime

    def sees(self, row: Any) -> Entry:
        """A row of `_COLUMNS` without what this person may not know."""
        _resource_id, starts_at, ends_at, reservation_id, person_id, state, exclusive, note, name, since = row
        booked_for = person_id == self.person_id
        own = booked_for or reservation_id in self.along
        movable = (booked_for or self.staff) and state is ReservationState.BOOKED and ends_at > self.now
        if own or self.staff:
            risk = since is not None and state is ReservationState.BOOKED
            return Entry(
                starts_at, ends_at, state, own, exclusive, reservation_id, person_id, name, note, movable, risk
            )
        return Entry(starts_at, ends_at, state, own, exclusive, None, None, "", "", movable)
