"""The page of a reservation, changing it, the label's page and finding a time; without scripts, on both databases."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.reservations import service
from fablab.reservations.models import Companion, Let, Reservation, ReservationState
from fablab.resources.models import Kind
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
START, END = NOW + HOUR, NOW + 2 * HOUR


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def test_the_page_says_what_when_who_and_what_happened(client: FlaskClient) -> None:
    laser, room = make.make_machine("Laser cutter"), make.make_machine("Room", kind=Kind.ROOM)
    person, friend = make.make_person(name="Ada Lovelace"), make.make_person(name="Charles Babbage")
    staff = make.make_person(name="Grace Hopper", role=Role.MANAGER)
    made = make.make_reservation(
        person,
        [laser, room],
        START,
        END,
        note="a gift",
        party_size=6,
        created_by_id=staff.id,
        on_behalf_reason="asked by phone",
        overrides=[{"code": "too_long", "reason": "a secret of the staff"}],
        companions=[Companion(person_id=friend.id)],
        let=Let(keys="A12", deposit=15000, notice_days=30),
    )
    service.change(make.make_actor(staff), made.id, NOW, starts_at=START + HOUR, ends_at=END + HOUR)
    sign_in(client, person, NOW)
    text = page(client, f"/reservations/{made.id}")
    for words in ("Laser cutter", "Room", "a gift", "6 people", "With Charles Babbage", "booked by Grace Hopper"):
        assert words in text
    for words in ("asked by phone", "Longest time", "A12", "€150.00", "30 days of notice", "Moved from", "For you"):
        assert words in text
    assert "a secret of the staff" not in text
    sign_in(client, friend, NOW)
    text = page(client, f"/reservations/{made.id}")
    assert "Ada Lovelace" in text
    assert "Yes, cancel it" not in text
    sign_in(client, staff, NOW)
    assert "a secret of the staff" in page(client, f"/reservations/{made.id}")
    sign_in(client, make.make_person(), NOW)
    assert client.get(f"/reservations/{made.id}").status_code == 404
    assert client.get(f"/reservations/{made.id}/change").status_code == 404
    assert client.get(f"/reservations/{made.id}/event.ics").status_code == 404


def test_the_page_costs_the_same_however_long_its_history(client: FlaskClient, count_queries: CountQueries) -> None:
    person, staff = make.make_person(), make.make_person(role=Role.MANAGER)
    made = make.make_reservation(person, [make.make_machine()], START, END)
    sign_in(client, person, NOW)
    costs = []
    for times in (1, 1, 6):
        for number in range(times):
            service.change(make.make_actor(staff), made.id, NOW, note=f"{times} and {number}")
        count_queries()
        page(client, f"/reservations/{made.id}")
        costs.append(count_queries())
    assert costs[1] == costs[2]


def test_the_calendar_file(client: FlaskClient) -> None:
    person = make.make_person()
    made = make.make_reservation(person, [make.make_machine("Laser cutter")], START, END)
    sign_in(client, person, NOW)
    answer = client.get(f"/reservations/{made.id}/event.ics")
    assert answer.mimetype == "text/calendar"
    assert "Laser cutter" in answer.get_data(as_text=True)
    assert f"/reservations/{made.id}" in answer.get_data(as_text=True)
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_changing_asks_the_same_rules_and_offers_the_nearest(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    made = make.make_reservation(person, [laser], START, END)
    make.make_reservation(make.make_person(), [laser], END, END + HOUR)
    sign_in(client, person, NOW)
    path = f"/reservations/{made.id}/change"
    assert 'value="10:00"' in page(client, path)
    values = {"day": "2026-03-02", "time": "11:00", "minutes": "60", "note": "later"}
    refused = post(client, path, values)
    text = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert 'data-code="slot_taken"' in text
    assert 'name="slot"' in text
    assert post(client, path, values | {"day": "x"}).status_code == 422
    moved = post(client, path, values | {"time": "13:00"})
    assert moved.location == f"/reservations/{made.id}"
    found = db.session.scalars(select(Reservation).where(Reservation.id == made.id)).one()
    db.session.refresh(found)
    assert (found.starts_at, found.note) == (START + 3 * HOUR, "later")


def test_an_offer_is_taken_or_declined(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    until = {"state": ReservationState.HELD, "held_until": NOW + HOUR}
    made = make.make_reservation(person, [laser], START, END, **until)
    other = make.make_reservation(person, [laser], END, END + HOUR, **until)
    sign_in(client, person, NOW)
    assert "This time is held for you" in page(client, f"/reservations/{made.id}")
    assert "Take it or decline" in page(client, "/reservations")
    post(client, f"/reservations/{made.id}/accept-offer", page="/reservations")
    post(client, f"/reservations/{other.id}/decline-offer", page="/reservations")
    db.session.expire_all()
    states = [db.session.get_one(Reservation, one.id).state for one in (made, other)]
    assert states == [ReservationState.BOOKED, ReservationState.EXPIRED]
    again = post(client, f"/reservations/{other.id}/accept-offer", page="/reservations")
    assert "This offer is not open any more." in page(client, again.location)


def test_a_label_shows_the_next_times_and_asks_once(client: FlaskClient) -> None:
    laser, person = make.make_machine("Laser cutter"), make.make_person()
    make.make_reservation(make.make_person(), [laser], NOW + 2 * HOUR, NOW + 3 * HOUR)
    text = client.get(f"/l/{laser.id}", headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert "Sign in to book it" in text
    assert f"/sign-in?next=/l/{laser.id}" in text
    sign_in(client, person, NOW)
    text = page(client, f"/l/{laser.id}")
    assert "Free until 11:00" in text
    assert "30 minutes" in text
    slot = f"{NOW.isoformat()} {(NOW + HOUR).isoformat()}"
    assert "Book it for this time?" in client.get(f"/l/{laser.id}", query_string={"slot": slot}).get_data(as_text=True)
    assert db.session.scalar(select(Reservation).where(Reservation.person_id == person.id)) is None
    answer = post(client, f"/resources/{laser.id}/book", {"slot": slot}, page=f"/l/{laser.id}")
    assert answer.status_code == 303
    assert "Free until" not in page(client, f"/l/{laser.id}")
    assert client.get("/l/999").status_code == 404


def test_a_label_says_why_nothing_can_be_booked(client: FlaskClient) -> None:
    laser = make.make_machine()
    make.require_certification(laser, make.make_certification("Laser basics"))
    sign_in(client, make.make_person(), NOW)
    text = page(client, f"/l/{laser.id}")
    assert 'data-code="not_certified"' in text
    assert "Laser basics" in text


def test_a_time_is_found_across_resources(client: FlaskClient) -> None:
    left, right = make.make_machine("Printer left"), make.make_machine("Printer right")
    make.make_reservation(make.make_person(), [left], NOW, NOW + 2 * HOUR)
    sign_in(client, make.make_person(), NOW)
    assert "time found" not in page(client, "/find")
    text = page(client, "/find?what=kind:machine&minutes=60&within=today")
    assert "times found" in text
    assert f'action="/resources/{right.id}/book"' in text
    assert page(client, f"/find?what=resource:{left.id}&minutes=60&within=week").count('class="card choice"') > 1
    with transaction():
        left.retired_at = right.retired_at = NOW
    assert "choose from the list" in page(client, "/find?what=kind:machine&minutes=60&within=today")


@pytest.mark.parametrize("query", ["what=group:9", "what=kind:x&minutes=a", "what=x&within=y", "what=resource:9"])
def test_a_question_that_makes_no_sense_is_explained(client: FlaskClient, query: str) -> None:
    make.make_machine()
    sign_in(client, make.make_person(), NOW)
    assert "Please choose" in page(client, f"/find?{query}")
