"""Requests: they block nobody; accepting one turns down what collides with it; each person is told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, Forbidden, NotFound
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import policies, requests, service
from fablab.reservations.models import PolicyLevel, Reservation, ReservationState
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
TEN = NOW + HOUR
STAFF = system("cli")


@pytest.fixture
def hall(app: Flask) -> Resource:
    """Something that asks for approval."""
    made = make.make_machine("Hall")
    policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(made.id), {"approval": True}, NOW)
    return made


def ask(hall: Resource, starts_at: datetime = TEN, hours: int = 2, who: Person | None = None) -> Reservation:
    person = who or make.make_person()
    end = starts_at + hours * HOUR
    return service.book(make.make_actor(person), person.id, [hall.id], starts_at, end, Extras(), NOW)


def state_of(reservation: Reservation) -> ReservationState:
    return db.session.get_one(Reservation, reservation.id, populate_existing=True).state


def told(reservation: Reservation, kind: str) -> int:
    query = select(func.count()).select_from(Notice).where(Notice.message == kind)
    return db.session.scalar(query.where(Notice.person_id == reservation.person_id)) or 0


def test_a_request_blocks_nobody(hall: Resource) -> None:
    first, second = ask(hall), ask(hall)
    assert {state_of(first), state_of(second)} == {ReservationState.REQUESTED}
    staff = make.make_person(role=Role.MANAGER)
    booked = ask(hall, who=staff)
    assert state_of(booked) is ReservationState.BOOKED
    with pytest.raises(Denied) as refused:
        requests.accept(STAFF, first.id, NOW)
    assert [denial.code for denial in refused.value.denials] == ["slot_taken"]
    assert state_of(first) is ReservationState.REQUESTED


@pytest.mark.parametrize(
    ("begins", "hours", "collides"),
    [(0, 2, True), (1, 1, True), (-1, 2, True), (2, 1, False), (-1, 1, False), (-1, 4, True)],
)
def test_accepting_turns_down_what_collides_and_nothing_else(
    hall: Resource, begins: int, hours: int, collides: bool
) -> None:
    wanted, other = ask(hall), ask(hall, TEN + begins * HOUR, hours)
    requests.accept(STAFF, wanted.id, NOW)
    assert state_of(wanted) is ReservationState.BOOKED
    assert state_of(other) is (ReservationState.REJECTED if collides else ReservationState.REQUESTED)
    assert told(wanted, "reservation_confirmed") == 1
    assert told(other, "reservation_rejected") == int(collides)


def test_an_accepted_request_keeps_its_time_from_others(hall: Resource) -> None:
    requests.accept(STAFF, ask(hall).id, NOW)
    with pytest.raises(Denied) as refused:
        ask(hall)
    assert "slot_taken" in [denial.code for denial in refused.value.denials]


def test_what_is_answered_is_answered_once(hall: Resource) -> None:
    wanted = ask(hall)
    requests.reject(STAFF, wanted.id, "a course comes", NOW)
    found = db.session.get_one(Reservation, wanted.id, populate_existing=True)
    assert (found.state, found.end_reason) == (ReservationState.REJECTED, "a course comes")
    acts: list[Any] = [
        lambda: requests.accept(STAFF, wanted.id, NOW),
        lambda: requests.reject(STAFF, wanted.id, "", NOW),
    ]
    for act in acts:
        with pytest.raises(Conflict):
            act()


def test_only_staff_answer(hall: Resource) -> None:
    wanted = ask(hall)
    person = db.session.get_one(Person, wanted.person_id)
    with pytest.raises(Forbidden):
        requests.accept(make.make_actor(person), wanted.id, NOW)
    with pytest.raises(Forbidden):
        requests.reject(make.make_actor(person), wanted.id, "", NOW)
    with pytest.raises(NotFound):
        requests.accept(STAFF, 999_999, NOW)


def test_an_unanswered_request_ends_when_its_time_comes_once(hall: Resource) -> None:
    wanted = ask(hall)
    assert requests.end_unanswered(TEN - timedelta(seconds=1)) == 0
    assert [requests.end_unanswered(TEN + timedelta(days=1)) for _ in range(2)] == [1, 0]
    assert state_of(wanted) is ReservationState.REJECTED
    assert told(wanted, "reservation_rejected") == 1
