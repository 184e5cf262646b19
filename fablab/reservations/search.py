"""Which times may be booked: the nearest to a wanted one, all of some days, the earliest of several resources. Pure.

Every candidate is asked of the same rules as the booking itself; only what the rules would refuse anyway is left out
before, to be quick: closed hours, taken times, the past.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import count
from math import lcm
from zoneinfo import ZoneInfo

from fablab.reservations.limits import limited, quota_denials
from fablab.reservations.rules import BookingFacts, Slot, is_allowed, local_day, no_time_helps

SEARCH_DAYS = 14
"""How many days before and after the wanted one are searched for an allowed slot."""
MOST_JUDGED = 25_000
"""Of how many times one search of several resources asks all rules: then it ends with what it has found."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A time at which a resource may be booked; `with_instructor`: only with an instructor who is booked along."""

    resource_id: int
    slot: Slot
    with_instructor: bool = False


def suggestions(choices: Sequence[BookingFacts], limit: int = 3) -> list[Slot]:
    """The allowed slots nearest to the wanted one, nearest first, the earlier first of two as near; at most `limit`.

    `choices` are the facts of each resource of one booking, all for the same time; a slot must suit all of them. The
    length is the wanted one, made longer or shorter where it is not allowed. Searches `SEARCH_DAYS` to both sides.
    """
    if no_time_helps(choices):
        return []
    length = _allowed_length(choices)
    found: list[Slot] = []
    for starts_at in _near(choices, length):
        slot = Slot(starts_at, starts_at + length)
        if fits(choices, slot):
            found.append(slot)
            if len(found) == limit:
                break
    return found


def free_slots(facts: BookingFacts, until: datetime, minutes: int) -> list[Slot]:
    """Every slot of this length that may be booked from `facts.starts_at` on, begins on the step and ends by `until`.

    Ascending, one for each possible start, so neighbours overlap. `facts.taken` must cover the whole time.
    """
    return list(each_free(facts, until, minutes))


def each_free(facts: BookingFacts, until: datetime, minutes: int) -> Iterator[Slot]:
    """The same, one after the other: who takes the first only does not search on."""
    begin, length = max(facts.starts_at, facts.now), timedelta(minutes=minutes)
    for day in _days(begin, until, facts.calendar.zone):
        yield from _of_day(facts, day, length, (begin, until))


def find_slots(
    choices: Sequence[BookingFacts],
    until: datetime,
    minutes: int,
    limit: int,
    present: Sequence[Slot] | None = None,
) -> list[Choice]:
    """The earliest slots at which any one of the resources may be booked, from the start in the facts on, at most
    `limit`: of each resource those that follow each other without overlap, so that the choices differ. With `present`
    the whole slot must lie in one of these times (an instructor is there), which are ascending and apart; but
    who is an instructor, or brings one, has him there.

    It ends with what it has found when it has asked all rules `MOST_JUDGED` times.
    """
    budget = _Budget(MOST_JUDGED)
    length, zone = timedelta(minutes=minutes), choices[0].calendar.zone
    begin = max(choices[0].starts_at, choices[0].now)
    useful = [
        (number, facts, _Progress(begin, budget), None if _has_instructor(facts) else present)
        for number, facts in enumerate(choices)
        if facts.policy.min_minutes <= minutes <= facts.policy.max_minutes and not no_time_helps([facts])
    ]
    found: list[Choice] = []
    for day in _days(begin, until, zone):
        streams = (
            _apart(number, facts.resource_id, _of_day(facts, day, length, (begin, until), there, progress), progress)
            for number, facts, progress, there in useful
        )
        for _, _, choice in merge(*streams):
            found.append(choice)
            if len(found) == limit:
                return found
    return found


def _has_instructor(facts: BookingFacts) -> bool:
    return facts.instructor or facts.brought or any(one.instructor for one in facts.companions)


def next_free(facts: BookingFacts, days: int = SEARCH_DAYS) -> datetime | None:
    """From when on the resource is free for its shortest booking, at `facts.now` at the earliest; None when not within
    so many days. Asks the opening hours and what is taken (which must cover the time), not the person."""
    if not facts.resource.in_service:
        return None
    least = timedelta(minutes=facts.policy.min_minutes)
    today = local_day(facts.now, facts.calendar.zone)
    for opens, closes in (
        span for number in range(days) for span in facts.calendar.intervals(today + timedelta(number))
    ):
        at = max(opens, facts.now)
        for slot in facts.taken:
            if slot.ends_at > at and slot.starts_at < at + least:
                at = slot.ends_at
        if at + least <= closes:
            return at
    return None


def fits(choices: Sequence[BookingFacts], slot: Slot) -> bool:
    """Whether all these resources may be booked together for this time."""
    return all(
        _in_the_way(facts, slot) is None
        and is_allowed(replace(facts, starts_at=slot.starts_at, ends_at=slot.ends_at, begun=False))
        for facts in choices
    )


def instants(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """The UTC instants at which clocks of the zone show `day` and `at`: one; none in the hour that spring skips;
    two, ascending, in the hour that autumn repeats."""
    wall = datetime.combine(day, at)
    seen = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(one for one in seen if one.astimezone(zone).replace(tzinfo=None) == wall)


def _of_day(
    facts: BookingFacts,
    day: date,
    length: timedelta,
    within: tuple[datetime, datetime],
    present: Sequence[Slot] | None = None,
    progress: "_Progress | None" = None,
) -> Iterator[Slot]:
    """The slots that begin on a local day and lie in `within`, which may be booked; ascending, overlapping."""
    midnight = _midnight(day + timedelta(1), facts.calendar.zone)
    if (day - local_day(facts.now, facts.calendar.zone)).days > facts.policy.horizon_days:
        return
    spent, over = _spent(facts, midnight, length), within[0]
    for starts_at in _starts(facts, day, length):
        slot = Slot(starts_at, starts_at + length)
        if starts_at < over or slot.ends_at > within[1] or (spent and slot.ends_at <= midnight):
            continue
        if progress is not None and starts_at < progress.at:
            continue
        if present is not None and not _lies_in(slot, present):
            continue
        if (held := _in_the_way(facts, slot)) is not None:
            over = held  # whatever begins before that is in the way of the same
            continue
        if progress is not None and not progress.budget.take():
            return
        if fits([facts], slot):
            yield slot


@dataclass(slots=True)
class _Budget:
    """How many times may still be judged."""

    left: int

    def take(self) -> bool:
        """One more; False where none is left."""
        self.left -= 1
        return self.left >= 0


def _spent(facts: BookingFacts, midnight: datetime, length: timedelta) -> bool:
    """Whether a limit by day or week, or of what is to come, refuses every booking of this length that lies wholly in
    the day before `midnight`: all of them add as much, so one is asked for all."""
    if facts.let or facts.policy.quiet_hours or not limited(facts.policy):
        return False
    zone, last = facts.calendar.zone, (midnight - length, midnight)
    found = quota_denials(facts.held, facts.policy, zone, facts.now, *last)
    return any(one.params.get("limit") != "gap_minutes" for one in found)


@dataclass(slots=True)
class _Progress:
    """Up to when a resource has been given out, and what the search may still ask."""

    at: datetime
    budget: _Budget


def _apart(
    number: int, resource_id: int, slots: Iterator[Slot], progress: _Progress
) -> Iterator[tuple[datetime, int, Choice]]:
    """Each slot with what sorts it among those of others; the next one begins when it is over."""
    for slot in slots:
        progress.at = slot.ends_at
        yield slot.starts_at, number, Choice(resource_id, slot)


def _days(from_: datetime, to: datetime, zone: ZoneInfo) -> Iterator[date]:
    day, last = local_day(from_, zone), local_day(to, zone)
    while day <= last:
        yield day
        day += timedelta(1)


def _allowed_length(choices: Sequence[BookingFacts]) -> timedelta:
    """The wanted length, made as long or short as all resources allow, on their common step where that fits."""
    judged = [facts for facts in choices if not facts.along]
    least = max(facts.policy.min_minutes for facts in judged)
    most = min(facts.policy.max_minutes for facts in judged)
    step = lcm(*(facts.policy.step_minutes for facts in judged))
    wanted = -(-(judged[0].ends_at - judged[0].starts_at) // timedelta(minutes=1))
    wanted = max(min(wanted, most), least)
    up = -(-wanted // step) * step
    return timedelta(minutes=up if up <= most else wanted // step * step or wanted)


def _near(choices: Sequence[BookingFacts], length: timedelta) -> Iterator[datetime]:
    """Possible starts, nearest to the wanted one first. All of a day are nearer than those two days further."""
    first = choices[0]
    wanted, zone = first.starts_at, first.calendar.zone
    day = local_day(wanted, zone)
    ready: list[datetime] = []
    for distance in range(SEARCH_DAYS + 1):
        days = {day - timedelta(distance), day + timedelta(distance)}
        ready += [start for one in days for start in _starts(first, one, length) if start >= first.now]
        ready.sort(key=lambda start: (abs(start - wanted), start))
        sure = timedelta(days=distance, hours=-1)  # an hour for the days on which clocks change
        near = [start for start in ready if abs(start - wanted) < sure or distance == SEARCH_DAYS]
        yield from near
        ready = ready[len(near) :]


def _starts(facts: BookingFacts, day: date, length: timedelta) -> list[datetime]:
    """Starts on the step within the opening hours of a local day; a day whose next one goes on may be booked over."""
    spans = facts.calendar.intervals(day)
    if not spans:
        return []
    midnight = _midnight(day + timedelta(1), facts.calendar.zone)
    latest = [closes if closes >= midnight else closes - length for _, closes in spans]
    grid = _grid(day, facts.policy.step_minutes, facts.calendar.zone)
    return [
        at
        for (opens, closes), last in zip(spans, latest, strict=True)
        for at in grid
        if opens <= at < closes and at <= last
    ]


def next_step(at: datetime, step: int, zone: ZoneInfo) -> datetime:
    """The first instant from `at` on at which clocks of the zone show a multiple of `step` minutes since midnight."""
    days = (_grid(local_day(at, zone) + timedelta(number), step, zone) for number in count())
    return next(grid[after] for grid in days if (after := bisect_left(grid, at)) < len(grid))


@lru_cache(maxsize=512)
def _grid(day: date, step: int, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants of a local day at which its clocks show a multiple of `step` minutes since midnight, ascending."""
    begin, end = _midnight(day, zone), _midnight(day + timedelta(1), zone)
    if end - begin == timedelta(days=1):
        return tuple(begin + timedelta(minutes=minutes) for minutes in range(0, 24 * 60, step))
    walls = (time(*divmod(minutes, 60)) for minutes in range(0, 24 * 60, step))
    return tuple(sorted(at for wall in walls for at in instants(day, wall, zone)))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def _in_the_way(facts: BookingFacts, slot: Slot) -> datetime | None:
    """Until when the resource is taken or closed, where it is at that time: asked first, as it costs least."""
    after = bisect_right(facts.taken, slot.starts_at, key=_end)
    if after < len(facts.taken) and facts.taken[after].starts_at < slot.ends_at:
        return facts.taken[after].ends_at
    closures = facts.calendar.closures
    return next(
        (one.ends_at for one in closures if one.starts_at < slot.ends_at and one.ends_at > slot.starts_at), None
    )


def _lies_in(slot: Slot, spans: Sequence[Slot]) -> bool:
    before = bisect_right(spans, slot.starts_at, key=_begin)
    return before > 0 and slot.ends_at <= spans[before - 1].ends_at


def _begin(slot: Slot) -> datetime:
    return slot.starts_at


def _end(slot: Slot) -> datetime:
    return slot.ends_at
