"""Trainings over REST: planning, enrolling, the waiting list, ticking, calendars; whatever is sent is answered well."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from werkzeug.test import TestResponse

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db, transaction
from fablab.people import tokens
from fablab.people.models import Person
from fablab.training.models import Training
from tests import factories as make
from tests.conftest import CountQueries
from tests.training.lab import Lab, make_lab

Headers = dict[str, str]


@pytest.fixture
def lab(app: Flask) -> Lab:
    made = make_lab()
    with transaction():
        made.instructor.member_until = made.manager.member_until = None
    return made


def next_open_day() -> datetime:
    """Nine o'clock (UTC) of a day some days ahead on which the lab is open."""
    day = (clock.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    return day + timedelta(days=day.weekday() == 6)


def bearer(person: Person) -> Headers:
    scope = "book" if person.role is Role.MAKER else "manage"
    secret = tokens.create(system("cli"), person.id, "test", [scope], None, clock.now())[1]
    return {"Authorization": f"Bearer {secret}"}


def maker() -> Headers:
    return bearer(make.make_person(member_until=None))


def json_of(response: TestResponse, status: int = 200) -> Any:
    """The JSON of an answer, which must have this status."""
    assert response.status_code == status, response.text
    return response.json


def body_of(lab: Lab, **over: Any) -> dict[str, Any]:
    start = next_open_day()
    return {
        "title": {"en": "Laser basics"},
        "places": 1,
        "certification_ids": [str(lab.laser.id)],
        "resource_ids": [str(lab.room.id)],
        "dates": [{"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}],
    } | over


def published(client: FlaskClient, lab: Lab, headers: Headers, **over: Any) -> str:
    """The address of a training that is published."""
    made = json_of(client.post("/api/v1/trainings", json=body_of(lab, **over), headers=headers), 201)
    url = f"/api/v1/trainings/{made['id']}"
    assert json_of(client.post(f"{url}/publish", headers=headers))["state"] == "published"
    return url


def test_plan_publish_change_and_cancel(client: FlaskClient, lab: Lab) -> None:
    headers = bearer(lab.instructor)
    made = json_of(client.post("/api/v1/trainings", json=body_of(lab), headers=headers), 201)
    url = f"/api/v1/trainings/{made['id']}"
    assert (made["state"], made["instructor_id"], made["free"], made["dates"][0]["resource_ids"]) == (
        "draft",
        str(lab.instructor.id),
        1,
        [str(lab.room.id)],
    )
    assert client.get(url).status_code == 404
    assert json_of(client.get("/api/v1/trainings"))["items"] == []
    taken = json_of(client.post("/api/v1/trainings", json=body_of(lab), headers=headers), 409)
    assert {one["code"] for one in taken["denials"]} == {"slot_taken", "instructor_busy"}
    json_of(client.post(f"{url}/publish", headers=headers))
    assert [one["id"] for one in json_of(client.get("/api/v1/trainings"))["items"]] == [made["id"]]
    later = next_open_day() + timedelta(hours=2)
    moved = [
        {"id": made["dates"][0]["id"], "start": later.isoformat(), "end": (later + timedelta(hours=1)).isoformat()}
    ]
    changed = json_of(client.patch(url, json={"dates": moved, "places": 2, "decide_at": None}, headers=headers))
    assert (changed["dates"][0]["id"], changed["places"]) == (made["dates"][0]["id"], 2)
    assert datetime.fromisoformat(changed["start"]) == later
    assert client.delete(url, headers=headers).status_code == 422
    assert client.delete(f"{url}?reason=ill", headers=headers).status_code == 204
    assert json_of(client.get(url))["state"] == "cancelled"
    assert client.delete(f"{url}?reason=ill", headers=headers).status_code == 409


def test_enrol_wait_accept_decline_and_withdraw(client: FlaskClient, lab: Lab) -> None:
    url = published(client, lab, bearer(lab.instructor)) + "/enrolments"
    ada, bob, eve = maker(), maker(), maker()
    first, second, third = (json_of(client.post(url, json={}, headers=one), 201) for one in (ada, bob, eve))
    assert [(one["state"], one["position"]) for one in (first, second, third)] == [
        ("enrolled", None),
        ("waiting", 1),
        ("waiting", 2),
    ]
    again = json_of(client.post(url, json={}, headers=ada), 409)
    assert [one["code"] for one in again["denials"]] == ["training_enrolled"]
    assert [one["id"] for one in json_of(client.get(url, headers=bob))["items"]] == [second["id"]]
    assert len(json_of(client.get(url, headers=bearer(lab.instructor)))["items"]) == 3
    assert client.delete(f"{url}/{first['id']}", headers=bob).status_code == 404
    assert client.delete(f"{url}/{first['id']}", headers=ada).status_code == 204
    declined = json_of(client.post(f"{url}/{second['id']}/decline", headers=bob))
    assert declined["state"] == "declined"
    assert json_of(client.post(f"{url}/{third['id']}/accept", headers=eve))["state"] == "enrolled"
    assert client.post(f"{url}/{third['id']}/accept", headers=eve).status_code == 409
    other = published(client, lab, bearer(lab.manager), dates=body_of(lab)["dates"], resource_ids=[])
    assert client.delete(f"{other}/enrolments/{third['id']}", headers=eve).status_code == 404


def test_the_same_key_enrols_once(client: FlaskClient, lab: Lab) -> None:
    url = published(client, lab, bearer(lab.instructor)) + "/enrolments"
    headers = maker() | {"Idempotency-Key": "a lost answer"}
    first, second = (json_of(client.post(url, json={}, headers=headers), 201) for _ in range(2))
    assert first == second


def test_ticks_grant_and_come_twice(client: FlaskClient, lab: Lab) -> None:
    headers = bearer(lab.instructor)
    start = clock.now() - timedelta(minutes=30)
    training = make.make_training(lab.instructor, [lab.laser], start)
    url, date_id = f"/api/v1/trainings/{training.id}", str(training.dates[0].id)
    enrolment = make.make_enrolment(training, make.make_person())
    at = (start + timedelta(minutes=5)).isoformat()
    ticks = [
        {"enrolment_id": str(enrolment.id), "date_id": date_id, "mark": "present", "at": at},
        {"enrolment_id": str(enrolment.id), "outcome": "passed", "note": "fine", "at": at},
        {"enrolment_id": "999999", "outcome": "passed", "at": at},
    ]
    for _ in range(2):
        sheet = json_of(client.patch(f"{url}/attendance", json={"ticks": ticks}, headers=headers))
        (row,) = sheet["rows"]
        assert (row["marks"][0]["mark"], row["outcome"], row["note"], len(row["granted"])) == (
            "present",
            "passed",
            "fine",
            1,
        )
        assert [one["place"] for one in sheet["refused"]] == [2]
    assert json_of(client.get(f"{url}/attendance", headers=headers))["rows"] == [row]
    assert client.get(f"{url}/attendance", headers=maker()).status_code == 403
    nothing = {"enrolment_id": str(enrolment.id), "at": at}
    assert client.patch(f"{url}/attendance", json={"ticks": [nothing]}, headers=headers).status_code == 422
    assert client.post(f"{url}/close", headers=headers).status_code == 409


def test_a_list_costs_the_same_however_many(client: FlaskClient, lab: Lab, count_queries: CountQueries) -> None:
    def cost() -> int:
        count_queries()
        assert json_of(client.get("/api/v1/trainings"))["items"]
        return count_queries()

    start = next_open_day()
    make.make_training(lab.instructor, [lab.laser], start)
    few = cost()
    for number in range(1, 5):
        made = make.make_training(lab.instructor, [lab.laser], start + timedelta(days=number))
        make.make_enrolment(made, make.make_person())
    assert cost() == few
    assert db.session.get(Training, made.id) is not None


def test_calendars_are_public(client: FlaskClient, lab: Lab) -> None:
    url = published(client, lab, bearer(lab.instructor))
    for address in ("/api/v1/trainings.ics", f"{url}/calendar.ics"):
        answer = client.get(address)
        assert answer.mimetype == "text/calendar"
        assert b"SUMMARY:Laser basics" in answer.data
    draft = json_of(
        client.post("/api/v1/trainings", json=body_of(lab, resource_ids=[]), headers=bearer(lab.manager)), 201
    )
    assert client.get(f"/api/v1/trainings/{draft['id']}/calendar.ics").status_code == 404


@pytest.mark.slow
def test_no_answer_is_a_fault_of_ours(app: Flask, lab: Lab) -> None:
    person = make.make_person(role=Role.ADMINISTRATOR, member_until=None)
    training = make.make_training(person, [lab.laser], clock.now() + timedelta(hours=1))
    make.make_enrolment(training, make.make_person())
    secret = tokens.create(system("cli"), person.id, "test", ["admin"], None, clock.now())[1]
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app).include(path_regex="^/api/v1/trainings")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # an Err is a fault of the document: the test fails
        asked += 1

        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            if "training_id" in (case.path_parameters or {}):
                case.path_parameters["training_id"] = training.id
            case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=[not_a_server_error])

        ask()
    assert asked == 17
