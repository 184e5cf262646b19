"""The waiting list over REST and its page: standing in line, leaving it, accepting and declining an offer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fablab.core import clock, words
from fablab.core.actor import Role, system
from fablab.core.db import db, transaction
from fablab.people import tokens
from fablab.people.models import Person
from fablab.reservations import waiting
from fablab.reservations.models import Reservation, ReservationState
from fablab.resources.models import Resource
from tests import factories as make
from tests.web_helpers import sign_in


def next_open_day() -> datetime:
    """Nine o'clock (UTC) of a day some days ahead on which the lab is open."""
    day = (clock.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    return day + timedelta(days=day.weekday() == 6)


def bearer(person: Person) -> dict[str, str]:
    secret = tokens.create(system("cli"), person.id, "test", ["book"], None, clock.now())[1]
    return {"Authorization": f"Bearer {secret}"}


def person(**over: object) -> Person:
    return make.make_person(member_until=None, **over)


@pytest.fixture
def taken(app: Flask) -> tuple[Resource, Reservation, dict[str, str]]:
    """A machine, somebody's booking of it, and the body of a wish for the same time."""
    laser, start = make.make_machine(), next_open_day()
    booked = make.make_reservation(person(), [laser], start, start + timedelta(hours=2))
    body = {"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
    return laser, booked, body


def answer_of(response: TestResponse, status: int = 200) -> Any:
    """The JSON of an answer, which must have this status."""
    assert response.status_code == status, response.text
    return response.json


def give_back(booked: Reservation) -> Reservation:
    """Frees the time of a reservation; returns the offer that came of it."""
    with transaction():
        row = db.session.get_one(Reservation, booked.id)
        row.state = ReservationState.CANCELLED
        for one in row.allocations:
            one.live = False
        (offer,) = waiting.freed([one.resource_id for one in row.allocations], row.starts_at, row.ends_at, clock.now())
    return offer


def test_join_list_and_leave(client: FlaskClient, taken: tuple[Resource, Reservation, dict[str, str]]) -> None:
    laser, _, body = taken
    url = f"/api/v1/resources/{laser.id}/waitlist"
    ada, bob, staff = person(), person(), person(role=Role.INSTRUCTOR)
    headers = bearer(ada)
    made = answer_of(client.post(url, json=body, headers=headers), 201)
    assert (made["position"], made["minutes"], made["state"]) == (1, 120, "waiting")
    assert client.post(url, json=body, headers=headers).status_code == 409
    second = answer_of(client.post(url, json=body | {"minutes": 30}, headers=bearer(bob)), 201)
    assert second["position"] == 2
    seen = answer_of(client.get(url, headers=headers))
    assert ([one["id"] for one in seen["items"]], seen["waiting"]) == ([made["id"]], 2)
    assert len(answer_of(client.get(url, headers=bearer(staff)))["items"]) == 2
    assert client.delete(f"{url}?entry_id={second['id']}", headers=headers).status_code == 404
    assert client.delete(url, headers=headers).status_code == 204
    assert client.delete(url, headers=headers).status_code == 404
    assert answer_of(client.get(url, headers=headers))["waiting"] == 1


def test_what_is_wrong_is_named(client: FlaskClient, taken: tuple[Resource, Reservation, dict[str, str]]) -> None:
    laser, _, body = taken
    url, headers = f"/api/v1/resources/{laser.id}/waitlist", bearer(person())
    assert client.post(url, json=body | {"end": body["start"]}, headers=headers).status_code == 422
    assert client.post(url, json=body | {"minutes": 500}, headers=headers).status_code == 422
    assert client.post(url, json=body | {"person_id": "1"}, headers=headers).status_code == 403
    assert client.post("/api/v1/resources/999/waitlist", json=body, headers=headers).status_code == 404
    make.require_certification(laser, make.make_certification())
    refused = answer_of(client.post(url, json=body, headers=headers), 409)
    assert [one["code"] for one in refused["denials"]] == ["not_certified"]


@pytest.mark.parametrize(("answer", "state"), [("accept-offer", "booked"), ("decline-offer", "expired")])
def test_an_offer_is_answered_over_rest(
    client: FlaskClient, taken: tuple[Resource, Reservation, dict[str, str]], answer: str, state: str
) -> None:
    laser, booked, body = taken
    ada = person()
    headers = bearer(ada)
    client.post(f"/api/v1/resources/{laser.id}/waitlist", json=body, headers=headers)
    offer = give_back(booked)
    entry = answer_of(client.get(f"/api/v1/resources/{laser.id}/waitlist", headers=headers))["items"][0]
    assert (entry["state"], entry["reservation_id"], entry["position"]) == ("offered", str(offer.id), None)
    url = f"/api/v1/reservations/{offer.id}/{answer}"
    assert client.get(url, headers=headers).status_code == 405
    assert client.post(url, headers=bearer(person())).status_code == 404
    assert answer_of(client.post(url, headers=headers))["state"] == state
    assert client.post(url, headers=headers).status_code == 409


def test_the_page_joins_shows_the_place_and_leaves(
    client: FlaskClient, taken: tuple[Resource, Reservation, dict[str, str]]
) -> None:
    laser, booked, _ = taken
    ada = person()
    browser = sign_in(client, ada)
    url = f"/resources/{laser.id}/waiting"
    start = booked.starts_at.astimezone(words.config().lab.zone)
    slot = f"{booked.starts_at.isoformat()} {booked.ends_at.isoformat()}"
    shown = browser.get(url, query_string={"slot": slot})
    assert shown.status_code == 200
    assert f'value="{start.date().isoformat()}"' in shown.text
    form = {"day": start.date().isoformat(), "time": "", "minutes": "60", "last_day": ""}
    token = _token(shown.text)
    made = browser.post(url, data=form | {"csrf_token": token})
    assert made.status_code == 409, "a free time somewhere else that day"
    local = booked.starts_at.astimezone(words.config().lab.zone)
    form = {"day": local.date().isoformat(), "time": f"{local:%H:%M}", "minutes": "120", "csrf_token": token}
    assert browser.post(url, data=form).status_code == 303
    page = browser.get(url).text
    assert "Next in line" in page
    wrong = browser.post(url, data=form | {"day": "soon"})
    assert wrong.status_code == 422
    entry = waiting.mine(ada.id)[0].entry
    assert browser.post(f"{url}/{entry.id}/leave", data={"csrf_token": token}).status_code == 303
    assert waiting.mine(ada.id) == []


def _token(text: str) -> str:
    return text.split('name="csrf_token" value="')[1].split('"')[0]
