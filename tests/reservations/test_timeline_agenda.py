"""The agenda and the day sheet: what they hold, who sees them, how many questions they ask the database."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.reservations.agenda import agenda
from fablab.reservations.day_sheet import day_sheet
from fablab.reservations.models import (
    Allocation,
    Companion,
    Let,
    Reservation,
    ReservationState,
    WaitingEntry,
    WaitingState,
)
from fablab.resources.models import Closure, Resource
from tests import factories as make
from tests.factories import NOW
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def request_for(person_id: int, laser: Resource, begin: timedelta = HOUR) -> Reservation:
    asked = Allocation(resource_id=laser.id, starts_at=NOW + begin, ends_at=NOW + begin + HOUR, live=False)
    times = {"starts_at": NOW + begin, "ends_at": NOW + begin + HOUR, "state": ReservationState.REQUESTED}
    return make.save(Reservation(person_id=person_id, created_at=NOW, allocations=[asked], **times))


def wait_for(person_id: int, laser: Resource) -> WaitingEntry:
    times = {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR, "created_at": NOW, "state": WaitingState.WAITING}
    return make.save(WaitingEntry(person_id=person_id, resource_id=laser.id, minutes=60, **times))


def test_the_agenda_sorts_what_comes_waits_and_is_past(app: Flask) -> None:
    laser, mill, ada, bob = make.make_machine(), make.make_machine(), make.make_person(), make.make_person()
    held = make.make_reservation(
        ada, [laser], NOW + HOUR, NOW + 2 * HOUR, state=ReservationState.HELD, held_until=NOW + HOUR
    )
    runs = make.make_reservation(ada, [mill], NOW - 30 * HOUR, NOW + HOUR)
    asked = request_for(ada.id, mill, 3 * HOUR)
    late = make.make_reservation(ada, [laser], NOW + 30 * HOUR, NOW + 31 * HOUR)
    with_bob = make.make_reservation(bob, [mill], NOW + 26 * HOUR, NOW + 27 * HOUR)
    make.save(Companion(reservation_id=with_bob.id, person_id=ada.id))
    make.make_reservation(bob, [laser], NOW + 40 * HOUR, NOW + 41 * HOUR)
    over = make.make_reservation(ada, [laser], NOW - 3 * HOUR, NOW - 2 * HOUR, state=ReservationState.FINISHED)
    wait_for(bob.id, laser)
    wait_for(ada.id, laser)
    found = agenda(make.make_actor(ada), NOW)
    assert [one.reservation.id for one in found.offers] == [held.id]
    shown = [[one.reservation.id for one in items] for _day, items in found.days]
    assert shown == [[runs.id, asked.id], [with_bob.id, late.id]]
    assert [day for day, _items in found.days] == [TODAY, TODAY + timedelta(1)]
    assert [one.id for one in found.past] == [over.id]
    assert [one.position for one in found.lines] == [2]
    (along,) = [one for _day, items in found.days for one in items if not one.own]
    assert (along.reservation.id, along.acts) == (with_bob.id, frozenset())


def test_the_agenda_asks_a_constant_number_of_questions(app: Flask, count_queries: Callable[[], int]) -> None:
    laser, ada = make.make_machine(place_id=make.make_place().id), make.make_person()
    actor = make.make_actor(ada)

    def asked() -> int:
        db.session.expire_all()
        db.session.get(type(ada), ada.id)
        count_queries()
        agenda(actor, NOW)
        return count_queries()

    def book(number: int) -> None:
        made = make.make_reservation(ada, [laser], NOW + number * HOUR, NOW + (number + 1) * HOUR)
        make.save(Companion(reservation_id=made.id, person_id=make.make_person().id))

    book(1)
    make.make_reservation(ada, [laser], NOW - 2 * HOUR, NOW - HOUR)
    wait_for(ada.id, laser)
    few = asked()
    for number in range(2, 9):
        book(number)
        make.make_reservation(ada, [laser], NOW - 2 * (number + 1) * HOUR, NOW - (2 * number + 1) * HOUR)
    assert asked() == few <= 14


def test_offers_are_answered_from_the_agenda(app: Flask, client: FlaskClient) -> None:
    laser, ada = make.make_machine("Laser cutter"), make.make_person()
    until = {"state": ReservationState.HELD, "held_until": NOW + HOUR}
    held = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR, **until)
    sign_in(client, ada, NOW)
    text = page(client, "/agenda")
    assert "Offered to you: Laser cutter" in text
    assert "Offered to you: Laser cutter" in page(client, "/reservations")
    post(client, f"/reservations/{held.id}/accept-offer", page="/agenda")
    db.session.expire_all()
    assert db.session.get_one(Reservation, held.id).state is ReservationState.BOOKED


def test_an_empty_agenda_says_what_to_do(app: Flask, client: FlaskClient) -> None:
    sign_in(client, make.make_person(), NOW)
    for path in ("/agenda", "/reservations"):
        text = page(client, path)
        assert "No bookings ahead" in text
        assert "Subscribe to my bookings" in text


def test_the_day_sheet_is_for_staff(client: FlaskClient) -> None:
    sign_in(client, make.make_person(), NOW)
    assert client.get("/day").status_code == 403
    assert "/day" not in page(client, "/agenda")
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    assert "Nothing booked that day" in page(client, "/day?day=nonsense")
    assert client.get("/day?day=0001-01-01").status_code == 200


def test_the_day_sheet_names_people_risks_closures_requests_and_lets(client: FlaskClient) -> None:
    laser, office, mill = make.make_machine("Laser cutter"), make.make_machine("Office 3"), make.make_machine("Mill")
    certification = make.make_certification("Laser basics")
    make.require_certification(laser, certification)
    ada, bob = make.make_person(name="Ada Lovelace"), make.make_person(name="Bob Kahn")
    make.make_grant(ada, certification, valid_until=NOW + timedelta(hours=1, minutes=30))
    make.make_grant(bob, certification)
    made = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR, note="lamp", party_size=3)
    make.save(Companion(reservation_id=made.id, person_id=bob.id))
    make.make_reservation(bob, [laser], NOW + 3 * HOUR, NOW + 4 * HOUR)
    let = make.make_reservation(bob, [office], NOW - timedelta(days=60), NOW + timedelta(days=5))
    make.save(Let(reservation_id=let.id, keys="key 12", deposit=5000, notice_days=30))
    request_for(ada.id, mill)
    shut = {"starts_at": NOW, "ends_at": NOW + HOUR, "created_at": NOW}
    make.save(Closure(resource_id=mill.id, reason=make.texts("New spindle"), **shut))
    make.make_machine("Idle printer")
    found = day_sheet(TODAY)
    assert [block.resource.id for block in found.blocks] == [laser.id, office.id, mill.id]
    assert [[one.code for one in line.risks] for line in found.blocks[0].lines] == [["certification_expired"], []]
    assert (found.bookings, found.at_risk, [one.id for one in found.lets]) == (3, 1, [let.id])
    sign_in(client, make.make_person(role=Role.MANAGER), NOW)
    text = page(client, "/day")
    for words in (
        "Ada Lovelace",
        "lamp",
        "Bob Kahn",
        "expired on",
        "New spindle",
        "key 12",
        "Requests",
        "Idle printer",
    ):
        assert words in text
    assert "Ada Lovelace" not in page(client, f"/day?day={TODAY + timedelta(1)}")


def test_the_day_sheet_asks_a_constant_number_of_questions(app: Flask, count_queries: Callable[[], int]) -> None:
    certification = make.make_certification()

    def fill(number: int) -> None:
        laser, person = make.make_machine(place_id=make.make_place().id), make.make_person()
        make.require_certification(laser, certification)
        made = make.make_reservation(person, [laser], NOW + HOUR, NOW + 2 * HOUR)
        make.save(Companion(reservation_id=made.id, person_id=make.make_person().id))
        request_for(person.id, laser)
        let = make.make_reservation(person, [laser], NOW + 3 * HOUR, NOW + (20 + number) * HOUR)
        make.save(Let(reservation_id=let.id))

    def asked() -> int:
        db.session.expire_all()
        count_queries()
        day_sheet(TODAY)
        return count_queries()

    fill(0)
    few = asked()
    for number in range(1, 6):
        fill(number)
    assert asked() == few <= 16
