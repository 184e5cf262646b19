"""Taking part: one click, the waiting list with its offers, withdrawing; everybody is told once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.certifications import suspending
from fablab.certifications.models import Prerequisite, TheoryPass
from fablab.core import audit
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.notices.models import Notice
from fablab.people import service as people
from fablab.people.models import Audience
from fablab.training import jobs, reading, service
from fablab.training.models import Enrolment
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, dates, enrol, happened, make_lab, plan, states, told


@pytest.fixture
def lab(app: Flask) -> Iterator[Lab]:
    with force_locale("en"):
        yield make_lab()


def codes(refused: pytest.ExceptionInfo[Denied]) -> list[str]:
    return [one.code for one in refused.value.denials]


def test_one_click_takes_a_place_and_the_calendar_gets_the_dates(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    person = make.make_person()
    made = enrol(training, person)
    assert made.state.value == "enrolled"
    assert told("training_enrolled") == [person.id]
    notice = db.session.scalars(select(Notice).where(Notice.message == "training_enrolled")).one()
    assert notice.calendar is not None
    assert [one["name"] for one in notice.calendar["events"]] == [
        f"training-{training.id}-{one.id}" for one in training.dates
    ]
    with pytest.raises(Denied) as refused:
        enrol(training, person)
    assert codes(refused) == ["training_enrolled"]


def test_a_full_training_has_a_line_that_is_asked_in_its_order(lab: Lab) -> None:
    training = plan(lab, places=1)
    first, second, third = (make.make_person() for _ in range(3))
    one, two, three = enrol(training, first), enrol(training, second), enrol(training, third)
    assert states(training) == ["enrolled", "waiting", "waiting"]
    assert [dict(service.line(training.id)).get(each.id) for each in (one, two, three)] == [None, 1, 2]
    assert told("training_waiting") == [second.id, third.id]
    service.withdraw(make.make_actor(first), one.id, NOW)
    assert states(training) == ["withdrawn", "offered", "waiting"]
    assert told("training_offered") == [second.id]
    assert db.session.get_one(Enrolment, two.id).offered_until == NOW + 24 * HOUR
    service.accept(make.make_actor(second), two.id, NOW + HOUR)
    assert states(training) == ["withdrawn", "enrolled", "waiting"]
    assert told("training_enrolled") == [first.id, second.id]
    service.withdraw(make.make_actor(third), three.id, NOW)
    assert states(training) == ["withdrawn", "enrolled", "withdrawn"]
    assert happened("enrolment.offered") == 1


def test_an_offer_is_declined_or_expires_and_goes_on(lab: Lab) -> None:
    training = plan(lab, places=1)
    holder, second, third, last = (make.make_person() for _ in range(4))
    one, two, three, four = (enrol(training, each) for each in (holder, second, third, last))
    service.withdraw(make.make_actor(holder), one.id, NOW)
    service.decline(make.make_actor(second), two.id, NOW)
    assert states(training) == ["withdrawn", "declined", "offered", "waiting"]
    with pytest.raises(Conflict):
        service.accept(make.make_actor(second), two.id, NOW)
    assert jobs.expire_offers(NOW + 24 * HOUR - timedelta(seconds=1)) == 0
    with pytest.raises(Conflict):
        service.accept(make.make_actor(third), three.id, NOW + 24 * HOUR)
    late = NOW + 30 * HOUR
    assert [jobs.expire_offers(late), jobs.expire_offers(late)] == [1, 0]
    assert states(training) == ["withdrawn", "declined", "expired", "offered"]
    assert told("training_expired") == [third.id]
    assert told("training_offered") == [second.id, third.id, last.id]
    assert db.session.get_one(Enrolment, four.id).offered_until == START, "no longer than until the first date"
    assert enrol(training, second, late).state.value == "waiting"


def test_who_waits_in_vain_is_told_when_it_begins(lab: Lab) -> None:
    training = plan(lab, places=1)
    person, waits = make.make_person(), make.make_person()
    one = enrol(training, person)
    enrol(training, waits)
    assert [jobs.expire_offers(START), jobs.expire_offers(START)] == [1, 0]
    assert states(training) == ["enrolled", "expired"]
    assert told("training_expired") == [waits.id]
    service.withdraw(lab.boss, one.id, START + HOUR, reason="ill")
    assert told("training_offered") == []


def test_withdrawing_is_free_until_a_day_before(lab: Lab) -> None:
    training = plan(lab)
    first, second, third = (make.make_person() for _ in range(3))
    free, late, excused = (enrol(training, each) for each in (first, second, third))
    assert not service.withdraw(make.make_actor(first), free.id, START - 24 * HOUR).late
    assert service.withdraw(make.make_actor(second), late.id, START - 23 * HOUR).late
    assert not service.withdraw(lab.actor, excused.id, START - HOUR, reason="ill").late
    assert told("training_withdrawn") == [first.id, second.id, third.id]
    with pytest.raises(Conflict):
        service.withdraw(make.make_actor(first), free.id, NOW)


def test_once_it_has_begun_one_speaks_to_the_instructor(lab: Lab) -> None:
    training = plan(lab)
    person = make.make_person()
    made = enrol(training, person)
    with pytest.raises(Conflict, match="has begun"):
        service.withdraw(make.make_actor(person), made.id, START)
    late = make.make_person()
    with pytest.raises(Denied) as refused:
        enrol(training, late, START + HOUR)
    assert codes(refused) == ["training_begun"]
    joined = service.enrol(lab.actor, training.id, late.id, START + HOUR, reason="his train was late")
    assert joined.state.value == "enrolled"


def test_the_staff_enrols_somebody_and_says_why(lab: Lab) -> None:
    training = plan(lab, audience="school")
    person, maker = make.make_person(), make.make_person()
    with pytest.raises(Forbidden):
        service.enrol(make.make_actor(maker), training.id, person.id, NOW, reason="my friend")
    with pytest.raises(Invalid, match="reason"):
        service.enrol(lab.actor, training.id, person.id, NOW)
    with pytest.raises(Denied):
        enrol(training, person)
    made = service.enrol(lab.actor, training.id, person.id, NOW, reason="his teacher asked")
    entry = audit.history("enrolment", str(made.id))[0]
    assert entry.after is not None
    assert (entry.after["reason"], entry.actor_id) == ("his teacher asked", lab.instructor.id)
    with pytest.raises(Denied) as refused:
        service.enrol(lab.actor, training.id, person.id, NOW, reason="again")
    assert codes(refused) == ["training_enrolled"]
    with pytest.raises(Invalid, match="person_id"):
        service.enrol(lab.actor, training.id, 999_999, NOW, reason="x")


def test_the_instructor_does_not_enrol_and_nobody_sits_in_two_trainings(lab: Lab) -> None:
    training = plan(lab)
    with pytest.raises(Denied) as refused:
        enrol(training, lab.instructor)
    assert codes(refused) == ["training_own"]
    other = service.plan(
        lab.boss, {"title": {"en": "Saw"}, "places": 1, "instructor_id": lab.manager.id}, dates(START), [], NOW
    )
    service.publish(lab.boss, other.id, NOW)
    person = make.make_person()
    enrol(training, person)
    with pytest.raises(Denied) as refused:
        enrol(other, person)
    assert codes(refused) == ["training_clash"]
    with pytest.raises(Denied) as refused:
        enrol(other, lab.instructor)
    assert codes(refused) == ["training_clash"]


def test_what_the_certification_asks_for_is_asked_before_but_the_quiz(lab: Lab) -> None:
    basics = make.make_certification("Safety")
    make.save(Prerequisite(certification_id=lab.laser.id, needed_id=basics.id))
    with transaction():
        lab.laser.min_age, lab.laser.quiz_questions = 16, 3
    training = plan(lab)
    person = make.make_person()
    with pytest.raises(Denied) as refused:
        enrol(training, person)
    assert codes(refused) == ["prerequisite_missing", "age_unknown"]
    make.make_grant(person, basics)
    born_on = NOW.date() - timedelta(days=17 * 366)
    with transaction():
        person.born_on = born_on
    enrol(training, person)
    assert db.session.scalars(select(TheoryPass)).all() == []
    held_back = make.make_person(born_on=born_on)
    make.make_grant(held_back, basics)
    make.make_grant(held_back, lab.laser)
    suspending.suspend(lab.boss, lab.laser.id, held_back.id, "a talk first", NOW)
    found = service.check(make.make_actor(held_back), training.id, held_back.id, NOW)
    assert [one.code for one in found] == ["certification_suspended"]


def test_an_offer_is_asked_of_the_rules_once_more(lab: Lab) -> None:
    training = plan(lab, places=1, audience="citizen")
    first, second = make.make_person(), make.make_person()
    one, two = enrol(training, first), enrol(training, second)
    service.withdraw(make.make_actor(first), one.id, NOW)
    people.change(lab.boss, second.id, {"audience": Audience.SCHOOL.value}, NOW)
    with pytest.raises(Denied) as refused:
        service.accept(make.make_actor(second), two.id, NOW)
    assert codes(refused) == ["training_audience"]
    assert states(training) == ["withdrawn", "offered"]


def test_other_peoples_enrolments_are_not_found(lab: Lab) -> None:
    training = plan(lab, places=1)
    enrol(training)
    waiting = enrol(training)
    stranger = make.make_actor(make.make_person())
    for act in (service.withdraw, service.accept, service.decline):
        with pytest.raises(NotFound):
            act(stranger, waiting.id, NOW)
    with pytest.raises(Forbidden):
        service.check(stranger, training.id, waiting.person_id, NOW)


def test_whoever_has_left_is_passed_over(lab: Lab) -> None:
    training = plan(lab, places=1)
    first, gone, third = (make.make_person() for _ in range(3))
    one = enrol(training, first)
    enrol(training, gone)
    enrol(training, third)
    people.disable(lab.boss, gone.id, NOW)
    service.withdraw(make.make_actor(first), one.id, NOW)
    assert states(training) == ["withdrawn", "waiting", "offered"]


def test_whoever_is_anonymised_gives_his_places_to_others(lab: Lab) -> None:
    training, other = plan(lab, places=1), plan(lab, START + WEEK, places=1)
    gone, waits = make.make_person(), make.make_person()
    enrol(training, gone)
    enrol(training, waits)
    enrol(other, waits)
    enrol(other, gone)
    with db.session.no_autoflush:
        people.anonymise(lab.boss, gone.id, NOW)
    assert states(training) == ["withdrawn", "offered"]
    assert states(other) == ["enrolled", "withdrawn"]
    assert told("training_withdrawn") == []
    assert told("training_offered") == [waits.id]
    boss = make.make_actor(make.make_person(role=Role.ADMINISTRATOR))
    with pytest.raises(Conflict, match="gives trainings"):
        people.anonymise(boss, lab.instructor.id, NOW)


def test_the_next_trainings_of_a_certification(lab: Lab, count_queries: CountQueries) -> None:
    saw = make.make_certification("Saw")
    full = plan(lab, places=1)
    later = plan(lab, START + WEEK)
    plan(lab, START + 2 * WEEK, publish=False)
    enrol(full)
    enrol(full)
    wanted = [lab.laser.id, saw.id]
    count_queries()
    found = service.next_trainings(wanted, NOW)
    assert count_queries() <= 7
    assert list(found) == [lab.laser.id]
    assert [(one.training.id, one.counts.free, one.counts.waiting) for one in found[lab.laser.id]] == [
        (full.id, 0, 1),
        (later.id, 3, 0),
    ]
    assert [one.training.id for one in service.next_trainings([lab.laser.id], START)[lab.laser.id]] == [later.id]
    assert service.next_trainings([], NOW) == {}


def test_a_page_of_trainings_costs_the_same_however_many(lab: Lab, count_queries: CountQueries) -> None:
    def cost() -> int:
        db.session.expire_all()
        count_queries()
        for one in service.coming(None, NOW):
            assert one.training.instructor.name
            assert [resource.name for date in one.training.dates for resource in reading.resources_of(date, {})]
        return count_queries()

    plan(lab)
    few = cost()
    for number in range(1, 5):
        enrol(plan(lab, START + number * WEEK))
    assert cost() == few
