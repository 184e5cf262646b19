"""Changing trainings: other dates, another room, another instructor; all of it or nothing, and who is in it is told."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid
from fablab.reservations import service as reservations
from fablab.reservations import waiting
from fablab.reservations.models import Reservation, ReservationState
from fablab.training import service
from fablab.training.models import TrainingDate
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


def test_a_series_moves_by_a_week_though_it_is_in_its_own_way(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    person = make.make_person()
    enrol(training, person)
    moved = service.change(lab.actor, training.id, NOW, dates=dates(START + WEEK, START + 2 * WEEK), reason="ill")
    assert [one.starts_at for one in moved.dates] == [START + WEEK, START + 2 * WEEK]
    assert {one[1] for one in held()} == {START + WEEK, START + 2 * WEEK}
    assert len(held()) == 4
    assert moved.sequence > training.sequence - 1
    assert told("training_changed") == [person.id]


def test_dates_come_and_go(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    first, second = training.dates
    person = make.make_person()
    enrol(training, person)
    wanted = [DateWish(START + HOUR, START + 3 * HOUR, first.id), *dates(START + 2 * WEEK, START + 3 * WEEK)]
    keeps = first.id
    service.change(lab.actor, training.id, NOW, dates=wanted)
    found = service.get_training(None, training.id)
    assert [one.starts_at for one in found.dates] == [START + HOUR, START + 2 * WEEK, START + 3 * WEEK]
    assert found.dates[0].id == keeps
    assert len(held()) == 6
    service.change(lab.actor, training.id, NOW, dates=[DateWish(START + HOUR, START + 3 * HOUR, keeps)])
    assert len(held()) == 2
    assert db.session.scalars(select(TrainingDate.id)).all() == [keeps]
    assert told("training_changed") == [person.id] * 2
    assert second.id != keeps


def test_a_change_that_cannot_be_changes_nothing(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    make.make_reservation(make.make_person(), [lab.room], START + 3 * WEEK, START + 3 * WEEK + HOUR)
    before = held()
    with pytest.raises(Denied) as refused:
        service.change(lab.actor, training.id, NOW, dates=dates(START + HOUR, START + 3 * WEEK))
    assert codes(refused) == ["slot_taken"]
    assert held() == before
    assert [one.starts_at for one in service.get_training(None, training.id).dates] == [START, START + WEEK]


def test_what_has_begun_stays(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    now = START + HOUR
    with pytest.raises(Conflict, match="has begun"):
        service.change(lab.actor, training.id, now, dates=dates(START + WEEK))
    first = training.dates[0]
    wanted = [DateWish(first.starts_at, first.ends_at, first.id), *dates(START + 2 * WEEK)]
    service.change(lab.actor, training.id, now, dates=wanted)
    assert {one[1] for one in held()} == {START, START + 2 * WEEK}
    with pytest.raises(Denied) as refused:
        service.change(lab.actor, training.id, now, dates=[wanted[0], *dates(START - HOUR, hours=1)])
    assert "in_past" in codes(refused)


def test_another_room_and_more_places(lab: Lab) -> None:
    training = plan(lab, places=1)
    first, second = make.make_person(), make.make_person()
    enrol(training, first)
    enrol(training, second)
    hall = make.make_machine("Hall", kind=lab.room.kind)
    service.change(lab.actor, training.id, NOW, values={"places": 2}, resource_ids=[hall.id])
    assert held() == [span(hall.id, START)]
    assert states(training) == ["enrolled", "offered"]
    assert told("training_offered") == [second.id]
    assert sorted(told("training_changed")) == [first.id, second.id]
    with pytest.raises(Invalid, match="places"):
        service.change(lab.actor, training.id, NOW, values={"places": 1})


def test_more_places_tell_nobody_who_has_one(lab: Lab) -> None:
    training = plan(lab)
    enrol(training)
    service.change(lab.actor, training.id, NOW, values={"places": 5, "price": 1500})
    assert told("training_changed") == []


def test_somebody_else_gives_it(lab: Lab) -> None:
    training = plan(lab)
    person = make.make_person()
    enrol(training, person)
    other = teacher(lab.laser)
    with pytest.raises(Forbidden):
        service.change(lab.actor, training.id, NOW, values={"instructor_id": other.id})
    service.change(lab.boss, training.id, NOW, values={"instructor_id": other.id})
    assert (told("training_assigned"), told("training_released")) == ([other.id], [lab.instructor.id])
    assert told("training_changed") == [person.id]
    live = db.session.scalars(select(Reservation).where(Reservation.state == ReservationState.BOOKED)).all()
    assert [one.person_id for one in live] == [other.id]
    busy = make.make_person(role=Role.INSTRUCTOR)
    make.make_reservation(busy, [make.make_machine()], START, START + HOUR)
    with pytest.raises(Denied) as refused:
        service.change(lab.boss, training.id, NOW, values={"instructor_id": busy.id})
    assert codes(refused) == ["instructor_busy"]


def test_who_waits_for_the_room_does_not_get_it_in_between(lab: Lab) -> None:
    training = plan(lab)
    waits = make.make_person()
    waiting.join(make.make_actor(waits), waits.id, lab.machine.id, START, START + HOUR, 60, NOW)
    other = teacher(lab.laser)
    kept = training.dates[0].reservation_id
    service.change(lab.boss, training.id, NOW, values={"instructor_id": other.id})
    found = service.get_training(None, training.id).dates[0]
    assert found.reservation is not None
    assert (found.reservation_id, found.reservation.person_id) == (kept, other.id)
    assert found.reservation.state is ReservationState.BOOKED
    uncertified = make.make_person(role=Role.INSTRUCTOR)
    make.require_certification(lab.machine, lab.laser)
    with pytest.raises(Denied) as refused:
        service.change(lab.boss, training.id, NOW, values={"instructor_id": uncertified.id})
    assert codes(refused) == ["not_certified"]
    make.make_grant(waits, lab.laser)
    service.cancel(lab.boss, training.id, "ill", NOW)
    assert [one for one in held() if one[0] == lab.machine.id] == [(lab.machine.id, START, START + HOUR)]


def test_a_room_that_somebody_gave_back_is_held_again_by_the_next_change(lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    lost = training.dates[0].reservation_id
    assert lost is not None
    reservations.cancel(lab.boss, lost, NOW, "by mistake")
    assert len(held()) == 2
    service.change(lab.actor, training.id, NOW, values={"price": 100})
    assert len(held()) == 4


def test_a_plan_holds_a_room_as_a_whole(lab: Lab) -> None:
    place = make.make_place()
    hall = make.make_machine("Hall", kind=lab.room.kind, place_id=place.id)
    saw = make.make_machine("Saw", place_id=place.id)
    values = {"title": {"en": "x"}, "places": 1}
    made = service.plan(lab.actor, values, dates(START), [hall.id], NOW, exclusive=True)
    assert held() == [span(hall.id, START), span(saw.id, START)]
    service.change(lab.actor, made.id, NOW, dates=dates(START + WEEK))
    assert held() == [span(hall.id, START + WEEK), span(saw.id, START + WEEK)]


def test_a_date_does_not_move_into_the_past(lab: Lab) -> None:
    training = plan(lab)
    with pytest.raises(Denied) as refused:
        service.change(lab.actor, training.id, NOW + 4 * HOUR, dates=dates(NOW))
    assert set(codes(refused)) == {"in_past"}
    assert service.get_training(None, training.id).starts_at == START
