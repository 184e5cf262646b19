"""How much one person may book: per local day and week, to come, and with what gap between. Pure.

Times within quiet windows do not count. Minutes are real ones: the night in which clocks go back has an hour more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from fablab.core.denials import Denial
from fablab.reservations.policy import BookingPolicy, QuietWindow

Span = tuple[datetime, datetime]
"""A time [start, end), in UTC."""

MINUTE = timedelta(minutes=1)
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Used:
    """What a person holds already of what a limit looks at: the time that counts by local day, how many bookings and
    how much time are to come, and the bookings themselves, ascending."""

    by_day: Mapping[date, timedelta] = field(default_factory=dict)
    future_count: int = 0
    future: timedelta = NOTHING
    spans: Sequence[Span] = ()

    def in_week(self, monday: date) -> timedelta:
        """The time that counts from this monday on, seven days long."""
        return sum((self.by_day.get(monday + timedelta(number), NOTHING) for number in range(7)), NOTHING)


NONE_USED = Used()


def limited(policy: BookingPolicy) -> bool:
    """True when any limit depends on what the person holds already."""
    limits = (
        policy.max_minutes_per_day,
        policy.max_minutes_per_week,
        policy.max_future_count,
        policy.max_future_minutes,
    )
    return policy.gap_minutes > 0 or any(one is not None for one in limits)


def used(own: Sequence[Span], policy: BookingPolicy, zone: ZoneInfo, now: datetime) -> Used:
    """What these bookings of a person use of his limits. Those wholly within quiet windows do not count at all."""
    by_day: dict[date, timedelta] = {}
    count, future, spans = 0, NOTHING, []
    for starts_at, ends_at in sorted(own):
        pieces = counted(starts_at, ends_at, policy.quiet_hours, zone)
        if not pieces:
            continue
        spans.append((starts_at, ends_at))
        for day, begin, end in by_days(pieces, zone):
            by_day[day] = by_day.get(day, NOTHING) + (end - begin)
        if ends_at > now:
            count += 1
            future += _after(pieces, now)
    return Used(by_day, count, future, spans)


def quota_denials(
    held: Used, policy: BookingPolicy, zone: ZoneInfo, now: datetime, starts_at: datetime, ends_at: datetime
) -> list[Denial]:
    """`quota_exceeded` for every limit that a booking of [starts_at, ends_at) would go beyond, with the limit's key,
    what it allows, what is used of it already and what this booking adds. Reaching a limit exactly is allowed."""
    if not limited(policy):
        return []
    pieces = counted(starts_at, ends_at, policy.quiet_hours, zone)
    if not pieces:
        return []
    found = [*_per_day(held, policy, zone, pieces), *_to_come(held, policy, _after(pieces, now))]
    return [*found, *_gap(held, policy, starts_at, ends_at)]


def _per_day(held: Used, policy: BookingPolicy, zone: ZoneInfo, pieces: Sequence[Span]) -> Iterator[Denial]:
    days: dict[date, timedelta] = {}
    weeks: dict[date, timedelta] = {}
    for day, begin, end in by_days(pieces, zone):
        monday = day - timedelta(day.weekday())
        days[day] = days.get(day, NOTHING) + (end - begin)
        weeks[monday] = weeks.get(monday, NOTHING) + (end - begin)
    for day, more in days.items():
        if over := _over("max_minutes_per_day", policy, held.by_day.get(day, NOTHING), more, (day, zone)):
            yield over
            break
    for monday, more in weeks.items():
        if over := _over("max_minutes_per_week", policy, held.in_week(monday), more, (monday, zone)):
            yield over
            break


def _to_come(held: Used, policy: BookingPolicy, more: timedelta) -> Iterator[Denial]:
    most = policy.max_future_count
    if most is not None and held.future_count + 1 > most:
        yield _denial("max_future_count", policy, most, held.future_count, 1)
    if over := _over("max_future_minutes", policy, held.future, more):
        yield over


def _gap(held: Used, policy: BookingPolicy, starts_at: datetime, ends_at: datetime) -> Iterator[Denial]:
    least = timedelta(minutes=policy.gap_minutes)
    if not least:
        return
    near = [one for one in held.spans if one[0] < ends_at + least and one[1] > starts_at - least]
    if near:
        begin, end = near[0]
        between = max(begin - ends_at, starts_at - end, NOTHING) // MINUTE
        denial = _denial("gap_minutes", policy, policy.gap_minutes, between, between)
        yield Denial(denial.code, {**denial.params, "starts_at": rfc3339(begin), "ends_at": rfc3339(end)})


def _over(
    key: str, policy: BookingPolicy, have: timedelta, more: timedelta, on: tuple[date, ZoneInfo] | None = None
) -> Denial | None:
    most = getattr(policy, key)
    if most is None or not more or have + more <= timedelta(minutes=most):
        return None
    found = _denial(key, policy, most, have // MINUTE, more // MINUTE)
    return found if on is None else Denial(found.code, {**found.params, "on": _midday(*on)})


def _denial(key: str, policy: BookingPolicy, allowed: int, have: int, more: int) -> Denial:
    params = {"limit": key, "scope": policy.limit_scope.value, "allowed": allowed, "used": have, "value": more}
    return Denial("quota_exceeded", params)


def counted(starts_at: datetime, ends_at: datetime, quiet: Sequence[QuietWindow], zone: ZoneInfo) -> list[Span]:
    """The parts of [starts_at, ends_at) that lie in no quiet window, ascending."""
    left = [(starts_at, ends_at)]
    if not quiet:
        return left
    for begin, end in _windows(quiet, starts_at, ends_at, zone):
        left = [
            piece
            for one, other in left
            for piece in ((one, min(other, begin)), (max(one, end), other))
            if piece[0] < piece[1]
        ]
    return left


def by_days(spans: Sequence[Span], zone: ZoneInfo) -> Iterator[tuple[date, datetime, datetime]]:
    """The spans cut at the midnights of the zone, each part with its local day."""
    for starts_at, ends_at in spans:
        at, day = starts_at, starts_at.astimezone(zone).date()
        while at < ends_at:
            end = min(ends_at, at_local(day + timedelta(1), time(0), zone))
            yield day, at, end
            at, day = end, day + timedelta(1)


def at_local(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant at which clocks of the zone show `day` and `at`; the first one where there are two, and where there
    is none, as long after midnight as the clock says."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def _windows(quiet: Sequence[QuietWindow], starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> Iterator[Span]:
    day = starts_at.astimezone(zone).date() - timedelta(1)
    last = ends_at.astimezone(zone).date()
    while day <= last:
        yield from _windows_of(tuple(quiet), day, zone)
        day += timedelta(1)


@lru_cache(maxsize=1024)
def _windows_of(quiet: tuple[QuietWindow, ...], day: date, zone: ZoneInfo) -> tuple[Span, ...]:
    """The quiet windows that begin on a day: a search asks for the same days hundreds of times."""
    return tuple(
        (
            at_local(day, window.from_, zone),
            at_local(day if window.until > window.from_ else day + timedelta(1), window.until, zone),
        )
        for window in quiet
        if day.weekday() in window.days
    )


def _after(pieces: Sequence[Span], now: datetime) -> timedelta:
    return sum((end - max(begin, now) for begin, end in pieces if end > now), NOTHING)


def rfc3339(at: datetime) -> str:
    """An instant as denials hold it."""
    return at.astimezone(UTC).isoformat()


def _midday(day: date, zone: ZoneInfo) -> str:
    return datetime.combine(day, time(12), tzinfo=zone).isoformat()
