"""When resources can be used: the lab's hours or their own, with exceptions and closures, as the rules take them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select

from fablab.core.config import LabConfig
from fablab.core.db import db
from fablab.core.words import config
from fablab.resources.models import Closure, OpeningException, OpeningRule, Resource
from fablab.resources.rules import WEEKDAYS, Calendar, Closed, Opening, opening

ALL_DAY = (Opening(time(0), time(0)),)
_EXCEPTIONS = (
    select(OpeningException.resource_id, OpeningException.day, OpeningException.hours, OpeningException.reason)
    .where(OpeningException.day >= bindparam("first"), OpeningException.day <= bindparam("last"))
    .where(
        or_(
            OpeningException.resource_id.is_(None),
            OpeningException.resource_id.in_(bindparam("resources", expanding=True)),
        )
    )
)
_CLOSURES = (
    select(Closure.id, Closure.resource_id, Closure.starts_at, Closure.ends_at, Closure.reason, Closure.danger)
    .where(Closure.ends_at > bindparam("from"), Closure.starts_at < bindparam("to"))
    .where(or_(Closure.resource_id.is_(None), Closure.resource_id.in_(bindparam("resources", expanding=True))))
    .order_by(Closure.starts_at, Closure.id)
)
"""Made once: every booking and every badge asks them."""

_Exceptions = dict[int | None, dict[date, tuple[tuple[Opening, ...], Mapping[str, str]]]]


def calendars(resources: Sequence[Resource], from_: datetime, to: datetime) -> dict[int, Calendar]:
    """The calendar of each resource, with the exceptions and closures of the days that [from_, to) touches.

    Two queries, however many resources.
    """
    exceptions, closures = _kept([one.id for one in resources], from_, to)
    lab = _lab(exceptions, closures)
    return {one.id: _calendar(one, lab, exceptions, closures) for one in resources}


def calendar_of(resource: Resource, from_: datetime, to: datetime) -> Calendar:
    """The calendar of one resource; two queries."""
    return calendars([resource], from_, to)[resource.id]


def lab_calendar(from_: datetime, to: datetime) -> Calendar:
    """The lab's own calendar, with the exceptions and closures of the days that [from_, to) touches. Two queries."""
    exceptions, closures = _kept([], from_, to)
    return _lab(exceptions, closures)


def usual(lab: LabConfig) -> Calendar:
    """The opening hours and closed days of the configuration."""
    openings = {day: tuple(Opening(one.opens, one.closes) for one in hours) for day, hours in lab.opening_hours.items()}
    return Calendar(zone=lab.zone, openings=openings, closed_days=frozenset(lab.closed_days))


def own_openings(resource: Resource) -> dict[str, tuple[Opening, ...]]:
    """The hours by weekday that a resource has of its own."""
    return {day: tuple(opening(one) for one in resource.opening_hours.get(day, ())) for day in WEEKDAYS}


def _kept(ids: Sequence[int], from_: datetime, to: datetime) -> tuple[_Exceptions, dict[int | None, list[Closed]]]:
    zone = config().lab.zone
    first, last = (from_.astimezone(zone).date(), to.astimezone(zone).date())
    exceptions: _Exceptions = {}
    wanted: dict[str, Any] = {"first": first - timedelta(1), "last": last + timedelta(1), "resources": ids}
    for resource_id, day, hours, reason in db.session.execute(_EXCEPTIONS, wanted):
        exceptions.setdefault(resource_id, {})[day] = (tuple(opening(one) for one in hours), reason)
    closures: dict[int | None, list[Closed]] = {}
    begin, end = from_ - timedelta(days=1), to + timedelta(days=1)
    for row in db.session.execute(_CLOSURES, {"from": begin, "to": end, "resources": ids}):
        closures.setdefault(row.resource_id, []).append(
            Closed(row.starts_at, row.ends_at, row.reason, row.danger, row.resource_id is None, row.id)
        )
    return exceptions, closures


def _lab(exceptions: _Exceptions, closures: Mapping[int | None, list[Closed]]) -> Calendar:
    lab = usual(config().lab)
    days = exceptions.get(None, {})
    return _with(lab, lab.openings, [*lab.closed_days], days, closures.get(None, ()))


def _calendar(
    resource: Resource, of_the_lab: Calendar, exceptions: _Exceptions, closures: Mapping[int | None, list[Closed]]
) -> Calendar:
    """As the lab is open, at hours of its own, or always. The lab's closed days hold for own hours too, its other hours
    of a day do not; a resource that is always open knows neither. Its own exceptions are the last word."""
    own = exceptions.get(resource.id, {})
    if resource.opening is OpeningRule.LAB and not own and resource.id not in closures:
        return of_the_lab
    lab, of_lab = usual(config().lab), exceptions.get(None, {})
    closed = sorted([*closures.get(None, ()), *closures.get(resource.id, ())], key=lambda one: one.starts_at)
    if resource.opening is OpeningRule.ALWAYS:
        return _with(lab, dict.fromkeys(WEEKDAYS, ALL_DAY), (), own, closed)
    if resource.opening is OpeningRule.LAB:
        return _with(lab, lab.openings, lab.closed_days, {**of_lab, **own}, closed)
    shut = {day: one for day, one in of_lab.items() if not one[0]}
    reopened = {day for day, one in of_lab.items() if one[0]}
    closed_days = [day for day in lab.closed_days if day not in reopened]
    return _with(lab, own_openings(resource), closed_days, {**shut, **own}, closed)


def _with(
    lab: Calendar,
    openings: Mapping[str, Sequence[Opening]],
    closed_days: Iterable[date],
    exceptions: Mapping[date, tuple[tuple[Opening, ...], Mapping[str, str]]],
    closures: Sequence[Closed],
) -> Calendar:
    return Calendar(
        zone=lab.zone,
        openings=openings,
        closed_days=frozenset(closed_days),
        exceptions={day: hours for day, (hours, _reason) in exceptions.items()},
        reasons={day: reason for day, (_hours, reason) in exceptions.items() if reason},
        closures=tuple(closures),
    )
