"""Four weeks of reservations behind and two ahead: who held what from when to when, and what became of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fablab.demo.hours import open_on
from fablab.demo.members import AHEAD_DAYS, HISTORY_DAYS
from fablab.demo.names import PEOPLE
from fablab.demo.resources import RESOURCES, ResourceSeed
from fablab.reservations.models import ArrivedBy, ReservationState
from fablab.resources.models import Kind

STEP = timedelta(minutes=15)
QUIET = timedelta(hours=2, minutes=30)
"""The last hours before now belong to the simulated devices: no history is invented there."""
SATURDAY = 5
CLASS = "Atelier de la classe de 4e B"
SCHOOL_DAY, SCHOOL_THINGS = 3, ("mk4-1", "mk4-2", "vinyl", "visio")
WITH_A_BUDDY = frozenset({"saw"})
"""Nobody works there alone: `supervision` of `policies.BY_RESOURCE`."""
MOST_MISSED, MOST_MISSED_BY_LOGIN = 2, 1
"""So often somebody did not come: nobody is suspended, and the logins are far from it."""
LATE = timedelta(hours=2)
"""From so long before its start on, a machine is cancelled late: `cancel_hours` of `policies.BY_KIND`."""
LOGINS = frozenset(number for number, seed in enumerate(PEOPLE, 1) if seed.login)
HELD = frozenset({ReservationState.HELD, ReservationState.BOOKED, ReservationState.FINISHED})
"""The states in which a booking keeps its time from others."""
NOTES = ("", "", "", "", "Prototype", "Cadeau", "Commande client", "Projet de classe", "Réparation", "Първи опит", "")


@dataclass(slots=True)
class Booking:
    """One reservation of one or more resources, by their numbers. `created_by` is None where the person booked it.

    `series` is the number of the series that it is a date of; `let` holds what makes it a lasting let; `agreed_until`
    is when it was to end at first, where that is later now or sooner.
    """

    person: int
    resources: list[int]
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    state: ReservationState = ReservationState.BOOKED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: int | None = None
    end_reason: str = ""
    note: str = ""
    created_by: int | None = None
    arrived_by: ArrivedBy | None = None
    late: bool = False
    party_size: int = 1
    exclusive: bool = False
    on_behalf: str = ""
    overrides: list[dict[str, str]] = field(default_factory=list)
    held_until: datetime | None = None
    series: int | None = None
    let: dict[str, Any] | None = None
    agreed_until: datetime | None = None
    sequence: int = 0
    companions: list[int] = field(default_factory=list)
    at_risk_since: datetime | None = None


class Diary:
    """Fills the calendar of all resources without ever giving one of them to two at once."""

    def __init__(self, chance: random.Random, now: datetime, zone: ZoneInfo) -> None:
        self.chance = chance
        self.now = now
        self.zone = zone
        self.bookings: list[Booking] = []
        self._taken: dict[int, list[tuple[datetime, datetime]]] = {}
        self._busy: dict[int, list[tuple[datetime, datetime]]] = {}
        self._missed: Counter[int] = Counter()

    def keep_free(self, resource: int, starts_at: datetime, ends_at: datetime) -> None:
        """Nobody books this resource then."""
        self._taken.setdefault(resource, []).append((starts_at, ends_at))

    def is_free(self, resources: Sequence[int], starts_at: datetime, ends_at: datetime) -> bool:
        """Nobody has any of these resources then."""
        taken = [span for resource in resources for span in self._taken.get(resource, ())]
        return not any(start < ends_at and starts_at < end for start, end in taken)

    def has_time(self, person: int, starts_at: datetime, ends_at: datetime) -> bool:
        """This person has booked nothing else then, a lasting let apart."""
        return not any(start < ends_at and starts_at < end for start, end in self._busy.get(person, ()))

    def write(self, booking: Booking) -> int:
        """Keeps a booking as it is, with its time where its state blocks it; returns its number."""
        for one in () if booking.let else (booking.person, *booking.companions):
            self._busy.setdefault(one, []).append((booking.starts_at, booking.ends_at))
        if booking.state in HELD:
            for resource in booking.resources:
                self.keep_free(resource, booking.starts_at, booking.ends_at)
        self.bookings.append(booking)
        return len(self.bookings)

    def book(
        self,
        person: int,
        resources: Sequence[int],
        starts_at: datetime,
        ends_at: datetime,
        note: str = "",
        companions: Sequence[int] = (),
    ) -> Booking | None:
        """Book when all are free then; None when one is not."""
        if not self.is_free(resources, starts_at, ends_at):
            return None
        for resource in resources:
            self.keep_free(resource, starts_at, ends_at)
        latest = min(starts_at, self.now) - timedelta(minutes=20)
        created = latest - timedelta(hours=self.chance.expovariate(1 / 70))
        booking = Booking(person, list(resources), starts_at, ends_at, created, note=note)
        booking.companions, booking.party_size = list(companions), 1 + len(companions)
        self._outcome(booking)
        for one in (person, *companions):
            self._busy.setdefault(one, []).append((starts_at, ends_at))
        self.bookings.append(booking)
        return booking

    def _outcome(self, booking: Booking) -> None:
        """What became of it: most came, some cancelled, some never showed up."""
        luck = self.chance.random()
        if booking.ends_at > self.now:
            if luck < 0.06 and booking.starts_at > self.now + STEP:
                self._end(booking, ReservationState.CANCELLED, self.now - timedelta(hours=self.chance.uniform(0, 30)))
                booking.ended_at = max(booking.created_at, booking.ended_at or booking.created_at)
            elif booking.starts_at <= self.now:
                booking.started_at = min(self.now, booking.starts_at + timedelta(minutes=self.chance.randint(0, 9)))
                booking.arrived_by = came_by(booking.resources[0])
            return
        if luck < 0.07:
            before = booking.starts_at - timedelta(hours=self.chance.uniform(1, 20))
            self._end(booking, ReservationState.CANCELLED, max(booking.created_at, before))
            is_machine = RESOURCES[booking.resources[0] - 1].kind is Kind.MACHINE
            booking.late = is_machine and booking.starts_at - LATE < (booking.ended_at or before)
        elif luck < 0.13 and self._may_miss(booking.person):
            self._missed[booking.person] += 1
            self._end(booking, ReservationState.RELEASED, booking.starts_at + STEP)
            booking.ended_by = None
        else:
            used(booking, booking.starts_at + timedelta(minutes=self.chance.randint(-6, 11)))

    def _may_miss(self, person: int) -> bool:
        return self._missed[person] < (MOST_MISSED_BY_LOGIN if person in LOGINS else MOST_MISSED)

    def _end(self, booking: Booking, state: ReservationState, at: datetime) -> None:
        booking.state, booking.ended_at, booking.ended_by = state, at, booking.person


def used(booking: Booking, came_at: datetime) -> None:
    """Somebody came for it, and it is over."""
    booking.state, booking.started_at, booking.ended_at = ReservationState.FINISHED, came_at, booking.ends_at
    booking.arrived_by = came_by(booking.resources[0])


def came_by(resource: int) -> ArrivedBy:
    """How it is known that somebody came: a badge reader, the machine's own use, else the page."""
    device = RESOURCES[resource - 1].device
    return ArrivedBy.BADGE if device == "fablab_v1" else ArrivedBy.USAGE if device else ArrivedBy.PAGE


def floor_step(at: datetime) -> datetime:
    """The last quarter of an hour before or at `at`."""
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def fill(diary: Diary, able: Mapping[str, Sequence[int]], regulars: Mapping[str, int]) -> None:
    """Books everything: classes first, then each resource day by day. `able` is who may use what."""
    numbers = {seed.key: number for number, seed in enumerate(RESOURCES, 1)}
    today = diary.now.astimezone(diary.zone).date()
    days = [today + timedelta(days=day) for day in range(-HISTORY_DAYS, AHEAD_DAYS + 1)]
    for day in days:
        if day.weekday() == SCHOOL_DAY and (opening := open_on(day, diary.zone)):
            starts = opening[0] + timedelta(hours=5)
            things = [numbers[key] for key in SCHOOL_THINGS]
            if diary.has_time(regulars["school"], starts, starts + timedelta(hours=2)):
                diary.book(regulars["school"], things, starts, starts + timedelta(hours=2), CLASS)
    for seed in RESOURCES:
        for day in days:
            for span in _wishes(diary, seed, day, (day - today).days):
                who = _who(diary, seed, able, regulars, span)
                if who:
                    diary.book(who[0], [numbers[seed.key]], *span, diary.chance.choice(NOTES), who[1:])


def _who(
    diary: Diary,
    seed: ResourceSeed,
    able: Mapping[str, Sequence[int]],
    regulars: Mapping[str, int],
    span: tuple[datetime, datetime],
) -> list[int]:
    """Somebody who may use it and is not busy elsewhere then, with a buddy where one is needed; empty for nobody."""
    chance = diary.chance
    if seed.kind is Kind.OFFICE and chance.random() < 0.8:
        return [regulars[seed.key]]
    known = [one for one in able[seed.key] if one not in LOGINS or not seed.key.startswith("laser")]
    free = [one for one in known if diary.has_time(one, *span)]
    people = 2 if seed.key in WITH_A_BUDDY else 1
    return chance.sample(free, people) if len(free) >= people else []


def _wishes(diary: Diary, seed: ResourceSeed, day: date, ahead: int) -> Iterator[tuple[datetime, datetime]]:
    """What people would like on that day, within the opening hours; fewer the further ahead, none when broken."""
    opening = open_on(day, diary.zone)
    if opening is None or not seed.busy or (seed.broken and ahead > -9):
        return
    opens, closes = opening
    planned = 1.0 if ahead <= 0 else max(0.2, 0.95 - ahead * 0.06)
    busy = seed.busy * planned * (1.15 if day.weekday() == SATURDAY else 1.0)
    chance = diary.chance
    if seed.kind is Kind.OFFICE:
        if day.weekday() < SATURDAY:
            yield from _half_days(chance, busy, opens)
        return
    at = opens + STEP * chance.randint(0, 8)
    while True:
        length = timedelta(minutes=chance.choice(seed.lengths))
        if at + length > closes:
            return
        if chance.random() < 0.85:
            yield at, at + length
        share = max(0.08, busy)
        gap = length * (1 - share) / share * chance.uniform(0.4, 1.6)
        at = floor_step(at + length + gap)


def _half_days(chance: random.Random, busy: float, opens: datetime) -> Iterator[tuple[datetime, datetime]]:
    if chance.random() > busy:
        return
    if chance.random() < 0.6:
        yield opens, opens + timedelta(hours=8)
    else:
        starts = opens + timedelta(hours=chance.choice((0, 5)))
        yield starts, starts + timedelta(hours=4)
