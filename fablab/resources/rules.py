"""May this resource be used, and is the lab open? Pure rules over plain facts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fablab.core.denials import Denial

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a day in local time; `closes` midnight means the end of the day."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the lab is open: by weekday name, without the closed days, in the lab's zone."""

    zone: ZoneInfo
    openings: Mapping[str, Sequence[Opening]]
    closed_days: Collection[date] = ()

    def intervals(self, day: date) -> list[tuple[datetime, datetime]]:
        """The open intervals [start, end) of a local day as UTC instants, ascending; empty when closed."""
        if day in self.closed_days:
            return []
        return [
            (self._instant(day, one.opens), self._instant(day + timedelta(one.closes == time(0)), one.closes))
            for one in self.openings.get(WEEKDAYS[day.weekday()], ())
        ]

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
    """Reasons why the lab is not open for the whole of [starts_at, ends_at): `lab_closed` for a closed day,
    `outside_opening_hours` where the hours do not cover it. An interval over midnight needs openings that touch."""
    first = starts_at.astimezone(calendar.zone).date()
    last = (ends_at - timedelta(microseconds=1)).astimezone(calendar.zone).date()
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    for day in days:
        if day in calendar.closed_days:
            return [Denial("lab_closed", {"on": datetime.combine(day, time(12), tzinfo=calendar.zone).isoformat()})]
    if _covered([interval for day in days for interval in calendar.intervals(day)], starts_at, ends_at):
        return []
    return [Denial("outside_opening_hours", {"hours": _hours(calendar, first)})]


def open_at(calendar: Calendar, at: datetime) -> bool:
    """True when the lab is open at this instant."""
    return not opening_denials(calendar, at, at + timedelta(microseconds=1))


def _covered(intervals: Sequence[tuple[datetime, datetime]], starts_at: datetime, ends_at: datetime) -> bool:
    reached = starts_at
    for opens, closes in intervals:
        if opens <= reached < closes:
            reached = closes
    return reached >= ends_at


def _hours(calendar: Calendar, day: date) -> list[str]:
    openings = calendar.openings.get(WEEKDAYS[day.weekday()], ())
    return [f"{one.opens:%H:%M}\u2013{one.closes:%H:%M}".replace("\u201300:00", "\u201324:00") for one in openings]
