"""The attendance sheet: ticks from a device that was offline, passing, what is missing for the certification."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import permutations

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.certifications import granting
from fablab.certifications.models import Evidence, Grant
from fablab.core import audit
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Invalid
from fablab.training import service
from fablab.training.models import Attendance, Enrolment, TrainingGrant
from fablab.training.rules import Mark, Outcome
from fablab.training.service import Row, Tick
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, enrol, happened, make_lab, plan, told

MINUTE = timedelta(minutes=1)
LATER = START + 3 * HOUR


@pytest.fixture
def lab(app: Flask) -> Iterator[Lab]:
    with force_locale("en"):
        yield make_lab()


def came(enrolment: Enrolment, date_id: int, mark: Mark, at: datetime) -> Tick:
    return Tick(enrolment.id, at, date_id=date_id, mark=mark)


def judged(enrolment: Enrolment, outcome: Outcome | None, at: datetime, note: str = "") -> Tick:
    return Tick(enrolment.id, at, judged=True, outcome=outcome, note=note)


def row_of(lab: Lab, enrolment: Enrolment) -> Row:
    db.session.rollback()
    sheet = service.sheet(lab.actor, enrolment.training_id)
    return next(one for one in sheet.rows if one.enrolment.id == enrolment.id)


def test_the_newest_tick_counts_whatever_order_they_arrive_in(lab: Lab) -> None:
    training = plan(lab, places=30)
    date_id = training.dates[0].id
    marks = [(Mark.PRESENT, 0), (Mark.ABSENT, 2), (Mark.EXCUSED, 1)]
    said = [(Outcome.REPEAT, "a", 0), (None, "c", 2), (Outcome.REPEAT, "b", 1)]
    for order in permutations(range(3)):
        enrolment = enrol(training)
        for one in order:
            at = START + HOUR
            ticks = [
                came(enrolment, date_id, marks[one][0], at + marks[one][1] * MINUTE),
                judged(enrolment, said[one][0], at + said[one][2] * MINUTE, said[one][1]),
            ]
            service.mark(lab.actor, training.id, ticks, LATER)
        row = row_of(lab, enrolment)
        assert row.marks[date_id].mark is Mark.ABSENT
        assert (row.enrolment.outcome, row.enrolment.note) == (None, "c")


def test_ticks_come_twice_and_shuffled_and_end_the_same(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, places=4)
    people = [enrol(training) for _ in range(2)]
    days = [one.id for one in training.dates]
    choice = random.Random(7)
    ticks = [
        came(choice.choice(people), choice.choice(days), choice.choice(list(Mark)), START + number * MINUTE)
        for number in range(30)
    ]
    wanted = {(one.enrolment_id, one.date_id): one.mark for one in ticks}
    sent = [*ticks, *ticks]
    choice.shuffle(sent)
    for begin in range(0, len(sent), 7):
        service.mark(lab.actor, training.id, sent[begin : begin + 7], START + WEEK + 3 * HOUR)
    rows = db.session.scalars(select(Attendance)).all()
    assert {(one.enrolment_id, one.date_id): one.mark for one in rows} == wanted
    entries = len(audit.history("enrolment", str(people[0].id)))
    service.mark(lab.actor, training.id, ticks, START + WEEK + 4 * HOUR)
    assert len(audit.history("enrolment", str(people[0].id))) == entries, "nothing changed, so nothing is told"


def test_a_clock_that_is_ahead_ticked_it_now(lab: Lab) -> None:
    training = plan(lab)
    enrolment, date_id = enrol(training), training.dates[0].id
    service.mark(lab.actor, training.id, [came(enrolment, date_id, Mark.ABSENT, LATER + WEEK)], LATER)
    assert row_of(lab, enrolment).marks[date_id].marked_at == LATER
    service.mark(lab.actor, training.id, [came(enrolment, date_id, Mark.PRESENT, LATER + MINUTE)], LATER + MINUTE)
    assert row_of(lab, enrolment).marks[date_id].mark is Mark.PRESENT


def test_one_that_cannot_count_is_named_and_the_others_are_kept(lab: Lab) -> None:
    training = plan(lab)
    stays, goes, date_id = enrol(training), enrol(training), training.dates[0].id
    service.withdraw(lab.actor, goes.id, NOW, reason="ill")
    at = START + HOUR
    found = service.mark(
        lab.actor,
        training.id,
        [
            came(goes, date_id, Mark.PRESENT, at),
            came(stays, date_id, Mark.PRESENT, at),
            Tick(999_999, at, date_id=date_id, mark=Mark.PRESENT),
            came(stays, 999_999, Mark.PRESENT, at),
            Tick(stays.id, at),
            judged(stays, None, at, "x" * 501),
        ],
        LATER,
    )
    assert [one.place for one in found.refused] == [0, 2, 3, 4, 5]
    assert row_of(lab, stays).marks[date_id].mark is Mark.PRESENT
    assert [one.enrolment.id for one in found.rows] == [stays.id]


def test_the_sheet_opens_shortly_before_and_ends_when_it_is_closed(lab: Lab) -> None:
    training = plan(lab)
    enrolment, date_id = enrol(training), training.dates[0].id
    tick = came(enrolment, date_id, Mark.PRESENT, START)
    with pytest.raises(Conflict):
        service.mark(lab.actor, training.id, [tick], NOW)
    with pytest.raises(Conflict):
        service.close(lab.actor, training.id, START + HOUR)
    service.close(lab.actor, training.id, LATER)
    late = came(enrolment, date_id, Mark.ABSENT, LATER + MINUTE)
    found = service.mark(lab.actor, training.id, [tick, late], LATER + HOUR)
    assert [one.place for one in found.refused] == [1]
    assert row_of(lab, enrolment).marks[date_id].mark is Mark.PRESENT, "made before it was closed, sent later"
    service.reopen(lab.actor, training.id, LATER + HOUR)
    service.mark(lab.actor, training.id, [late], LATER + HOUR)
    assert row_of(lab, enrolment).marks[date_id].mark is Mark.ABSENT
    with pytest.raises(Invalid):
        service.mark(lab.actor, training.id, [tick] * 2001, LATER)


# -- passing ----------------------------------------------------------------------------------------------------------


def grants(lab: Lab) -> list[Grant]:
    db.session.rollback()
    return list(db.session.scalars(select(Grant).where(Grant.certification_id == lab.laser.id).order_by(Grant.id)))


def test_passing_grants_once(lab: Lab) -> None:
    training = plan(lab)
    person = make.make_person()
    enrolment = enrol(training, person)
    passed = judged(enrolment, Outcome.PASSED, START + HOUR, "well done")
    for _ in range(2):
        assert service.mark(lab.actor, training.id, [passed], LATER).missing == []
    again = judged(enrolment, Outcome.PASSED, START + 2 * HOUR)
    service.mark(lab.actor, training.id, [again], LATER)
    (made,) = grants(lab)
    assert (made.person_id, made.granted_by_id, made.evidence) == (person.id, lab.instructor.id, Evidence.TRAINING)
    assert made.reason == "Training: Laser basics (fr)"
    assert db.session.scalars(select(TrainingGrant.grant_id)).all() == [made.id]
    assert told("certification_granted") == [person.id]
    assert happened("certification.granted") == 1


def test_what_was_withdrawn_is_not_granted_again_and_repeat_withdraws_nothing(lab: Lab) -> None:
    training = plan(lab)
    enrolment = enrol(training)
    service.mark(lab.actor, training.id, [judged(enrolment, Outcome.PASSED, START + HOUR)], LATER)
    (made,) = grants(lab)
    found = service.mark(lab.actor, training.id, [judged(enrolment, Outcome.REPEAT, START + 2 * HOUR)], LATER)
    assert [one.stays for one in found.rows] == [True], "it says that the certification is still held"
    assert grants(lab)[0].revoked_at is None
    granting.revoke(lab.actor, made.id, "by mistake", LATER)
    found = service.mark(lab.actor, training.id, [judged(enrolment, Outcome.PASSED, START + 150 * MINUTE)], LATER)
    assert len(grants(lab)) == 1, "only a new grant brings it back"
    assert [(one.stays, list(one.missing)) for one in found.rows] == [(False, [])]


def test_what_is_missing_is_told_once_and_can_be_mended(lab: Lab) -> None:
    with transaction():
        lab.laser.quiz_questions, lab.laser.min_age = 3, 16
    training = plan(lab)
    person = make.make_person(born_on=date(2000, 1, 1))
    enrolment = enrol(training, person)
    tick = judged(enrolment, Outcome.PASSED, START + HOUR)
    found = service.mark(lab.actor, training.id, [tick], LATER)
    assert [one.code for one in found.missing[0].denials] == ["theory_missing"]
    assert row_of(lab, enrolment).enrolment.outcome is Outcome.PASSED, "the tick is not lost"
    assert grants(lab) == []
    assert [one.id for one in row_of(lab, enrolment).missing] == [lab.laser.id]
    service.mark(lab.actor, training.id, [tick], LATER)
    assert told("training_not_certified") == [person.id]
    granting.note_theory(person.id, lab.laser.id, 90, LATER)
    assert service.certify(lab.actor, training.id, LATER) == []
    assert len(grants(lab)) == 1
    assert service.certify(lab.actor, training.id, LATER) == []
    assert len(grants(lab)) == 1


def test_who_does_not_teach_it_any_more_is_told_so(lab: Lab) -> None:
    training = plan(lab)
    enrolment = enrol(training)
    teaching = db.session.scalars(select(Grant).where(Grant.person_id == lab.instructor.id)).one()
    granting.revoke(lab.boss, teaching.id, "left the laser", NOW)
    found = service.mark(lab.actor, training.id, [judged(enrolment, Outcome.PASSED, START + HOUR)], LATER)
    assert "teaches" in found.missing[0].why
    assert service.certify(lab.boss, training.id, LATER) == [], "a manager mends it"
    assert len(grants(lab)) == 1


def test_the_sheet_costs_the_same_however_many(lab: Lab, count_queries: CountQueries) -> None:
    training, actor = plan(lab, places=50), lab.actor
    training_id = training.id

    def cost() -> int:
        db.session.rollback()
        count_queries()
        assert service.sheet(actor, training_id).rows
        return count_queries()

    enrol(training)
    few = cost()
    for _ in range(6):
        enrol(training)
    assert cost() == few
