"""Trainings as calendar events: each date is one, with the same UID for ever and a rising SEQUENCE."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from flask_babel import gettext
from sqlalchemy import select

from fablab.core.db import Texts, db
from fablab.core.words import config, text
from fablab.notices import calendars
from fablab.notices.calendars import CalendarEvent, CalendarEvents, Status
from fablab.reservations import calendar_feed
from fablab.reservations.asked import Parents
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.reading import WITH_DATES, resources_of, tree_of
from fablab.training.rules import EnrolmentState, TrainingState

MOST = 500
"""How many trainings the public calendar holds at most."""
SHOWN = (TrainingState.PUBLISHED, TrainingState.CLOSED, TrainingState.CANCELLED)


def events_of(training: Training, now: datetime) -> CalendarEvents:
    """All dates of a training; those of a cancelled one are cancelled."""
    tree = tree_of(training.dates)
    return CalendarEvents(events=tuple(event_of(one, training, now, tree) for one in training.dates))


def gone(dates: Iterable[TrainingDate], training: Training, now: datetime) -> CalendarEvents:
    """These dates as cancelled, for who does not take part any more."""
    known = list(dates)
    tree = tree_of(known)
    made = (event_of(one, training, now, tree) for one in known)
    return CalendarEvents(events=tuple(replace(one, status=Status.CANCELLED) for one in made))


def event_of(date: TrainingDate, training: Training, changed_at: datetime, tree: Parents) -> CalendarEvent:
    """One date as an event; `tree` as `reading.tree_of` gives it."""
    off = training.state is TrainingState.CANCELLED
    return CalendarEvent(
        name=f"training-{training.id}-{date.id}",
        titles=(training.title,),
        starts_at=date.starts_at,
        ends_at=date.ends_at,
        changed_at=changed_at,
        sequence=training.sequence,
        status=Status.CANCELLED if off else Status.CONFIRMED,
        note=text(training.description),
        place=_place(date, tree),
        path=f"/trainings/{training.id}",
    )


def file_of(training: Training) -> bytes:
    """One training as a calendar file, in the present language; the caller has asked whether it may be seen."""
    return calendars.feed(text(training.title), events_of(training, _changed_at(training)).events)


def public_calendar(now: datetime) -> bytes:
    """All published trainings that are not over, as a calendar to subscribe to, in the present language; what was
    cancelled is in it as cancelled, so that programs take it out. At most six queries."""
    title = gettext("Trainings of %(lab)s", lab=config().lab.name)
    query = select(Training).where(Training.state.in_(SHOWN), Training.ends_at > now).options(*WITH_DATES)
    rows = db.session.scalars(query.order_by(Training.starts_at, Training.id).limit(MOST)).all()
    tree = tree_of(date for row in rows for date in row.dates)
    events = [event_of(date, row, _changed_at(row), tree) for row in rows for date in row.dates]
    return calendars.feed(title, events)


def own_events(person_id: int, now: datetime) -> list[CalendarEvent]:
    """The dates of trainings in which somebody has a place, and of those he gives, but for what his bookings show
    already; the last three months and all that comes. At most six queries."""
    takes = select(Enrolment.training_id).where(Enrolment.person_id == person_id)
    takes = takes.where(Enrolment.state == EnrolmentState.ENROLLED)
    query = select(Training).where(Training.id.in_(takes) | (Training.instructor_id == person_id))
    query = query.where(Training.state.in_((TrainingState.PUBLISHED, TrainingState.CLOSED)))
    query = query.where(Training.ends_at > now - calendar_feed.BACK).options(*WITH_DATES)
    rows = db.session.scalars(query.order_by(Training.starts_at, Training.id).limit(MOST)).all()
    tree = tree_of(date for row in rows for date in row.dates)
    return [
        event_of(date, row, _changed_at(row), tree)
        for row in rows
        for date in row.dates
        if row.instructor_id != person_id or date.reservation_id is None
    ]


def _changed_at(training: Training) -> datetime:
    return training.ended_at or training.created_at


def _place(date: TrainingDate, tree: Parents) -> Texts:
    """The first room or machine that it holds."""
    held = resources_of(date, tree)
    return held[0].name if held else {}
