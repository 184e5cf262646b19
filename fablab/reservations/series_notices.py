"""What the person of a series is told: once for all its dates, with one calendar file that holds them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fablab.notices.calendars import CalendarEvents
from fablab.notices.messages import SeriesCancelled, SeriesChanged, SeriesConfirmed
from fablab.notices.service import notify
from fablab.reservations.asked import asked, parents
from fablab.reservations.calendar_feed import event_of
from fablab.reservations.models import Reservation, ReservationSeries, ReservationState


def confirmed(series: ReservationSeries, made: Sequence[Reservation], skipped: int, now: datetime) -> None:
    """The dates are booked. Nothing is told of requests: the staff decides of each."""
    booked = [one for one in made if one.state is ReservationState.BOOKED]
    if booked:
        message = SeriesConfirmed(**_facts(series, booked, now), skipped=skipped)
        notify(series.person_id, message, now, attach=_events(booked, now))


def changed(series: ReservationSeries, moved: Sequence[Reservation], refused: int, now: datetime) -> None:
    """The dates have new times, but for those that could not."""
    message = SeriesChanged(**_facts(series, moved, now), skipped=refused)
    notify(series.person_id, message, now, attach=_events(moved, now))


def cancelled(series: ReservationSeries, ended: Sequence[Reservation], reason: str, now: datetime) -> None:
    """The dates are cancelled."""
    message = SeriesCancelled(**_facts(series, ended, now), reason=reason)
    notify(series.person_id, message, now, attach=_events(ended, now))


def _facts(series: ReservationSeries, rows: Sequence[Reservation], now: datetime) -> dict[str, Any]:
    return {
        "series_id": series.id,
        "resources": tuple(one.name for one in asked(rows[0])),
        "starts_at": rows[0].starts_at,
        "ends_at": rows[0].ends_at,
        "count": len(rows),
        "changed_at": now,
    }


def _events(rows: Sequence[Reservation], now: datetime) -> CalendarEvents:
    tree = parents() if any(one.exclusive for one in rows) else {}
    return CalendarEvents(events=tuple(replace(event_of(one, tree), changed_at=now) for one in rows))
