"""A room taken as a whole holds all that stands in it, but mails, calendars and pages name what was asked for."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import calendar_feed, placing, policies, requests, service
from fablab.reservations.asked import asked
from fablab.reservations.models import PolicyLevel, Reservation, ReservationState
from fablab.reservations.wishes import Extras
from fablab.resources.models import Kind, Resource
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import sign_in

HOUR = timedelta(hours=1)
TEN, ELEVEN = NOW + HOUR, NOW + 2 * HOUR
WHOLE = Extras(exclusive=True)


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person(name="Ada")


@pytest.fixture
def hall(app: Flask) -> Resource:
    """A hall with three machines, and a side room with a desk and an advisor."""
    place = make.make_place("Hall")
    side = make.make_place("Side", parent_id=place.id)
    machines = [make.make_machine(f"Machine {number}", place_id=place.id) for number in range(3)]
    found = make.make_machine("The hall", kind=Kind.ROOM, place_id=place.id)
    make.make_machine("Side room", kind=Kind.ROOM, place_id=side.id)
    make.make_machine("A desk", kind=Kind.DESK, place_id=side.id)
    assert all(one.id < found.id for one in machines), "what is held along may come first"
    return found


def whole(person: Person, hall: Resource, *more: Resource) -> Reservation:
    ids = [hall.id, *(one.id for one in more)]
    made = service.book(make.make_actor(person), person.id, ids, TEN, ELEVEN, WHOLE, NOW)
    return db.session.get_one(Reservation, made.id, populate_existing=True)


def test_mails_and_calendars_name_the_room(ada: Person, hall: Resource) -> None:
    made = whole(ada, hall)
    assert len(made.allocations) == 6
    (notice,) = db.session.scalars(select(Notice)).all()
    assert [one["en"] for one in (notice.params or {})["resources"]] == ["The hall"]
    assert [one["en"] for one in calendar_feed.event_of(made).titles] == ["The hall"]


def test_what_was_asked_for_beside_a_room_is_named_too(ada: Person, hall: Resource) -> None:
    advisor = make.make_machine("Advisor", kind=Kind.ADVISOR)
    made = whole(ada, hall, advisor)
    assert [one.name["en"] for one in asked(made)] == ["The hall", "Advisor"]
    assert set(placing.asked_of(made)) == {hall.id, advisor.id}


def test_pages_name_all_that_was_asked_for_and_nothing_else(client: FlaskClient, ada: Person, hall: Resource) -> None:
    made = whole(ada, hall, make.make_machine("Advisor", kind=Kind.ADVISOR))
    sign_in(client, ada, NOW)
    text = page(client, f"/reservations/{made.id}/cancel")
    assert "<b>The hall, Advisor</b>" in text
    assert "Side room" not in text
    assert "Machine 1" in page(client, f"/reservations/{made.id}"), "the page of the booking lists all of it"


def test_many_whole_rooms_are_read_with_one_more_query(
    ada: Person, hall: Resource, count_queries: CountQueries
) -> None:
    for day in range(4):
        begin = TEN + timedelta(days=day)
        service.book(make.make_actor(ada), ada.id, [hall.id], begin, begin + HOUR, WHOLE, NOW)
    person_id = ada.id
    db.session.expire_all()
    count_queries()
    assert len(calendar_feed.own_events(person_id, NOW)) == 4
    assert count_queries() <= 4


def test_a_request_for_a_whole_room_is_accepted_for_what_it_holds(ada: Person, hall: Resource) -> None:
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(hall.id), {"approval": True}, NOW)
    made = whole(ada, hall)
    assert made.state is ReservationState.REQUESTED
    late = make.make_machine("Placed there later", place_id=hall.place_id)
    make.make_reservation(make.make_person(), [late], TEN, ELEVEN)
    staff = make.make_actor(make.make_person(role=Role.MANAGER))
    accepted = requests.accept(staff, made.id, NOW)
    assert late.id not in {one.resource_id for one in accepted.allocations}
    noted = service.change(staff, made.id, NOW, note="with cake", reason="asked by phone")
    assert (noted.note, len(noted.allocations)) == ("with cake", 6)
