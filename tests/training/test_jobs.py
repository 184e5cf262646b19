"""What goes on by itself, run early, late and twice: the decision, reminders, calendars that follow."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask_babel import force_locale
from icalendar import Calendar
from sqlalchemy import select

from fablab.core.db import db
from fablab.notices import calendars
from fablab.notices.models import CalendarFeed, Notice
from fablab.reservations import calendar_feed
from fablab.training import jobs, service
from fablab.training.models import Training
from fablab.training.rules import TrainingState
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, dates, enrol, happened, held, make_lab, plan, states, told

DECIDE = START - 24 * HOUR


@pytest.fixture
def lab(app: Flask) -> Iterator[Lab]:
    with force_locale("en"):
        yield make_lab()


def fresh(training: Training) -> Training:
    db.session.rollback()
    return db.session.get_one(Training, training.id)


@pytest.mark.parametrize("late", [timedelta(0), 5 * HOUR])
def test_too_few_and_it_is_cancelled_once(lab: Lab, late: timedelta) -> None:
    training = plan(lab, START, START + WEEK, places=3, minimum=3, decide_at=DECIDE)
    people = [make.make_person() for _ in range(2)]
    for one in people:
        enrol(training, one)
    assert jobs.decide(DECIDE - timedelta(seconds=1)) == 0
    assert [jobs.decide(DECIDE + late), jobs.decide(DECIDE + late)] == [1, 0]
    assert fresh(training).state is TrainingState.CANCELLED
    assert service.had_too_few(fresh(training))
    assert held() == []
    assert states(training) == ["cancelled", "cancelled"]
    assert sorted(told("training_cancelled")) == sorted([lab.instructor.id, *(one.id for one in people)])
    notice = db.session.scalars(select(Notice).where(Notice.message == "training_cancelled")).first()
    assert notice is not None
    assert notice.params is not None
    assert notice.params["too_few"] is True
    assert happened("training.cancelled") == 1


def test_enough_and_it_takes_place_whoever_withdraws_then(lab: Lab) -> None:
    training = plan(lab, places=3, minimum=1, decide_at=DECIDE)
    person = make.make_person()
    made = enrol(training, person)
    assert [jobs.decide(DECIDE), jobs.decide(DECIDE + HOUR)] == [1, 0]
    service.withdraw(make.make_actor(person), made.id, DECIDE + HOUR)
    assert jobs.decide(DECIDE + 2 * HOUR) == 0
    assert fresh(training).state is TrainingState.PUBLISHED
    service.change(lab.actor, training.id, DECIDE + HOUR, values={"decide_at": DECIDE, "price": 3})
    assert jobs.decide(DECIDE + 2 * HOUR) == 0, "the same deadline is not asked twice"
    service.change(lab.actor, training.id, DECIDE + HOUR, values={"decide_at": DECIDE + 3 * HOUR})
    assert jobs.decide(DECIDE + 3 * HOUR) == 1
    assert fresh(training).state is TrainingState.CANCELLED


def test_what_has_begun_and_drafts_are_not_cancelled(lab: Lab) -> None:
    begun = plan(lab, minimum=2, decide_at=DECIDE)
    draft = plan(lab, START + WEEK, publish=False, minimum=2, decide_at=DECIDE)
    assert jobs.decide(START + HOUR) == 1
    assert fresh(begun).state is TrainingState.PUBLISHED
    assert fresh(draft).decided_at is None


def test_each_date_is_reminded_of_once(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, places=1)
    person, waits = make.make_person(), make.make_person()
    enrol(training, person)
    enrol(training, waits)
    assert jobs.remind(START - 24 * HOUR - timedelta(seconds=1)) == 0
    assert [jobs.remind(START - 20 * HOUR), jobs.remind(START - 20 * HOUR)] == [1, 0]
    assert told("training_reminder") == [person.id]
    assert jobs.remind(START + WEEK) == 0, "too late helps nobody"
    assert jobs.remind(START + WEEK - HOUR) == 1
    assert told("training_reminder") == [person.id] * 2


def test_a_date_that_moves_is_reminded_of_again(lab: Lab) -> None:
    training = plan(lab)
    person = make.make_person()
    enrol(training, person)
    jobs.remind(START - 20 * HOUR)
    service.change(lab.actor, training.id, START - 19 * HOUR, dates=dates(START + 24 * HOUR))
    assert jobs.remind(START) == 1
    assert told("training_reminder") == [person.id] * 2


def test_the_instructor_is_reminded_where_no_booking_does_it(lab: Lab) -> None:
    made = service.plan(lab.actor, {"title": {"en": "Talk"}, "places": 1}, dates(START), [], NOW)
    service.publish(lab.actor, made.id, NOW)
    jobs.remind(START - HOUR)
    assert told("training_reminder") == [lab.instructor.id]


def test_calendars_follow(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    person = make.make_person()
    made = enrol(training, person)
    service.change(lab.actor, training.id, NOW, dates=dates(START + HOUR))
    service.withdraw(make.make_actor(person), made.id, NOW)
    enrol(training, person)
    service.cancel(lab.actor, training.id, "ill", NOW)
    query = select(Notice.calendar).where(Notice.person_id == person.id).order_by(Notice.id)
    seen = [
        [(one["name"], one["sequence"], one["status"]) for one in kept["events"]]
        for kept in db.session.scalars(query)
        if kept is not None
    ]
    first, second = seen[0][0][0], seen[0][1][0]
    assert [[(name, status) for name, _sequence, status in each] for each in seen] == [
        [(first, "CONFIRMED"), (second, "CONFIRMED")],
        [(first, "CONFIRMED"), (second, "CANCELLED")],
        [(first, "CANCELLED")],
        [(first, "CONFIRMED")],
        [(first, "CANCELLED")],
    ]
    rising = [sequence for each in seen for name, sequence, _status in each if name == first]
    assert rising == sorted(set(rising)), "each is newer than the one before"


def test_the_public_calendar_holds_what_is_published(lab: Lab) -> None:
    shown = plan(lab, START, START + WEEK)
    plan(lab, START + 2 * WEEK, publish=False)
    off = plan(lab, START + 3 * WEEK)
    service.cancel(lab.actor, off.id, "ill", NOW)
    events = Calendar.from_ical(service.public_calendar(NOW)).walk("VEVENT")
    wanted = [calendars.uid(f"training-{shown.id}-{one.id}") for one in shown.dates]
    assert [str(one["uid"]) for one in events][:2] == wanted
    assert [str(one["status"]) for one in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [str(one.get("location")) for one in events][:2] == ["Room", "Room"]
    own = Calendar.from_ical(service.calendar_of(service.get_training(None, shown.id))).walk("VEVENT")
    assert [str(one["uid"]) for one in own] == wanted


def test_a_persons_own_calendar_holds_his_trainings(lab: Lab, count_queries: CountQueries) -> None:
    training, other = plan(lab, START, START + WEEK), plan(lab, START + 2 * WEEK, places=1)
    person = make.make_person()
    enrol(training, person)
    enrol(other)
    enrol(other, person)
    feed = CalendarFeed(person_id=person.id)
    names = [one.name for one in calendar_feed.contents(feed, NOW).events]
    assert names == [f"training-{training.id}-{one.id}" for one in training.dates], "not what he waits for"
    own = CalendarFeed(person_id=lab.instructor.id)
    events = calendar_feed.contents(own, NOW).events
    assert {one.name.partition("-")[0] for one in events} == {"reservation"}, "his bookings are in it already"
    talk = service.plan(lab.actor, {"title": {"en": "Talk"}, "places": 1}, dates(START + 3 * WEEK), [], NOW)
    service.publish(lab.actor, talk.id, NOW)
    count_queries()
    assert calendar_feed.contents(own, NOW).events[-1].titles == ({"en": "Talk"},)
    assert count_queries() <= 12
