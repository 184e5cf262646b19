"""A rule by which a booking comes again (RFC 5545), as a value: read, checked, written, and what dates it gives. Pure.

The local time holds: every tuesday at 18:00 is at 18:00 also after the clocks were changed, and so is the end. In the
night in which the clocks are put forward a start that does not exist is left out and not counted, as the RFC says; an
end that does not exist is as long after the last existing time. In the night in which they are put back a time that
comes twice is the first one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dateutil import rrule

from fablab.core.errors import Invalid
from fablab.reservations.rules import Slot

MOST = 366
"""How often a booking may come again."""
FURTHEST = timedelta(days=3660)
LONGEST_TEXT = 500

FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
PARTS = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "COUNT", "UNTIL", "WKST")
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_TIME = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


@dataclass(frozen=True, slots=True)
class OnDay:
    """A day of the week, 0 is monday; with `nth` the nth of its month or year, from the end where negative."""

    day: int
    nth: int | None = None

    def __str__(self) -> str:
        return f"{self.nth or ''}{DAYS[self.day]}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a local time or an instant as a rule writes it; a date is the whole day."""

    day: date
    at: time | None = None
    utc: bool = False

    def last_instant(self, zone: ZoneInfo) -> datetime:
        """The instant itself, of a date the last one of its day."""
        if self.at is None:
            return datetime.combine(self.day + timedelta(1), time(0), tzinfo=zone).astimezone(UTC) - timedelta(
                seconds=1
            )
        return datetime.combine(self.day, self.at, tzinfo=UTC if self.utc else zone).astimezone(UTC)

    def is_at(self, starts_at: datetime, zone: ZoneInfo) -> bool:
        """This is when the occurrence begins; a date: on which day."""
        if self.at is None:
            return starts_at.astimezone(zone).date() == self.day
        return self.last_instant(zone) == starts_at

    def __str__(self) -> str:
        return f"{self.day:%Y%m%d}" + ("" if self.at is None else f"T{self.at:%H%M%S}{'Z' * self.utc}")


@dataclass(frozen=True, slots=True)
class Rule:
    """How often and until when. Exactly one of `count` and `until` is set."""

    freq: str
    interval: int = 1
    days: tuple[OnDay, ...] = ()
    month_days: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    count: int | None = None
    until: Moment | None = None
    week_start: int = 0
    without: tuple[Moment, ...] = field(default=())

    def __str__(self) -> str:
        """The rule as RFC 5545 writes it, with its exceptions in a second line."""
        parts = [f"FREQ={self.freq}"]
        parts += [f"INTERVAL={self.interval}"] if self.interval > 1 else []
        parts += [f"BYDAY={','.join(map(str, self.days))}"] if self.days else []
        parts += [f"BYMONTHDAY={','.join(map(str, self.month_days))}"] if self.month_days else []
        parts += [f"BYSETPOS={','.join(map(str, self.positions))}"] if self.positions else []
        parts += [f"COUNT={self.count}"] if self.until is None else [f"UNTIL={self.until}"]
        parts += [f"WKST={DAYS[self.week_start]}"] if self.week_start else []
        lines = [";".join(parts)] + ([f"EXDATE:{','.join(map(str, self.without))}"] if self.without else [])
        return "\n".join(lines)


# -- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Rule:
    """The rule: `FREQ=WEEKLY;BYDAY=TU;COUNT=10`, with or without `RRULE:`, and lines of `EXDATE:`.

    Raises Invalid, which names what is wrong and what is allowed.
    """
    if len(text) > LONGEST_TEXT:
        raise _wrong(f"must have at most {LONGEST_TEXT} characters")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    rules = [line for line in lines if not line.upper().startswith("EXDATE")]
    without = [one for line in lines if line not in rules for one in _exceptions(line)]
    if len(rules) != 1:
        raise _wrong("must be one RRULE, such as FREQ=WEEKLY;BYDAY=TU;COUNT=10")
    found = _parts(rules[0])
    if "FREQ" not in found:
        raise _wrong(f"needs FREQ, one of {', '.join(FREQUENCIES)}")
    read: dict[str, Any] = {_NAMES[name]: _READERS[name](value) for name, value in found.items()}
    rule = Rule(**read, without=tuple(dict.fromkeys(without)))
    _check(rule)
    return rule


def _parts(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in line.upper().removeprefix("RRULE:").strip(";").split(";"):
        name, equals, value = (one.strip() for one in part.partition("="))
        if name not in PARTS or not equals:
            raise _wrong(f"does not know {name[:40] or 'an empty part'}; it may hold {', '.join(PARTS)}")
        if name in found:
            raise _wrong(f"holds {name} twice")
        found[name] = value
    return found


def _check(rule: Rule) -> None:
    if (rule.count is None) == (rule.until is None):
        raise _wrong(f"needs an end: either COUNT, 1 to {MOST}, or UNTIL")
    wide = rule.freq in {"MONTHLY", "YEARLY"}
    if any(one.nth for one in rule.days) and not wide:
        raise _wrong("may number the days of BYDAY (such as 2TU) only with FREQ=MONTHLY or YEARLY")
    if rule.month_days and rule.freq == "WEEKLY":
        raise _wrong("cannot hold BYMONTHDAY with FREQ=WEEKLY; use BYDAY")
    if rule.positions and not (rule.days or rule.month_days):
        raise _wrong("may hold BYSETPOS only beside BYDAY or BYMONTHDAY")


def _freq(value: str) -> str:
    if value not in FREQUENCIES:
        raise _wrong(f"cannot hold FREQ={value[:40]}; allowed are {', '.join(FREQUENCIES)}")
    return value


def _number(name: str, least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,4}", value, re.ASCII) or not least <= int(value) <= most:
            raise _wrong(f"must hold {name} as a number from {least} to {most}, not {value[:40] or 'nothing'}")
        return int(value)

    return read


def _signed(name: str, most: int) -> Callable[[str], tuple[int, ...]]:
    def read(value: str) -> tuple[int, ...]:
        texts = [one.strip() for one in value.split(",")]
        if not all(re.fullmatch(r"[+-]?\d{1,3}", one, re.ASCII) and 1 <= abs(int(one)) <= most for one in texts):
            raise _wrong(
                f"must hold {name} as numbers from 1 to {most} or -{most} to -1, not {value[:40] or 'nothing'}"
            )
        return tuple(dict.fromkeys(int(one) for one in texts))

    return read


def _days(value: str) -> tuple[OnDay, ...]:
    found = [_DAY.fullmatch(one.strip()) for one in value.split(",")]
    days = [OnDay(DAYS.index(one[2]), int(one[1]) if one[1] else None) for one in found if one]
    if len(days) != len(found) or any(one.nth is not None and not 1 <= abs(one.nth) <= 53 for one in days):
        raise _wrong(f"must hold BYDAY as days such as MO,TU or 2TU or -1FR, not {value[:40] or 'nothing'}")
    return tuple(dict.fromkeys(days))


def _week_start(value: str) -> int:
    if value not in DAYS:
        raise _wrong(f"must hold WKST as one of {', '.join(DAYS)}")
    return DAYS.index(value)


def _until(value: str) -> Moment:
    return _moment("UNTIL", value)


def _moment(name: str, value: str) -> Moment:
    found = _TIME.fullmatch(value.strip().upper())
    try:
        if found is None:
            raise ValueError
        day = datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007 - a date of a calendar
        at = datetime.strptime(found[2], "%H%M%S").time() if found[2] else None  # noqa: DTZ007 - a time of day
    except ValueError:
        raise _wrong(f"must hold {name} like 20260630 or 20260630T160000Z, not {value[:40] or 'nothing'}") from None
    if not date(1970, 1, 2) <= day <= date(2199, 12, 30):
        raise _wrong(f"must hold {name} in the years 1970 to 2199")
    return Moment(day, at, found[3] == "Z")


def _exceptions(line: str) -> list[Moment]:
    _, colon, values = line.partition(":")
    if not colon:
        raise _wrong("must hold EXDATE like EXDATE:20260630,20260707")
    return [_moment("EXDATE", one) for one in values.split(",")]


def _wrong(reason: str) -> Invalid:
    return Invalid({"recurrence": reason})


_READERS: Mapping[str, Callable[[str], object]] = {
    "FREQ": _freq,
    "INTERVAL": _number("INTERVAL", 1, 366),
    "BYDAY": _days,
    "BYMONTHDAY": _signed("BYMONTHDAY", 31),
    "BYSETPOS": _signed("BYSETPOS", 366),
    "COUNT": _number("COUNT", 1, MOST),
    "UNTIL": _until,
    "WKST": _week_start,
}
_NAMES = {
    "FREQ": "freq",
    "INTERVAL": "interval",
    "BYDAY": "days",
    "BYMONTHDAY": "month_days",
    "BYSETPOS": "positions",
    "COUNT": "count",
    "UNTIL": "until",
    "WKST": "week_start",
}


# -- what dates it gives ----------------------------------------------------------------------------------------------


def occurrences(rule: Rule, starts_at: datetime, minutes: int, zone: ZoneInfo) -> list[Slot]:
    """Every time of the series, ascending: the first is the first that fits the rule, at `starts_at` or later.

    `minutes` are those of the wall clock. Raises Invalid for none, more than `MOST` or any beyond ten years.
    """
    found = list(islice(_starts(rule, starts_at, zone), MOST + 1))
    if len(found) > MOST:
        raise _wrong(f"gives more than {MOST} dates; please end it earlier")
    slots = [
        Slot(one, end_of(one, minutes, zone)) for one in found if not any(day.is_at(one, zone) for day in rule.without)
    ]
    if not slots:
        raise _wrong("gives no date at all")
    return slots


def end_of(starts_at: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """The end of an occurrence: so many minutes later on the wall clock."""
    local = starts_at.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0) + timedelta(minutes=minutes)
    ends_at = wall.replace(tzinfo=zone, fold=local.fold).astimezone(UTC)
    return ends_at if ends_at > starts_at else starts_at + timedelta(minutes=minutes)


def minutes_between(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> int:
    """The length on the wall clock; the real one where the clocks are put back between."""
    walls = [at.astimezone(zone).replace(tzinfo=None) for at in (starts_at, ends_at)]
    length = walls[1] - walls[0]
    return int((length if length > timedelta(0) else ends_at - starts_at) / timedelta(minutes=1))


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of the zone show."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def shifted(at: datetime, by: timedelta, zone: ZoneInfo) -> datetime:
    """The instant at which clocks of the zone show so much more than at `at`."""
    return (wall(at, zone) + by).replace(tzinfo=zone).astimezone(UTC) if by else at


# -- what a change makes of it ----------------------------------------------------------------------------------------


def split(rule: Rule, starts_at: datetime, at: datetime, zone: ZoneInfo) -> tuple[Rule, Rule]:
    """The rule for the dates before `at`, and the one for those from `at` on, which starts there."""
    end = Moment(*_utc(at - timedelta(seconds=1)), utc=True)
    before = [one for one in rule.without if one.last_instant(zone) < at]
    after = [one for one in rule.without if one.last_instant(zone) >= at]
    first = replace(rule, count=None, until=end, without=tuple(before))
    if rule.count is None:
        return first, replace(rule, without=tuple(after))
    left = rule.count - sum(one < at for one in _starts(rule, starts_at, zone))
    return first, replace(rule, count=max(left, 1), without=tuple(after))


def moved(rule: Rule, by: timedelta, starts_at: datetime, zone: ZoneInfo) -> Rule:
    """The rule whose dates are all later (or earlier) by `by` on the wall clock; `starts_at` is its present first date.

    Raises Invalid where no such rule is: one by month or year can only be moved within the day.
    """
    first = wall(starts_at, zone)
    days = ((first + by).date() - first.date()).days
    if days and (rule.freq in {"MONTHLY", "YEARLY"} or rule.month_days or rule.positions):
        raise _wrong("of this kind can only be moved to another time of the same day")
    return replace(
        rule,
        days=tuple(replace(one, day=(one.day + days) % 7) for one in rule.days),
        until=None if rule.until is None else _later(rule.until, by, days, zone),
        without=tuple(_later(one, by, days, zone) for one in rule.without),
    )


def _later(moment: Moment, by: timedelta, days: int, zone: ZoneInfo) -> Moment:
    if moment.at is None:
        return replace(moment, day=moment.day + timedelta(days))
    return Moment(*_utc(shifted(moment.last_instant(zone), by, zone)), utc=True)


def _utc(at: datetime) -> tuple[date, time]:
    return at.astimezone(UTC).date(), at.astimezone(UTC).time().replace(microsecond=0)


# -- parts ------------------------------------------------------------------------------------------------------------


def _starts(rule: Rule, starts_at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Exceptions are counted, times that the clocks skip are not: both as the RFC says."""
    first = starts_at.astimezone(zone).replace(tzinfo=None, fold=0, microsecond=0)
    last = None if rule.until is None else rule.until.last_instant(zone)
    made = 0
    for wall in _expand(rule, first):
        at = starts_at if wall == first else wall.replace(tzinfo=zone).astimezone(UTC)
        if wall != first and at.astimezone(zone).replace(tzinfo=None) != wall:
            continue
        if (last is not None and at > last) or made == rule.count:
            return
        if at - starts_at > FURTHEST:
            raise _wrong("gives dates more than ten years from its start")
        made += 1
        yield at.astimezone(UTC)
    if rule.count is not None and made < rule.count:
        raise _wrong("gives dates more than ten years from its start")


def _expand(rule: Rule, first: datetime) -> Iterator[datetime]:
    """The local times that the rule means, without an end but for a limit against rules that never fit."""
    weekdays = [rrule.weekdays[one.day](one.nth) if one.nth else rrule.weekdays[one.day] for one in rule.days]
    return iter(
        rrule.rrule(
            FREQUENCIES[rule.freq],
            dtstart=first,
            interval=rule.interval,
            byweekday=weekdays or None,
            bymonthday=list(rule.month_days) or None,
            bysetpos=list(rule.positions) or None,
            wkst=rrule.weekdays[rule.week_start],
            until=first + FURTHEST + timedelta(days=400),
        )
    )
