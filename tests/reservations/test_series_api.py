"""Series over REST and on their pages: booked, shown, changed, cancelled, a skipped date added."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import words
from fablab.core.actor import Role
from tests import factories as make
from tests.reservations.test_waiting_api import answer_of, bearer, next_open_day, person
from tests.web_helpers import sign_in

WEEK, HOUR = timedelta(weeks=1), timedelta(hours=1)


class Course:
    """A person, a machine, and the body that books it six times, once in conflict with somebody else."""

    def __init__(self) -> None:
        self.ada, self.laser, self.start = person(name="Ada"), make.make_machine("Laser cutter"), next_open_day()
        self.headers = bearer(self.ada)
        taken = self.start + WEEK
        self.other = make.make_reservation(person(), [self.laser], taken, taken + HOUR)
        self.body = {
            "resource_id": str(self.laser.id),
            "start": self.start.isoformat(),
            "end": (self.start + HOUR).isoformat(),
            "note": "course",
            "recurrence": "FREQ=WEEKLY;COUNT=6",
        }

    def book(self, client: FlaskClient, **over: Any) -> Any:
        """The series as REST answers it."""
        return answer_of(client.post("/api/v1/reservations", json=self.body | over, headers=self.headers), 201)


@pytest.fixture
def course(app: Flask) -> Course:
    return Course()


def test_booking_with_a_rule_answers_the_series(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    assert (made["rule"], made["minutes"], made["note"]) == ("FREQ=WEEKLY;COUNT=6", 60, "course")
    assert len(made["booked"]) == 5
    assert [[why["code"] for why in one["denials"]] for one in made["skipped"]] == [["slot_taken"]]
    assert made["skipped"][0]["denials"][0]["message"]
    shown = client.get(f"/api/v1/series/{made['id']}", headers=course.headers)
    assert answer_of(shown) == made
    assert client.get(f"/api/v1/series/{made['id']}", headers=bearer(person())).status_code == 404


def test_a_wrong_rule_is_named_and_none_that_fits_is_409(client: FlaskClient, course: Course) -> None:
    url, body = "/api/v1/reservations", course.body
    wrong = client.post(url, json=body | {"recurrence": "FREQ=HOURLY;COUNT=2"}, headers=course.headers)
    assert [one["field"] for one in answer_of(wrong, 422)["errors"]] == ["recurrence"]
    make.require_certification(course.laser, make.make_certification())
    refused = client.post(url, json=body, headers=course.headers)
    assert [one["code"] for one in answer_of(refused, 409)["denials"]] == ["not_certified"]


def test_the_same_key_books_one_series(client: FlaskClient, course: Course) -> None:
    headers = course.headers | {"Idempotency-Key": "once"}
    answers = [answer_of(client.post("/api/v1/reservations", json=course.body, headers=headers), 201) for _ in range(2)]
    assert answers[0] == answers[1]


def test_following_dates_move_and_the_series_is_split(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    picked = made["booked"][2]
    body = {
        "reservation_id": picked["id"],
        "scope": "following",
        "start": (course.start + 3 * WEEK + HOUR).isoformat(),
        "end": (course.start + 3 * WEEK + 2 * HOUR).isoformat(),
    }
    url = f"/api/v1/series/{made['id']}"
    edited = answer_of(client.patch(url, json=body, headers=course.headers))
    assert (len(edited["done"]), edited["refused"], edited["series_id"] != made["id"]) == (3, [], True)
    assert client.patch(url, json=body, headers=course.headers).status_code == 404, "the date is of the other one now"
    assert client.patch(url, json={"scope": "some"}, headers=course.headers).status_code == 422
    assert client.patch(url, json=body, headers=bearer(person())).status_code == 404


def test_all_to_come_are_cancelled(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    url = f"/api/v1/series/{made['id']}/cancel"
    assert client.post(url, json={}, headers=bearer(person())).status_code == 404
    edited = answer_of(client.post(url, json={"reason": "ill"}, headers=course.headers))
    assert {one["state"] for one in edited["done"]} == {"cancelled"}
    assert len(edited["done"]) == 5
    assert client.post(url, json={}, headers=course.headers).status_code == 409


def test_a_skipped_date_is_added_when_it_is_free(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    url = f"/api/v1/series/{made['id']}/skipped/{made['skipped'][0]['id']}/add"
    assert client.post(url, headers=bearer(person())).status_code == 404
    refused = answer_of(client.post(url, headers=course.headers), 409)
    assert [one["code"] for one in refused["denials"]] == ["slot_taken"]
    staff = bearer(person(role=Role.MANAGER))
    assert client.delete(f"/api/v1/reservations/{course.other.id}", headers=staff).status_code == 204
    added = answer_of(client.post(url, headers=course.headers), 201)
    assert added["note"] == "course"
    assert client.post(url, headers=course.headers).status_code == 409
    assert client.post(f"{url}x", headers=course.headers).status_code == 404


def test_the_pages_work_without_scripts(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    browser = sign_in(client, course.ada)
    url = f"/series/{made['id']}"
    page = browser.get(url)
    assert page.status_code == 200
    assert "Every week, 6 times" in page.text
    token = {"csrf_token": page.text.split('name="csrf_token" value="')[1].split('"')[0]}
    assert browser.post(f"{url}/skipped/{made['skipped'][0]['id']}/add", data=token).status_code == 303
    asked = browser.get(f"{url}/change", query_string={"from": made["booked"][1]["id"]})
    assert asked.status_code == 200
    form = token | {"from": made["booked"][1]["id"], "scope": "following", "minutes": "90", "note": "longer"}
    start = (course.start + 2 * WEEK).astimezone(words.config().lab.zone)
    day = {"day": start.date().isoformat(), "time": f"{start:%H:%M}"}
    assert browser.post(f"{url}/change", data=form | {"day": "soon", "time": "now"}).status_code == 422
    changed = browser.post(f"{url}/change", data=form | day)
    assert changed.status_code == 303
    other = changed.location
    assert "longer" in browser.get(other).text
    assert browser.get(f"{other}/cancel").status_code == 200
    assert browser.post(f"{other}/cancel", data=token | {"scope": "nothing"}).status_code == 422
    assert browser.post(f"{other}/cancel", data=token | {"scope": "all"}).status_code == 303
    assert browser.get(f"{other}/cancel").status_code == 409
    assert browser.get(f"{url}/cancel?from=999").status_code == 404
    stranger = sign_in(client, person())
    assert stranger.get(url).status_code == 404


def test_staff_see_and_cancel_with_a_reason(client: FlaskClient, course: Course) -> None:
    made = course.book(client)
    browser = sign_in(client, person(role=Role.INSTRUCTOR))
    url = f"/series/{made['id']}/cancel"
    page = browser.get(url).text
    assert 'name="reason"' in page
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    sent = {"csrf_token": token, "scope": "all", "reason": "The machine is sold."}
    assert browser.post(url, data=sent).status_code == 303
    row = answer_of(client.get(f"/api/v1/series/{made['id']}", headers=course.headers))["booked"][0]
    assert row["state"] == "cancelled"
