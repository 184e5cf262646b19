"""Planning, changing, publishing and cancelling: room, machines and instructor are held, all of it or nothing."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.certifications.rules import Level
from fablab.core import audit, words
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, FablabError, Forbidden, Invalid, NotFound
from fablab.reservations import presence
from fablab.reservations import service as reservations
from fablab.reservations.models import Companion, Let, Reservation, ReservationState
from fablab.training import jobs, service
from fablab.training.models import Training, TrainingDate
from fablab.training.rules import TrainingState
from fablab.training.wishes import DateWish
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, dates, enrol, held, make_lab, plan, states, teacher, told


@pytest.fixture
def lab(app: Flask) -> Iterator[Lab]:
    with force_locale("en"):
        yield make_lab()


def codes(refused: pytest.ExceptionInfo[Denied]) -> list[str]:
    return [one.code for one in refused.value.denials]


def span(resource_id: int, start: datetime) -> tuple[int, datetime, datetime]:
    return resource_id, start, start + 2 * HOUR


def test_a_training_holds_its_room_and_machines_on_each_date(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, publish=False)
    assert (training.state, training.starts_at, training.ends_at) == (
        TrainingState.DRAFT,
        START,
        START + WEEK + 2 * HOUR,
    )
    room, machine = lab.room.id, lab.machine.id
    assert held() == [
        span(room, START),
        span(machine, START),
        span(room, START + WEEK),
        span(machine, START + WEEK),
    ]
    reservations_ = db.session.scalars(select(Reservation)).all()
    assert {one.person_id for one in reservations_} == {lab.instructor.id}
    assert {one.note for one in reservations_} == {"Training: Laser basics (fr)"}
    assert told("reservation_confirmed") == []
    assert [one.action for one in audit.history("training", str(training.id))] == ["training.planned"]


def test_it_is_all_of_it_or_nothing_and_every_reason_is_told(lab: Lab) -> None:
    later, last = START + WEEK, START + 2 * WEEK
    make.make_reservation(make.make_person(), [lab.machine], later, later + HOUR)
    make.make_reservation(make.make_person(), [lab.room], last, last + HOUR)
    before = held()
    with pytest.raises(Denied) as refused:
        plan(lab, START, later, last)
    assert codes(refused) == ["slot_taken", "slot_taken"]
    found = [one.params for one in refused.value.denials]
    assert [one["of_date"] for one in found] == [later.isoformat(), last.isoformat()]
    assert words.sentence(refused.value.denials[0]).startswith("Wednesday 11 March, 10:00: Laser: It is already")
    assert held() == before
    assert db.session.scalars(select(Training.id)).all() == []


def test_what_one_person_may_take_does_not_bind_a_training_but_opening_hours_do(lab: Lab) -> None:
    far = START + timedelta(days=140)
    assert plan(lab, far)
    evening = START + 9 * HOUR
    with pytest.raises(Denied) as refused:
        plan(lab, evening)
    assert set(codes(refused)) == {"outside_opening_hours"}
    values = {"title": make.texts("Evening"), "places": 2}
    why = {"outside_opening_hours": "the lab opens for it"}
    service.plan(lab.actor, values, dates(evening), [lab.room.id], NOW, overrides=why)
    assert span(lab.room.id, evening) in held()


def test_an_instructor_plans_for_himself_what_he_teaches(lab: Lab) -> None:
    other = teacher(lab.laser)
    maker = make.make_person()
    with pytest.raises(Forbidden, match="for himself"):
        plan(lab, instructor_id=other.id)
    with pytest.raises(Forbidden, match="what he teaches"):
        plan(lab, certification_ids=[make.make_certification("Saw").id])
    with pytest.raises(Forbidden):
        service.plan(make.make_actor(maker), {"title": {"en": "x"}, "places": 1}, dates(START), [], NOW)
    with pytest.raises(Invalid, match="instructor_id"):
        service.plan(lab.boss, {"title": {"en": "x"}, "places": 1, "instructor_id": maker.id}, dates(START), [], NOW)
    teaching = make.make_certification("Teach it", level=Level.INSTRUCTOR)
    with pytest.raises(Forbidden, match="what he teaches"):
        plan(lab, certification_ids=[teaching.id])
    made = service.plan(
        lab.boss,
        {"title": {"en": "x"}, "places": 1, "instructor_id": other.id, "certification_ids": [teaching.id]},
        dates(START),
        [lab.room.id],
        NOW,
    )
    assert made.instructor_id == other.id
    assert told("training_assigned") == [other.id]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"x": 1}, "x"),
    "no title": ({"title": {"en": " "}}, "title"),
    "strange language": ({"title": {"xx": "a"}}, "title"),
    "long title": ({"title": {"en": "a" * 201}}, "title"),
    "no place": ({"places": 0}, "places"),
    "true is not one": ({"places": True}, "places"),
    "minimum over places": ({"minimum": 4}, "minimum"),
    "negative price": ({"price": -1}, "price"),
    "audience": ({"audience": "martians"}, "audience"),
    "language": ({"language": "xx"}, "language"),
    "certification": ({"certification_ids": [999]}, "certification_ids"),
    "decided too late": ({"decide_at": START + HOUR}, "decide_at"),
}


@pytest.mark.parametrize(("values", "field"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_is_named(lab: Lab, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        plan(lab, **values)
    assert list(refused.value.fields) == [field]
    assert held() == []


@pytest.mark.parametrize(
    "wishes",
    [
        [],
        [DateWish(START, START)],
        [DateWish(START, START + timedelta(hours=25))],
        [DateWish(START + timedelta(days=4000), START + timedelta(days=4000, hours=1))],
        [DateWish(START + n * WEEK, START + n * WEEK + HOUR) for n in range(51)],
    ],
)
def test_dates_that_cannot_be_are_refused(lab: Lab, wishes: list[DateWish]) -> None:
    with pytest.raises(Invalid, match="dates"):
        service.plan(lab.actor, {"title": {"en": "x"}, "places": 1}, wishes, [], NOW)


def test_the_instructor_is_never_in_two_places(lab: Lab) -> None:
    plan(lab)
    with pytest.raises(Denied) as refused:
        service.plan(lab.actor, {"title": {"en": "x"}, "places": 1}, dates(START + HOUR), [], NOW)
    assert codes(refused) == ["instructor_busy"]
    assert "gives another training" in words.sentence(refused.value.denials[0])
    with pytest.raises(Denied) as refused:
        service.plan(lab.actor, {"title": {"en": "x"}, "places": 1}, dates(START + WEEK, START + WEEK + HOUR), [], NOW)
    assert codes(refused) == ["instructor_busy"]
    assert "overlap" in words.sentence(refused.value.denials[0])
    assert service.plan(lab.actor, {"title": {"en": "x"}, "places": 1}, dates(START + 2 * HOUR), [], NOW)


def test_nor_beside_his_bookings_and_where_he_is_booked_along(lab: Lab) -> None:
    values = {"title": {"en": "x"}, "places": 1}
    saw = make.make_machine("Saw")
    booked = make.make_reservation(lab.instructor, [saw], START, START + HOUR)
    with pytest.raises(Denied) as refused:
        service.plan(lab.actor, values, dates(START), [], NOW)
    assert codes(refused) == ["instructor_busy"]
    reservations.cancel(lab.actor, booked.id, NOW)
    along = [Companion(person_id=lab.instructor.id)]
    make.make_reservation(make.make_person(), [saw], START, START + HOUR, companions=along)
    with pytest.raises(Denied) as refused:
        service.plan(lab.actor, values, dates(START), [], NOW)
    assert "has a booking" in words.sentence(refused.value.denials[0])
    office = make.make_machine("Office")
    make.make_reservation(lab.instructor, [office], NOW, NOW + timedelta(days=90), let=Let())
    assert service.plan(lab.actor, values, dates(START + HOUR), [], NOW)


def test_a_room_must_take_all_of_them(lab: Lab) -> None:
    with_seats = make.make_machine("Small room", kind=lab.room.kind, capacity=4)
    values = {"title": {"en": "x"}, "places": 4}
    with pytest.raises(Denied) as refused:
        service.plan(lab.actor, values, dates(START), [with_seats.id], NOW)
    assert codes(refused) == ["over_capacity"]
    assert service.plan(lab.actor, values | {"places": 3}, dates(START), [with_seats.id], NOW)
    why = {"over_capacity": "they stand"}
    assert service.plan(
        lab.boss,
        values | {"instructor_id": lab.instructor.id},
        dates(START + WEEK),
        [with_seats.id],
        NOW,
        overrides=why,
    )


# -- publishing -------------------------------------------------------------------------------------------------------


def test_a_draft_is_seen_by_the_staff_alone_until_it_is_published(lab: Lab) -> None:
    training = plan(lab, publish=False)
    maker = make.make_person()
    for who in (None, make.make_actor(maker)):
        with pytest.raises(NotFound):
            service.get_training(who, training.id)
    with pytest.raises(NotFound):
        enrol(training, maker)
    assert service.get_training(make.make_actor(teacher()), training.id).id == training.id
    service.publish(lab.actor, training.id, NOW)
    assert service.get_training(None, training.id).state is TrainingState.PUBLISHED
    with pytest.raises(Conflict):
        service.publish(lab.actor, training.id, NOW)


def test_only_its_instructor_and_managers_manage_it(lab: Lab) -> None:
    training = plan(lab, publish=False)
    other = make.make_actor(teacher(lab.laser))
    acts: list[Callable[[], object]] = [
        lambda: service.publish(other, training.id, NOW),
        lambda: service.change(other, training.id, NOW, values={"places": 4}),
        lambda: service.cancel(other, training.id, "no", NOW),
        lambda: service.close(other, training.id, NOW),
        lambda: service.sheet(other, training.id),
        lambda: service.mark(other, training.id, [], NOW),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            act()
    assert service.publish(lab.boss, training.id, NOW)


# -- cancelling -------------------------------------------------------------------------------------------------------


def test_cancelling_tells_all_and_frees_everything(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, places=1)
    people = [make.make_person() for _ in range(3)]
    for one in people:
        enrol(training, one)
    service.cancel(lab.actor, training.id, "the laser is broken", NOW)
    assert held() == []
    assert states(training) == ["cancelled"] * 3
    assert sorted(told("training_cancelled")) == sorted([lab.instructor.id, *(one.id for one in people)])
    assert told("reservation_cancelled") == []
    with pytest.raises(Conflict):
        service.cancel(lab.actor, training.id, "again", NOW)
    assert len(told("training_cancelled")) == 4
    assert plan(lab)


def test_a_reason_is_needed_and_what_is_over_is_not_cancelled(lab: Lab) -> None:
    training = plan(lab)
    with pytest.raises(Invalid):
        service.cancel(lab.actor, training.id, "  ", NOW)
    with pytest.raises(Conflict):
        service.cancel(lab.actor, training.id, "late", START + 2 * HOUR)
    service.close(lab.actor, training.id, START + 2 * HOUR)
    with pytest.raises(FablabError):
        service.cancel(lab.actor, training.id, "late", START + 3 * HOUR)


def test_a_draft_is_thrown_away(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, publish=False)
    ident = training.id
    service.cancel(lab.actor, ident, "a trial", NOW)
    assert held() == []
    assert db.session.scalars(select(Training.id)).all() == []
    assert db.session.scalars(select(TrainingDate.id)).all() == []
    assert [one.action for one in audit.history("training", str(ident))] == ["training.discarded", "training.planned"]


def test_the_room_of_a_training_is_not_released_because_nobody_checks_in(lab: Lab) -> None:
    plan(lab)
    mine = make.make_machine("Saw")
    make.make_reservation(make.make_person(), [mine], START, START + 2 * HOUR)
    assert jobs.release_no_shows(START + timedelta(days=1)) == 1
    db.session.rollback()
    kept = db.session.scalars(select(Reservation).where(Reservation.person_id == lab.instructor.id)).one()
    assert (kept.state, kept.started_at) == (ReservationState.BOOKED, START)
    presence.finish_past(START + timedelta(days=1))
    db.session.rollback()
    assert kept.state is ReservationState.FINISHED
