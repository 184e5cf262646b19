"""Another machine or room for a booking: chosen in the form, as it is dragged on the timeline."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.db import db
from fablab.reservations import service
from fablab.reservations.models import Reservation
from fablab.reservations.wishes import Extras
from fablab.resources.models import Kind, ServiceState
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
TEN, ELEVEN = NOW + HOUR, NOW + 2 * HOUR
AS_IT_IS = {"day": "2026-03-02", "time": "10:00", "minutes": "60", "party_size": "1"}


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def held(made: Reservation) -> set[int]:
    return {one.resource_id for one in db.session.get_one(Reservation, made.id, populate_existing=True).allocations}


def test_a_machine_is_exchanged_for_another_of_its_kind(client: FlaskClient) -> None:
    laser, other, person = make.make_machine("Laser"), make.make_machine("Other laser"), make.make_person()
    make.make_machine("A room", kind=Kind.ROOM)
    make.make_machine("Broken laser", service_state=ServiceState.OUT_OF_SERVICE)
    made = make.make_reservation(person, [laser], TEN, ELEVEN)
    sign_in(client, person, NOW)
    path = f"/reservations/{made.id}/change"
    text = page(client, path)
    assert f'name="instead-{laser.id}"' in text
    assert f'<option value="{other.id}">Other laser</option>' in text
    assert "A room" not in text
    assert "Broken laser" not in text
    assert post(client, path, AS_IT_IS | {f"instead-{laser.id}": str(other.id)}).status_code == 303
    assert held(made) == {other.id}


def test_the_other_one_is_asked_whether_it_is_free(client: FlaskClient) -> None:
    laser, other, person = make.make_machine("Laser"), make.make_machine("Other laser"), make.make_person()
    made = make.make_reservation(person, [laser], TEN, ELEVEN)
    make.make_reservation(make.make_person(), [other], TEN, ELEVEN)
    sign_in(client, person, NOW)
    path = f"/reservations/{made.id}/change"
    refused = post(client, path, AS_IT_IS | {f"instead-{laser.id}": str(other.id)})
    text = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert 'data-code="slot_taken"' in text
    assert f'<option value="{other.id}" selected>' in text
    slot = text.split('name="slot" value="')[1].split('"')[0]
    assert post(client, path, AS_IT_IS | {f"instead-{laser.id}": str(other.id), "slot": slot}).status_code == 303
    assert held(made) == {other.id}


@pytest.mark.parametrize("chosen", ["999", "x", "the room"])
def test_nothing_else_can_be_chosen(client: FlaskClient, chosen: str) -> None:
    laser, _other, person = make.make_machine("Laser"), make.make_machine("Other laser"), make.make_person()
    room = make.make_machine("A room", kind=Kind.ROOM)
    made = make.make_reservation(person, [laser], TEN, ELEVEN)
    sign_in(client, person, NOW)
    value = str(room.id) if chosen == "the room" else chosen
    answer = post(client, f"/reservations/{made.id}/change", AS_IT_IS | {f"instead-{laser.id}": value})
    assert answer.status_code == 422
    assert "Please choose from the list." in answer.get_data(as_text=True)
    assert held(made) == {laser.id}


def test_of_several_each_is_exchanged_by_itself_and_none_is_lost(client: FlaskClient) -> None:
    first, second, third = (make.make_machine(f"Printer {number}") for number in range(3))
    person = make.make_person()
    made = make.make_reservation(person, [first, second], TEN, ELEVEN)
    sign_in(client, person, NOW)
    path = f"/reservations/{made.id}/change"
    assert "Instead of Printer 1" in page(client, path)
    both = {f"instead-{first.id}": str(third.id), f"instead-{second.id}": str(third.id)}
    twice = post(client, path, AS_IT_IS | both)
    assert twice.status_code == 422
    assert "only once" in twice.get_data(as_text=True)
    assert post(client, path, AS_IT_IS | {f"instead-{second.id}": str(third.id)}).status_code == 303
    assert held(made) == {first.id, third.id}


def test_a_whole_room_is_exchanged_with_what_stands_in_it(client: FlaskClient) -> None:
    rooms, inside = [], []
    for number in range(2):
        place = make.make_place(f"Place {number}")
        rooms.append(make.make_machine(f"Room {number}", kind=Kind.ROOM, place_id=place.id))
        inside.append(make.make_machine(f"Saw {number}", place_id=place.id))
    person = make.make_person()
    made = service.book(make.make_actor(person), person.id, [rooms[0].id], TEN, ELEVEN, Extras(exclusive=True), NOW)
    sign_in(client, person, NOW)
    path = f"/reservations/{made.id}/change"
    assert "instead-" + str(inside[0].id) not in page(client, path)
    assert post(client, path, AS_IT_IS | {f"instead-{rooms[0].id}": str(rooms[1].id)}).status_code == 303
    assert held(made) == {rooms[1].id, inside[1].id}
