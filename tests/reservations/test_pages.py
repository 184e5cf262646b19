"""Booking as people do it, without scripts."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.reservations.models import Reservation, ReservationState
from fablab.resources.models import Resource, ServiceState
from tests import factories as make
from tests.factories import NOW
from tests.web_helpers import post, sign_in

START, END = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def test_the_form_holds_the_next_free_time(client: FlaskClient) -> None:
    laser = make.make_machine()
    make.make_reservation(make.make_person(), [laser], NOW, START)
    sign_in(client, make.make_person(), NOW)
    text = page(client, f"/resources/{laser.id}/book")
    assert 'value="2026-03-02"' in text
    assert 'value="10:00"' in text
    assert "you may book it" in text


def test_it_books_and_shows_it_among_ones_own(client: FlaskClient) -> None:
    laser, person = make.make_machine("Laser cutter"), make.make_person()
    sign_in(client, person, NOW)
    path = f"/resources/{laser.id}/book"
    answer = post(client, path, {"day": "2026-03-02", "time": "10:00", "minutes": "60", "note": "gift"})
    made = db.session.scalars(select(Reservation)).one()
    assert (answer.status_code, answer.location) == (303, f"/reservations/{made.id}")
    assert "Booked: Laser cutter" in page(client, answer.location)
    text = page(client, "/reservations")
    assert "Laser cutter" in text
    assert "gift" in text


def test_a_refusal_names_every_reason_and_offers_the_nearest(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    make.make_reservation(make.make_person(), [laser], START, END)
    sign_in(client, person, NOW)
    path = f"/resources/{laser.id}/book"
    answer = post(client, path, {"day": "2026-03-02", "time": "10:00", "minutes": "60"})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert 'data-code="slot_taken"' in text
    assert 'name="slot" value="2026-03-02T08:00:00+00:00 2026-03-02T09:00:00+00:00"' in text
    taken = post(client, path, {"slot": "2026-03-02T08:00:00+00:00 2026-03-02T09:00:00+00:00"})
    assert taken.status_code == 303
    assert "2 reasons" not in page(client, f"{path}/check?day=2026-03-02&time=10:00&minutes=60")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"day": "2026-03-29", "time": "02:30"}, "does not exist"),
        ({"day": "2026-10-25", "time": "02:30"}, "comes twice"),
        ({"day": "2026-02-30", "time": "10:00"}, "choose a day"),
        ({"day": "2026-03-02", "time": "25:00"}, "choose a time"),
        ({"day": "2026-03-02", "time": ""}, "choose a time"),
        ({"day": "9999-12-31", "time": "23:59"}, "too far away"),
        ({"day": "0001-01-01", "time": "00:00"}, "too far away"),
        ({"day": "2026-03-02", "time": "10:00", "minutes": "x"}, "how long"),
        ({"day": "2026-03-02", "time": "10:00", "minutes": "99999999999"}, "how long"),
        ({"slot": "soon later"}, "choose a time"),
    ],
)
def test_times_that_make_no_sense_are_explained(client: FlaskClient, values: dict[str, object], words: str) -> None:
    laser = make.make_machine()
    sign_in(client, make.make_person(), NOW)
    answer = post(client, f"/resources/{laser.id}/book", {"minutes": "60"} | values)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_only_ones_own_can_be_cancelled(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    made = make.make_reservation(person, [laser], START, END)
    other = make.make_reservation(make.make_person(), [laser], END, END + timedelta(hours=1))
    sign_in(client, person, NOW)
    assert "Cancel this booking?" in page(client, f"/reservations/{made.id}/cancel")
    assert post(client, f"/reservations/{made.id}/cancel", page="/reservations").status_code == 303
    assert db.session.get_one(Reservation, made.id).state is ReservationState.CANCELLED
    assert post(client, f"/reservations/{other.id}/cancel", page="/reservations").status_code == 404


def test_the_machine_page_names_others_to_staff_only(client: FlaskClient) -> None:
    laser, ada = make.make_machine("Laser cutter"), make.make_person(name="Ada Lovelace")
    certification = make.make_certification("Laser basics")
    make.require_certification(laser, certification)
    make.make_reservation(ada, [laser], START, END, note="secret gift")
    sign_in(client, make.make_person(), NOW)
    text = page(client, f"/resources/{laser.id}")
    assert "Laser basics" in text
    assert "not a safety device" in text
    assert "Ada Lovelace" not in text
    assert "secret gift" not in text
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    assert "Ada Lovelace" in page(client, f"/resources/{laser.id}")


def test_staff_close_and_reopen_a_machine(client: FlaskClient) -> None:
    laser = make.make_machine("Laser cutter")
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    home = f"/resources/{laser.id}"
    post(client, f"{home}/out-of-service", {"note": "lens broken"}, page=home)
    assert "lens broken" in page(client, home)
    db.session.refresh(laser)
    assert laser.service_state.value == "out_of_service"
    post(client, f"{home}/in-service", page=home)
    db.session.expire_all()
    back = db.session.get_one(Resource, laser.id)
    assert back.service_state is ServiceState.IN_SERVICE


def test_the_list_shows_everything_and_the_label_leads_to_the_page(client: FlaskClient) -> None:
    laser = make.make_machine("Laser cutter", place_id=make.make_place().id)
    make.make_machine("Mill", service_state=ServiceState.OUT_OF_SERVICE, service_note="spindle")
    sign_in(client, make.make_person(), NOW)
    text = page(client, "/resources")
    assert "Laser cutter" in text
    assert "spindle" in text
    assert "Mill" not in page(client, "/resources?q=laser&kind=machine&state=in_service")
    assert client.get(f"/resources/{laser.id}/qr.svg").mimetype == "image/svg+xml"
