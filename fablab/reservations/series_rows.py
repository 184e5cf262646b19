"""The rows of a series: read with a constant number of queries, and rewritten when it is changed, split or ended.

What writes here is called inside the transactions of `series.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import selectinload

from fablab.core.actor import Actor
from fablab.core.db import bulk_insert, db
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.people.models import Person
from fablab.reservations import recurrence
from fablab.reservations.models import Reservation, ReservationSeries, ReservationState, SkippedOccurrence
from fablab.reservations.reading import WITH_RESOURCES
from fablab.reservations.wishes import Extras

TO_COME = (ReservationState.BOOKED, ReservationState.REQUESTED)
THERE = (*TO_COME, ReservationState.HELD, ReservationState.FINISHED)


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """A series with its reservations, whatever became of them, and the dates that were skipped; both ascending."""

    series: ReservationSeries
    booked: tuple[Reservation, ...]
    skipped: tuple[SkippedOccurrence, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """By how much dates move on the wall clock and how long they are then; `note` None leaves the notes."""

    shift: timedelta
    minutes: int
    moves: bool
    note: str | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """A reservation to change, whether it is booked or asked for, how long the series made it, and its new time where
    it gets one."""

    id: int
    booked: bool
    minutes: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None


# -- reading ----------------------------------------------------------------------------------------------------------


def get(series_id: int) -> ReservationSeries:
    """One series. Raises NotFound."""
    found = db.session.get(ReservationSeries, series_id, populate_existing=True)
    if found is None:
        raise NotFound(f"There is no series {series_id}.")
    return found


def own(actor: Actor, series_id: int) -> ReservationSeries:
    """One's own series, any for staff. Raises NotFound for others'."""
    found = get(series_id)
    if not (actor.is_staff or found.person_id == actor.person_id):
        raise NotFound(f"There is no series {series_id}.")
    return found


def own_date(actor: Actor, series_id: int, reservation_id: int | None, now: datetime) -> Reservation:
    """A reservation of one's own series, any for staff; without an id the first that is still to come.

    Raises NotFound, Conflict where none is to come.
    """
    own(actor, series_id)
    if reservation_id is None:
        query = select(Reservation).where(Reservation.series_id == series_id, Reservation.state.in_(TO_COME))
        found = db.session.scalar(query.where(Reservation.starts_at > now).order_by(Reservation.starts_at).limit(1))
        if found is None:
            raise Conflict(gettext("No date of this series is still to come."))
        return found
    chosen = db.session.get(Reservation, reservation_id)
    if chosen is None or chosen.series_id != series_id:
        raise NotFound(f"The series {series_id} has no reservation {reservation_id}.")
    return chosen


def own_skipped(actor: Actor, series_id: int, skipped_id: int) -> SkippedOccurrence:
    """A skipped date of one's own series, any for staff. Raises NotFound."""
    own(actor, series_id)
    found = db.session.get(SkippedOccurrence, skipped_id)
    if found is None or found.series_id != series_id:
        raise NotFound(f"The series {series_id} has no skipped date {skipped_id}.")
    return found


def result(series: ReservationSeries) -> SeriesResult:
    """The series with all its dates. Four queries, however many there are."""
    booked = select(Reservation).where(Reservation.series_id == series.id).options(WITH_RESOURCES)
    waits = SkippedOccurrence.reservation_id.is_(None) & (SkippedOccurrence.series_id == series.id)
    skipped = select(SkippedOccurrence).where(waits, ~_is_booked()).order_by(SkippedOccurrence.occurrence_at)
    rows = db.session.scalars(booked.order_by(Reservation.starts_at, Reservation.id))
    return SeriesResult(series, tuple(rows), tuple(db.session.scalars(skipped)))


def loaded(ids: Sequence[int]) -> list[Reservation]:
    """The reservations with their resources, ascending by start."""
    query = select(Reservation).where(Reservation.id.in_(ids)).options(WITH_RESOURCES)
    query = query.order_by(Reservation.starts_at, Reservation.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def person_exists(person_id: int) -> bool:
    """There is such a person."""
    return db.session.get(Person, person_id) is not None


def is_live(reservation_id: int) -> bool:
    """The reservation was not given back."""
    query = select(Reservation.id).where(Reservation.id == reservation_id, Reservation.state.in_(THERE))
    return db.session.scalar(query) is not None


def extras_of(series: ReservationSeries) -> Extras:
    """What a further date of the series says, as the others of it do."""
    query = select(Reservation).where(Reservation.series_id == series.id).order_by(Reservation.id).limit(1)
    other = db.session.scalar(query.options(selectinload(Reservation.companions)))
    extras = Extras(note=series.note, series_id=series.id)
    if other is None:
        return extras
    return replace(
        extras,
        party_size=other.party_size,
        exclusive=other.exclusive,
        companion_ids=tuple(one.person_id for one in other.companions),
        called={one.person_id: one.called for one in other.companions},
        on_behalf_reason=other.on_behalf_reason,
    )


def _is_booked() -> ColumnElement[bool]:
    """There is a reservation for the date of the row: it was booked, and nobody could forget the row any more."""
    same = (Reservation.series_id == SkippedOccurrence.series_id) & (
        Reservation.occurrence_at == SkippedOccurrence.occurrence_at
    )
    return exists().where(same)


# -- what an edit means -----------------------------------------------------------------------------------------------


def edit_of(
    reservation: Reservation,
    starts_at: datetime | None,
    ends_at: datetime | None,
    note: str | None,
    zone: ZoneInfo,
) -> Edit:
    """What new times of one date mean for the others. Raises Invalid."""
    begin = starts_at or reservation.starts_at
    end = ends_at or reservation.ends_at
    if not timedelta(0) < end - begin <= timedelta(days=366):
        raise Invalid({"end": "must be after the start, by at most 366 days"})
    return Edit(
        shift=recurrence.wall(begin, zone) - recurrence.wall(reservation.starts_at, zone),
        minutes=recurrence.minutes_between(begin, end, zone),
        moves=(begin, end) != (reservation.starts_at, reservation.ends_at),
        note=note,
        starts_at=begin,
        ends_at=end,
    )


def targets(series_id: int, pivot: datetime | None, now: datetime, edit: Edit | None, picked: int) -> list[Target]:
    """The dates that are still to come; with a `pivot` those from it on, the picked one also when it has begun. With
    their new times; those that move later, last first, so that none is in another's way. Dates that somebody moved on
    its own keep their time."""
    series = get(series_id)
    zone = ZoneInfo(series.zone)
    query = select(Reservation).where(Reservation.series_id == series_id, Reservation.state.in_(TO_COME))
    comes = Reservation.starts_at > now
    if pivot is not None:
        query, comes = query.where(Reservation.occurrence_at >= pivot), comes | (Reservation.id == picked)
    found = []
    for one in db.session.scalars(query.where(comes).order_by(Reservation.occurrence_at)):
        at, length = one.occurrence_at, one.occurrence_minutes or series.minutes
        target = Target(one.id, one.state is ReservationState.BOOKED, length)
        if edit is None or not edit.moves:
            found.append(target)
        elif one.id == picked:
            found.append(replace(target, starts_at=edit.starts_at, ends_at=edit.ends_at))
        elif at is not None and (one.starts_at, one.ends_at) == (at, recurrence.end_of(at, length, zone)):
            begin = recurrence.shifted(at, edit.shift, zone)
            found.append(replace(target, starts_at=begin, ends_at=recurrence.end_of(begin, edit.minutes, zone)))
    later = edit is not None and edit.shift > timedelta(0)
    return found[::-1] if later else found


# -- rewriting --------------------------------------------------------------------------------------------------------


def forget_booked(series_id: int) -> None:
    """Removes the rows of dates that are booked."""
    rows = (SkippedOccurrence.series_id == series_id) & SkippedOccurrence.reservation_id.is_(None)
    db.session.execute(delete(SkippedOccurrence).where(rows, _is_booked()).execution_options(synchronize_session=False))


def first_to_move(series_id: int, pivot: datetime | None, now: datetime) -> datetime | None:
    """From which date on an edit counts: the pivot, else the first that has not begun."""
    if pivot is not None:
        return pivot
    query = select(Reservation.occurrence_at).where(Reservation.series_id == series_id, Reservation.starts_at > now)
    return db.session.scalar(query.order_by(Reservation.occurrence_at).limit(1))


def comes_before(series_id: int, at: datetime) -> bool:
    """The series has dates before this one."""
    tables = (Reservation, SkippedOccurrence)
    queries = [select(one.id).where(one.series_id == series_id, one.occurrence_at < at).limit(1) for one in tables]
    return any(db.session.scalar(query) is not None for query in queries)


def split(series: ReservationSeries, at: datetime, now: datetime) -> ReservationSeries:
    """Ends the series before `at`; what comes from there on belongs to a new one, which is returned."""
    zone = ZoneInfo(series.zone)
    before, after = recurrence.split(recurrence.parse(series.rule), series.starts_at, at, zone)
    made = ReservationSeries(
        person_id=series.person_id,
        created_by_id=series.created_by_id,
        created_at=now,
        rule=str(after),
        zone=series.zone,
        starts_at=at,
        minutes=series.minutes,
        resource_ids=list(series.resource_ids),
        note=series.note,
    )
    series.rule = str(before)
    db.session.add(made)
    db.session.flush()
    for table in (Reservation, SkippedOccurrence):
        rows = (table.series_id == series.id) & (table.occurrence_at >= at)
        db.session.execute(
            update(table).where(rows).values(series_id=made.id).execution_options(synchronize_session=False)
        )
    db.session.expire_all()
    return made


def check_edit(series: ReservationSeries, edit: Edit) -> None:
    """Raises Invalid where the rule of the series cannot be moved so."""
    recurrence.moved(recurrence.parse(series.rule), edit.shift, series.starts_at, ZoneInfo(series.zone))


def lock_dates(series_id: int) -> None:
    """Locks the reservations of a series in the order of their ids, before several are rewritten."""
    query = select(Reservation.id).where(Reservation.series_id == series_id).order_by(Reservation.id)
    db.session.execute(query.with_for_update(key_share=True)).all()


def write_edit(series: ReservationSeries, edit: Edit) -> None:
    """Gives the series the rule, times and note of the edit. Raises Invalid where its rule cannot be moved so."""
    zone = ZoneInfo(series.zone)
    if edit.note is not None:
        series.note = edit.note[:500]
    if not edit.moves:
        return
    series.rule = str(recurrence.moved(recurrence.parse(series.rule), edit.shift, series.starts_at, zone))
    series.starts_at = recurrence.shifted(series.starts_at, edit.shift, zone)
    series.minutes = edit.minutes
    rows = list(db.session.scalars(select(SkippedOccurrence).where(SkippedOccurrence.series_id == series.id)))
    moved = [
        {
            "series_id": series.id,
            "occurrence_at": recurrence.shifted(row.occurrence_at, edit.shift, zone),
            "denials": row.denials,
            "reservation_id": row.reservation_id,
        }
        for row in rows
    ]
    for row in rows:
        db.session.delete(row)
    db.session.flush()
    bulk_insert(SkippedOccurrence, list({row["occurrence_at"]: row for row in moved}.values()))


def settle_moved(ids: Sequence[int]) -> None:
    """The time that these reservations have now is that of their series."""
    rows = update(Reservation).where(Reservation.id.in_(ids))
    rows = rows.values(occurrence_at=Reservation.starts_at, occurrence_minutes=None)
    db.session.execute(rows.execution_options(synchronize_session=False))


def keep_lengths(left: Sequence[Target], minutes: int) -> None:
    """Dates that could not follow keep the length that the series gave them, where it is `minutes` long now: else they
    would look as if somebody had moved them on their own."""
    for one in left:
        row = update(Reservation).where(Reservation.id == one.id)
        row = row.values(occurrence_minutes=None if one.minutes == minutes else one.minutes)
        db.session.execute(row.execution_options(synchronize_session=False))


def end_before(series: ReservationSeries, pivot: datetime | None, now: datetime) -> None:
    """Forgets the skipped dates from the pivot on, or all to come, and ends the rule there."""
    at = pivot or now
    rows = (SkippedOccurrence.series_id == series.id) & (SkippedOccurrence.occurrence_at >= at)
    db.session.execute(delete(SkippedOccurrence).where(rows & SkippedOccurrence.reservation_id.is_(None)))
    if at > series.starts_at:
        zone = ZoneInfo(series.zone)
        series.rule = str(recurrence.split(recurrence.parse(series.rule), series.starts_at, at, zone)[0])
