"""What is told of a series: once for all its dates, with one calendar file that holds them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fablab.core.actor import Actor
from fablab.notices.calendars import CalendarEvents
from fablab.notices.series import SeriesAwaited, SeriesCancelled, SeriesChanged, SeriesConfirmed, SeriesRequested
from fablab.notices.service import notify, notify_staff
from fablab.reservations.asked import asked, parents
from fablab.reservations.calendar_feed import event_of
from fablab.reservations.models import Reservation, ReservationSeries, ReservationState


def confirmed(
    actor: Actor, series: ReservationSeries, made: Sequence[Reservation], skipped: int, now: datetime
) -> None:
    """The dates are booked, or asked for: then the staff is told too, also once."""
    booked, waits = _apart(made)
    if booked:
        message = SeriesConfirmed(**_facts(series, booked, now), requested=len(waits), skipped=skipped)
        notify(series.person_id, message, now, attach=_events(booked, now))
    elif waits:
        notify(series.person_id, SeriesRequested(**_facts(series, waits, now), skipped=skipped), now)
    _tell_staff(actor, series, waits, now)


def changed(
    actor: Actor,
    series: ReservationSeries,
    moved: Sequence[Reservation],
    were_booked: Collection[int],
    refused: int,
    reason: str,
    now: datetime,
) -> None:
    """The dates have new times, but for those that could not. What has become a request again leaves the calendar."""
    booked, waits = _apart(moved)
    known = [one for one in moved if one in booked or one.id in were_booked]
    who: dict[str, Any] = {"by_staff": actor.person_id != series.person_id, "reason": reason, "skipped": refused}
    if known:
        message = SeriesChanged(**_facts(series, moved, now), **who, requested=len(waits))
        notify(series.person_id, message, now, attach=_events(known, now))
    else:
        notify(series.person_id, SeriesRequested(**_facts(series, waits, now), **who, moved=True), now)
    _tell_staff(actor, series, waits, now)


def cancelled(series: ReservationSeries, ended: Sequence[Reservation], reason: str, now: datetime) -> None:
    """The dates are cancelled."""
    message = SeriesCancelled(**_facts(series, ended, now), reason=reason)
    notify(series.person_id, message, now, attach=_events(ended, now))


def _apart(rows: Sequence[Reservation]) -> tuple[list[Reservation], list[Reservation]]:
    """What is booked, and what waits for the staff's agreement."""
    states = ReservationState.BOOKED, ReservationState.REQUESTED
    booked, waits = ([one for one in rows if one.state is state] for state in states)
    return booked, waits


def _tell_staff(actor: Actor, series: ReservationSeries, waits: Sequence[Reservation], now: datetime) -> None:
    """Somebody asks for these dates; where the staff itself moved them, it knows."""
    if waits and not actor.is_staff:
        notify_staff(SeriesAwaited(**_facts(series, waits, now), person=waits[0].person.name), now)


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
