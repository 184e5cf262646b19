"""Bookings that come again: one reservation for each date of an RFC 5545 rule.

Each date is booked on its own and in a transaction of its own, so a long series keeps nobody from anything. A date that
the rules speak against is skipped and kept with the reasons; it can be added later. The rows of all dates are written
before the first is booked: when the power goes in between, what was not tried yet stands there without a reason.

A change or cancellation of this and the following dates splits the series. What has begun or is past stays as it was,
and so does a date that somebody moved on its own. The person is told once, with one calendar file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from flask_babel import gettext
from sqlalchemy import ColumnElement, delete, update

from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import bulk_insert, db, lock, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, FablabError, Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.reservations import notices, recurrence, series_notices, series_rows, service
from fablab.reservations.models import Reservation, ReservationSeries, SkippedOccurrence
from fablab.reservations.recurrence import Rule
from fablab.reservations.rules import Slot
from fablab.reservations.series_rows import Edit, SeriesResult, Target
from fablab.reservations.wishes import Extras


class Scope(StrEnum):
    """Which dates of a series are meant."""

    THIS = "this"
    FOLLOWING = "following"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A date that could not be changed or cancelled, and why."""

    reservation_id: int
    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of a change or cancellation: the series that holds the dates now, the dates done and those that stay
    as they were."""

    series: ReservationSeries
    done: tuple[Reservation, ...]
    refused: tuple[Refusal, ...] = ()


# -- booking ----------------------------------------------------------------------------------------------------------


def book_series(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    rule: str,
    extras: Extras,
    now: datetime,
) -> SeriesResult:
    """Books every date of the rule that can be had; the first is the first that fits it, at `starts_at` or later.

    Raises as `service.book`; Denied with the reasons of the first date where none can be booked. Then nothing is made.
    """
    parsed, zone = recurrence.parse(rule), config().lab.zone
    if not timedelta(0) < ends_at - starts_at:
        raise Invalid({"end": "must be after the start"})
    minutes = recurrence.minutes_between(starts_at, ends_at, zone)
    slots = recurrence.occurrences(parsed, starts_at, minutes, zone)
    series_id = _create(actor, person_id, resource_ids, slots, parsed, minutes, extras.note, now)
    reasons: dict[datetime, list[Denial]] = {}
    booked = 0
    try:
        with notices.together():
            for slot in slots:
                mine = replace(extras, series_id=series_id, occurrence_at=slot.starts_at)
                try:
                    service.book(actor, person_id, resource_ids, slot.starts_at, slot.ends_at, mine, now)
                    booked += 1
                except Denied as error:
                    reasons[slot.starts_at] = error.denials
    except FablabError:
        if not booked:
            _drop(series_id)
        raise
    if not booked:
        _drop(series_id)
        raise Denied(reasons[slots[0].starts_at])
    return _created(actor, series_id, reasons, now)


def _create(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    slots: Sequence[Slot],
    rule: Rule,
    minutes: int,
    note: str,
    now: datetime,
) -> int:
    """The series and a row for each date, before anything is booked."""
    with transaction() as session:
        if person_id != actor.person_id and not actor.is_staff:
            raise Forbidden("only staff may book for somebody else")
        if not series_rows.person_exists(person_id):
            raise Invalid({"person_id": "there is no such person"})
        series = ReservationSeries(
            person_id=person_id,
            created_by_id=actor.person_id,
            created_at=now,
            rule=str(rule),
            zone=config().lab.timezone,
            starts_at=slots[0].starts_at,
            minutes=minutes,
            resource_ids=[str(ident) for ident in resource_ids],
            note=note[:500],
        )
        session.add(series)
        session.flush()
        rows = [{"series_id": series.id, "occurrence_at": slot.starts_at, "denials": []} for slot in slots]
        bulk_insert(SkippedOccurrence, rows)
        return series.id


def _created(actor: Actor, series_id: int, reasons: dict[datetime, list[Denial]], now: datetime) -> SeriesResult:
    """Keeps the reasons of what was skipped, forgets the rows of what was booked, tells it once."""
    with transaction() as session:
        series = session.get_one(ReservationSeries, series_id)
        series_rows.forget_booked(series_id)
        for at, denials in reasons.items():
            of_series = SkippedOccurrence.series_id == series_id
            _keep_reasons(of_series & (SkippedOccurrence.occurrence_at == at), denials)
        result = series_rows.result(series)
        _tell(actor, "created", series, now, booked=len(result.booked), skipped=len(result.skipped))
        series_notices.confirmed(actor, series, result.booked, len(result.skipped), now)
    return series_rows.result(series_rows.get(series_id))


def _drop(series_id: int) -> None:
    with transaction() as session:
        session.execute(delete(SkippedOccurrence).where(SkippedOccurrence.series_id == series_id))
        session.execute(delete(ReservationSeries).where(ReservationSeries.id == series_id))


def readd(actor: Actor, skipped_id: int, now: datetime) -> Reservation:
    """Books a date that was skipped. One's own; staff any. Raises Denied with the reasons of today, which are kept,
    NotFound, Conflict when it was added already."""
    skipped = db.session.get(SkippedOccurrence, skipped_id)
    series = None if skipped is None else series_rows.own(actor, skipped.series_id)
    if skipped is None or series is None:
        raise NotFound(f"There is no skipped date {skipped_id}.")
    if skipped.reservation_id is not None and series_rows.is_live(skipped.reservation_id):
        raise Conflict(gettext("This date was added already."))
    at = skipped.occurrence_at
    extras = replace(series_rows.extras_of(series), occurrence_at=at)
    ends_at = recurrence.end_of(at, series.minutes, ZoneInfo(series.zone))
    try:
        made = service.book(
            actor, series.person_id, [int(one) for one in series.resource_ids], at, ends_at, extras, now
        )
    except Denied as error:
        with transaction():
            _keep_reasons(SkippedOccurrence.id == skipped_id, error.denials)
        raise
    made_id = made.id
    with transaction():
        db.session.execute(
            update(SkippedOccurrence).where(SkippedOccurrence.id == skipped_id).values(reservation_id=made_id)
        )
    return db.session.get_one(Reservation, made_id)


def _keep_reasons(row: ColumnElement[bool], denials: Sequence[Denial]) -> None:
    kept = [{"code": one.code, "params": dict(one.params)} for one in denials]
    db.session.execute(update(SkippedOccurrence).where(row).values(denials=kept))


# -- changing and cancelling ------------------------------------------------------------------------------------------


def change_series(
    actor: Actor,
    reservation_id: int,
    scope: Scope,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    note: str | None = None,
    reason: str = "",
) -> Edited:
    """Gives one date new times or a note, and with it this and the following, or all that are still to come.

    The others move by the same days and hours on the wall clock. A date that cannot be moved stays where it is and is
    named; where none can, the series stays as it is too. Raises as `service.change`, Denied with the reasons of the
    first where none can be moved; Invalid where the rule cannot be moved to other days.
    """
    reservation, series = _of_series(actor, reservation_id)
    if scope is Scope.THIS:
        service.change(actor, reservation_id, now, starts_at=starts_at, ends_at=ends_at, note=note, reason=reason)
        return Edited(series_rows.get(series.id), tuple(series_rows.loaded([reservation_id])))
    zone = ZoneInfo(series.zone)
    edit = series_rows.edit_of(reservation, starts_at, ends_at, note, zone)
    series_rows.check_edit(series, edit)
    series_id, pivot = series.id, reservation.occurrence_at if scope is Scope.FOLLOWING else None
    first = series_rows.first_to_move(series_id, pivot, now)
    targets = series_rows.targets(series_id, pivot, now, edit, reservation_id)
    done, refused = _change_each(actor, targets, note, reason, now)
    with transaction():
        placed = _place(series_id, pivot, first, edit, now)
        return _edited(actor, placed, edit, targets, done, refused, now, reason)


def _change_each(
    actor: Actor, targets: Sequence[Target], note: str | None, reason: str, now: datetime
) -> tuple[list[int], list[Refusal]]:
    """What could be changed, and what could not for reasons that are named. Denied, Conflict where none could."""
    done: list[int] = []
    refused: list[Refusal] = []
    against = Conflict(gettext("No date of this series is still to come."))
    with notices.together():
        for one in targets:
            try:
                service.change(
                    actor, one.id, now, starts_at=one.starts_at, ends_at=one.ends_at, note=note, reason=reason
                )
                done.append(one.id)
            except Denied as error:
                refused.append(Refusal(one.id, tuple(error.denials)))
            except Conflict as error:
                against = error
    if not done:
        raise Denied(list(refused[0].denials)) if refused else against
    return done, refused


def cancel_series(actor: Actor, reservation_id: int, scope: Scope, now: datetime, reason: str = "") -> Edited:
    """Cancels one date, this and the following, or all that are still to come. Raises as `service.cancel`."""
    reservation, series = _of_series(actor, reservation_id)
    series_id, pivot = series.id, reservation.occurrence_at if scope is Scope.FOLLOWING else None
    if scope is Scope.THIS:
        service.cancel(actor, reservation_id, now, reason)
        return Edited(series_rows.get(series_id), tuple(series_rows.loaded([reservation_id])))
    done: list[int] = []
    with notices.together():
        for one in series_rows.targets(series_id, pivot, now, None, reservation_id):
            try:
                service.cancel(actor, one.id, now, reason)
                done.append(one.id)
            except Conflict:
                continue
    with transaction() as session:
        row = session.get_one(ReservationSeries, series_id)
        series_rows.end_before(row, pivot, now)
        cancelled = series_rows.loaded(done)
        _tell(actor, "cancelled", row, now, cancelled=len(done))
        if cancelled:
            series_notices.cancelled(row, cancelled, reason, now)
    return Edited(series_rows.get(series_id), tuple(series_rows.loaded(done)))


def _of_series(actor: Actor, reservation_id: int) -> tuple[Reservation, ReservationSeries]:
    reservation = db.session.get(Reservation, reservation_id, populate_existing=True)
    if reservation is None or not (actor.is_staff or reservation.person_id == actor.person_id):
        raise NotFound(f"There is no reservation {reservation_id}.")
    if reservation.series_id is None:
        raise Conflict(gettext("This booking does not belong to a series."))
    return reservation, series_rows.get(reservation.series_id)


def _place(
    series_id: int, pivot: datetime | None, first: datetime | None, edit: Edit, now: datetime
) -> ReservationSeries:
    """Makes the rule and the times of the series those of the edit; splits it where something comes before `first`.
    Returns the series that holds the dates now."""
    series = lock(ReservationSeries, series_id)
    if series is None:
        raise NotFound(f"There is no series {series_id}.")
    series_rows.lock_dates(series_id)
    splits = edit.moves or pivot is not None
    if splits and first is not None and series_rows.comes_before(series_id, first):
        series = series_rows.split(series, first, now)
    series_rows.write_edit(series, edit)
    return series


def _edited(
    actor: Actor,
    series: ReservationSeries,
    edit: Edit,
    targets: Sequence[Target],
    done: Sequence[int],
    refused: Sequence[Refusal],
    now: datetime,
    reason: str,
) -> Edited:
    """Settles the dates in the series, tells it once; who gets another note only is not told, as with a single one."""
    if edit.moves:
        stay = {one.reservation_id for one in refused}
        series_rows.settle_moved(done)
        series_rows.keep_lengths([one for one in targets if one.id in stay], edit.minutes)
    moved = series_rows.loaded(done)
    _tell(actor, "changed", series, now, changed=len(done), refused=len(refused), reason=reason)
    if edit.moves:
        were_booked = {one.id for one in targets if one.booked}
        series_notices.changed(actor, series, moved, were_booked, len(refused), reason, now)
    return Edited(series_rows.get(series.id), tuple(moved), tuple(refused))


def _tell(actor: Actor, what: str, series: ReservationSeries, now: datetime, **facts: int | str) -> None:
    after = {
        "person_id": str(series.person_id),
        "rule": series.rule,
        "starts_at": series.starts_at.isoformat(),
        "resource_ids": list(series.resource_ids),
        **facts,
    }
    events.append(f"series.{what}", now, series_id=str(series.id), **after)
    audit.record(actor, f"series.{what}", series, now, after=after)
