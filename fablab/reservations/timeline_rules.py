"""What a timeline shows, worked out from plain values: the hours that are visible, what is closed, what is free."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fablab.reservations.rules import Slot

USUAL = (8, 20)
"""The hours shown where nothing opens and nothing is booked."""


@dataclass(frozen=True, slots=True)
class DaySegment:
    """The visible part of a local day as instants; a timeline is made of these, one after the other."""

    date: date
    starts_at: datetime
    ends_at: datetime


def days_from(first: date, count: int) -> list[date]:
    """So many days, ascending."""
    return [first + timedelta(number) for number in range(count)]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def hours_of(openings: Iterable[Slot], entries: Iterable[Slot], zone: ZoneInfo) -> tuple[int, int]:
    """The whole local hours [first, last) in which something opens, or begins or ends. Openings of a whole day do not
    count, as they would squeeze everything else; `USUAL` where nothing is left."""
    first, last = 24, 0
    for one in openings:
        if one.ends_at - one.starts_at < timedelta(hours=22):
            begin, end = one.starts_at.astimezone(zone), one.ends_at.astimezone(zone)
            first, last = min(first, begin.hour), max(last, _hour_up(end))
    for one in entries:
        begin, end = one.starts_at.astimezone(zone), one.ends_at.astimezone(zone)
        if begin.date() == (end - timedelta(microseconds=1)).date():
            first, last = min(first, begin.hour), max(last, _hour_up(end))
    return (first, last) if first < last else USUAL


def segments(days: Sequence[date], hours: tuple[int, int], zone: ZoneInfo) -> list[DaySegment]:
    """The visible part of each day. On the nights in which clocks change it is an hour shorter or longer."""
    return [DaySegment(day, _at(day, hours[0], zone), _at(day, hours[1], zone)) for day in days]


def free_spans(openings: Sequence[Slot], busy: Sequence[Slot], least: timedelta, now: datetime) -> list[Slot]:
    """What is open, not busy and not past, ascending as the openings; only what is at least as long as the shortest
    booking."""
    found: list[Slot] = []
    taken = sorted(busy, key=lambda one: one.starts_at)
    over = 0
    for one in openings:
        at = max(one.starts_at, now)
        while over < len(taken) and taken[over].ends_at <= at:
            over += 1
        for other in taken[over:]:
            if other.starts_at >= one.ends_at:
                break
            if other.ends_at <= at:
                continue
            if other.starts_at - at >= least:
                found.append(Slot(at, other.starts_at))
            at = max(at, other.ends_at)
        if one.ends_at - at >= least:
            found.append(Slot(at, one.ends_at))
    return found


def _hour_up(at: datetime) -> int:
    if (at.hour, at.minute) == (0, 0):
        return 24
    return at.hour + (at.minute > 0)


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(hour // 24), time(hour % 24), tzinfo=zone).astimezone(UTC)
