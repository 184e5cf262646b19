"""May this resource be used, and is the lab open? Pure rules over plain facts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fablab.core.denials import Denial

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_OPENINGS = 6
"""Openings that a day has at most."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a day in local time; `closes` midnight means the end of the day."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Closed:
    """A closure: [starts_at, ends_at) in which a resource, or with `lab` the whole lab, cannot be used. With `danger`
    nobody may set it aside and no machine is opened."""

    starts_at: datetime
    ends_at: datetime
    reason: Mapping[str, str] = field(default_factory=dict)
    danger: bool = False
    lab: bool = False
    closure_id: int | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a resource, or the lab, can be used: by weekday name, in the lab's zone.

    `exceptions` are days with hours of their own, `closed_days` days without any (unless an exception has some);
    `reasons` say why a day differs. `closures` are ascending by their starts; they may overlap.
    """

    zone: ZoneInfo
    openings: Mapping[str, Sequence[Opening]]
    closed_days: Collection[date] = ()
    exceptions: Mapping[date, Sequence[Opening]] = field(default_factory=dict)
    reasons: Mapping[date, Mapping[str, str]] = field(default_factory=dict)
    closures: Sequence[Closed] = ()

    def intervals(self, day: date) -> list[tuple[datetime, datetime]]:
        """The intervals [start, end) of a local day in which it can be used, as UTC instants, ascending; empty when
        closed. Closures are left out of them."""
        hours = self.hours(day)
        return _without(hours, self.closures) if self.closures else hours

    def hours(self, day: date) -> list[tuple[datetime, datetime]]:
        """As `intervals`, whatever closures say: the opening hours of the day."""
        return [
            (self._instant(day, one.opens), self._instant(day + timedelta(one.closes == time(0)), one.closes))
            for one in self.openings_on(day)
        ]

    def openings_on(self, day: date) -> Sequence[Opening]:
        """The openings of a local day, exceptions and closed days heeded."""
        if day in self.exceptions:
            return self.exceptions[day]
        if day in self.closed_days:
            return ()
        return self.openings.get(WEEKDAYS[day.weekday()], ())

    def open_until(self, at: datetime, days: int = 8) -> datetime | None:
        """When the opening that holds at `at` ends, openings that touch taken as one; None when it is not open then.
        Looks at most so many days ahead."""
        reached = None
        day = at.astimezone(self.zone).date()
        for number in range(days):
            for opens, closes in self.intervals(day + timedelta(number)):
                if opens <= (reached or at) < closes:
                    reached = closes
        return reached

    def closed_on(self, day: date) -> bool:
        """Whether this is a closed day: a public holiday, not just a weekday without hours."""
        return not self.exceptions[day] if day in self.exceptions else day in self.closed_days

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """Whether it may be used; `service_note` says why not."""

    in_service: bool
    service_note: str = ""


def resource_denials(resource: ResourceFacts) -> list[Denial]:
    """Reasons why nobody may use this resource now; empty means it is in service."""
    if resource.in_service:
        return []
    return [Denial("resource_out_of_service", {"why": resource.service_note})]


def opening_denials(calendar: Calendar, starts_at: datetime, ends_at: datetime) -> list[Denial]:
    """Reasons why it is not open for the whole of [starts_at, ends_at): `lab_closed` for a closed day (`why` by
    language), `outside_opening_hours` where the hours do not cover it. An interval over midnight needs openings that
    touch. Closures are not asked (`closure_denials`)."""
    first = starts_at.astimezone(calendar.zone).date()
    last = (ends_at - timedelta(microseconds=1)).astimezone(calendar.zone).date()
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    for day in days:
        if calendar.closed_on(day):
            at = datetime.combine(day, time(12), tzinfo=calendar.zone).isoformat()
            why = calendar.reasons.get(day)
            return [Denial("lab_closed", {"on": at, **({"why": dict(why)} if why else {})})]
    if _covered([interval for day in days for interval in calendar.hours(day)], starts_at, ends_at):
        return []
    return [Denial("outside_opening_hours", {"hours": _hours(calendar, first)})]


def closure_denials(closures: Sequence[Closed], starts_at: datetime, ends_at: datetime) -> list[Denial]:
    """`blocked` for every closure that overlaps [starts_at, ends_at), with its times, why (by language), whether it is
    for danger, whether the whole lab is closed, and its id."""
    return [
        Denial(
            "blocked",
            {
                "from": one.starts_at.astimezone(UTC).isoformat(),
                "until": one.ends_at.astimezone(UTC).isoformat(),
                "why": dict(one.reason),
                "danger": one.danger,
                "lab": one.lab,
                "closure_id": None if one.closure_id is None else str(one.closure_id),
            },
        )
        for one in closures
        if one.starts_at < ends_at and one.ends_at > starts_at
    ]


def is_opening(text: str) -> bool:
    """Whether this is an opening such as 09:00-12:30; 24:00 is the end of the day."""
    try:
        opening(text)
    except ValueError:
        return False
    return True


def opening(text: str) -> Opening:
    """An opening from its text, such as 09:00-12:30. Raises ValueError."""
    opens, dash, closes = (part.strip() for part in text.partition("-"))
    made = Opening(_clock(opens), time(0) if closes == "24:00" else _clock(closes))
    if not dash or (made.closes != time(0) and made.closes <= made.opens):
        raise ValueError(text)
    return made


def written(one: Opening) -> str:
    """The text of an opening, as `opening` reads it."""
    return f"{one.opens:%H:%M}-{'24:00' if one.closes == time(0) else f'{one.closes:%H:%M}'}"


def hours_faults(hours: Sequence[str]) -> str:
    """What is wrong with the openings of a day; empty for nothing. They must rise and not overlap."""
    if len(hours) > MOST_OPENINGS:
        return f"at most {MOST_OPENINGS} openings a day"
    if wrong := [text for text in hours if not is_opening(text)]:
        return f"{wrong[0]!r} must look like 09:00-12:30"
    made = [opening(text) for text in hours]
    for one, following in zip(made, made[1:], strict=False):
        if one.closes == time(0) or following.opens < one.closes:
            return f"{written(following)} must come after {written(one)}"
    return ""


def _clock(text: str) -> time:
    if len(text) != 5:
        raise ValueError(text)
    return time.fromisoformat(text)


def _without(
    intervals: Sequence[tuple[datetime, datetime]], closures: Sequence[Closed]
) -> list[tuple[datetime, datetime]]:
    left = list(intervals)
    for closed in closures:
        left = [
            (begin, end)
            for opens, closes in left
            for begin, end in ((opens, min(closes, closed.starts_at)), (max(opens, closed.ends_at), closes))
            if begin < end
        ]
    return left


def _covered(intervals: Sequence[tuple[datetime, datetime]], starts_at: datetime, ends_at: datetime) -> bool:
    reached = starts_at
    for opens, closes in intervals:
        if opens <= reached < closes:
            reached = closes
    return reached >= ends_at


def _hours(calendar: Calendar, day: date) -> list[str]:
    return [written(one).replace("-", "\u2013") for one in calendar.openings_on(day)]
