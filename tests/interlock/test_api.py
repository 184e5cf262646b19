"""`/access/check` is the reader's own decision, about oneself; about others for the staff."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core.actor import Role
from tests.factories import (
    NOW,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    require_certification,
)
from tests.web_helpers import sign_in

URL = "/api/v1/access/check"


def test_every_reason_is_given_with_the_way_out(app: Flask, client: FlaskClient) -> None:
    ada, laser, basics = make_person(), make_machine(), make_certification("Basics")
    require_certification(laser, basics)
    sign_in(client, ada)
    sunday = NOW - timedelta(days=1)
    answer = client.get(URL, query_string={"resource_id": laser.id, "at": sunday.isoformat()}).get_json()
    assert answer["granted"] is False
    assert [one["code"] for one in answer["denials"]] == ["not_certified", "outside_opening_hours"]
    assert answer["denials"][0]["remedy"]["url"] == f"/certifications/{basics.id}"
    make_grant(ada, basics)
    query = {"resource_id": laser.id, "at": NOW.isoformat()}
    assert client.get(URL, query_string=query).get_json() == {"granted": True, "denials": []}


@pytest.mark.parametrize(("role", "status"), [(Role.MAKER, 404), (Role.INSTRUCTOR, 200)])
def test_about_others_only_the_staff_may_ask(app: Flask, client: FlaskClient, role: Role, status: int) -> None:
    other, laser = make_person(), make_machine()
    sign_in(client, make_person(role=role))
    assert client.get(URL, query_string={"resource_id": laser.id, "person_id": other.id}).status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"resource_id": "x"}, 422),
        ({"resource_id": "1", "at": "yesterday"}, 422),
        ({"resource_id": "1", "at": "2026-03-02T08:00:00"}, 422),
        ({"resource_id": "1", "colour": "red"}, 422),
        ({"resource_id": "99"}, 404),
    ],
)
def test_a_bad_question_is_refused(app: Flask, client: FlaskClient, query: dict[str, str], status: int) -> None:
    sign_in(client, make_person())
    answer = client.get(URL, query_string=query)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
