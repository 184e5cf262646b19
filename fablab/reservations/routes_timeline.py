"""`/timeline`: all resources by day or week. The page is the list that needs no scripts; a script draws the timeline
above it from the data that the page holds, which is the API's `/calendar`."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.reservations import api_calendar, timeline
from fablab.reservations.rules import Slot
from fablab.reservations.service import FURTHEST
from fablab.reservations.timeline import Entry, Row, Sheet, Wanted
from fablab.reservations.timeline_rules import DaySegment, midnight
from fablab.resources import service
from fablab.resources.models import Kind
from fablab.web.access import access, actor

blueprint = Blueprint("timeline", __name__)

MINUTE = timedelta(minutes=1)
LONGEST_OFFER = 120
"""A link books so many minutes of a free time at most; the form makes it longer."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A free time with a link to book it: local times of day, and how long the link proposes."""

    start: str
    end: str
    minutes: int


@dataclass(frozen=True, slots=True)
class DayCell:
    """One resource on one day, for the list. What is shown of thousands of bookings is text already."""

    date: date
    starts_at: datetime
    ends_at: datetime
    hours: tuple[Slot, ...]
    entries: tuple[tuple[str, Entry], ...]
    free: tuple[Offer, ...]


@blueprint.get("/timeline")
@access(Role.MAKER)
def show() -> str:
    """Day or week of all resources, with filters that stay in the address."""
    now = clock.now()
    today = now.astimezone(config().lab.zone).date()
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "kind", "place", "group")}
    view = "week" if request.args.get("view") == "week" else "day"
    first = _first(request.args.get("day", ""), today, view)
    whole = request.args.get("hours") == "all"
    wanted = Wanted(
        first=first,
        days=7 if view == "week" else 1,
        kind=Kind(shown["kind"]) if shown["kind"] in set(Kind) else None,
        place_id=whole_number(shown["place"]),
        group_id=whole_number(shown["group"]),
        search=shown["q"],
    )
    sheet = timeline.sheet(actor(), wanted, now, whole_days=whole)
    return render_template(
        "timeline/show.html",
        sheet=sheet,
        data=api_calendar.shown(sheet).model_dump(mode="json", exclude_defaults=True),
        cells=_cells(sheet),
        shown=shown,
        view=view,
        first=first,
        today=today,
        whole=whole,
        ways=_ways(first, today, view, whole, shown),
        kinds=list(Kind),
        places=service.places(),
        groups=timeline.groups(),
    )


def _first(text: str, today: date, view: str) -> date:
    """The first day shown: the one asked for, in a week its monday; today where none or nonsense is asked."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    if abs(day - today) > FURTHEST:
        day = today
    return day - timedelta(day.weekday()) if view == "week" else day


def _ways(first: date, today: date, view: str, whole: bool, shown: dict[str, str]) -> dict[str, Any]:
    """The addresses around this page; what is filtered stays filtered."""
    kept: dict[str, Any] = {name: value for name, value in shown.items() if value}

    def to(day: date, look: str, hours: bool) -> str:
        more: dict[str, Any] = {"hours": "all"} if hours else {}
        return url_for("timeline.show", view=look, day=day.isoformat(), **more, **kept)

    step = timedelta(7 if view == "week" else 1)
    monday = first - timedelta(first.weekday())
    return {
        "before": to(first - step, view, whole),
        "after": to(first + step, view, whole),
        "today": to(today, view, whole),
        "day": to(today if first <= today < first + step else first, "day", whole),
        "week": to(first, "week", whole),
        "hours": to(first, view, not whole),
        "days": [(day, to(day, "day", whole)) for day in (monday + timedelta(number) for number in range(7))],
    }


def _cells(sheet: Sheet) -> dict[int, list[DayCell]]:
    clock_of = _Clocks(config().lab.zone)
    return {row.resource.id: [_cell(row, segment, clock_of) for segment in sheet.segments] for row in sheet.rows}


def _cell(row: Row, segment: DaySegment, clock_of: "_Clocks") -> DayCell:
    begin, end = clock_of.day(segment.date)
    most = min(max(LONGEST_OFFER, row.policy.min_minutes), row.policy.max_minutes)
    return DayCell(
        date=segment.date,
        starts_at=segment.starts_at,
        ends_at=segment.ends_at,
        hours=tuple(one for one in row.openings if begin <= one.starts_at < end),
        entries=tuple(
            (f"{clock_of.within(one.starts_at, begin, end)}–{clock_of.within(one.ends_at, begin, end)}", one)
            for one in row.entries
            if one.starts_at < end and one.ends_at > begin
        ),
        free=tuple(
            Offer(clock_of[one.starts_at], clock_of[one.ends_at], min((one.ends_at - one.starts_at) // MINUTE, most))
            for one in row.free
            if begin <= one.starts_at < end
        ),
    )


class _Clocks(dict[datetime, str]):
    """Times of day by instant, each worked out once: a week has few different ones."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, at: datetime) -> str:
        self[at] = text = f"{at.astimezone(self._zone):%H:%M}"
        return text

    def within(self, at: datetime, begin: datetime, end: datetime) -> str:
        """The time of day, cut to a day that lasts from `begin` to `end`."""
        if at >= end:
            return "24:00"
        return self[max(at, begin)]

    def day(self, day: date) -> tuple[datetime, datetime]:
        """The instants between which a local day lies."""
        return midnight(day, self._zone), midnight(day + timedelta(1), self._zone)
