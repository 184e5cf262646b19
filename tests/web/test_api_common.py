"""What every REST resource promises: problems that name each wrong field, lists in pages, one answer per key."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from sqlalchemy import func, select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people import tokens
from fablab.people.models import Person
from tests.factories import make_actor, make_person

Headers = dict[str, str]


@pytest.fixture
def manager(app: Flask) -> Headers:
    """The header of a manager's token."""
    person = make_person(role=Role.MANAGER)
    _, text = tokens.create(make_actor(person), person.id, "test", ["manage"], None, clock.now())
    return {"Authorization": f"Bearer {text}"}


def people() -> int:
    return db.session.scalar(select(func.count(Person.id))) or 0


# -- bodies -----------------------------------------------------------------------------------------------------------

BAD = {
    "missing": ({}, 422, "name"),
    "null": ({"name": None}, 422, "name"),
    "empty": ({"name": ""}, 422, "name"),
    "blank": ({"name": "   "}, 422, "name"),
    "number": ({"name": 7}, 422, "name"),
    "truth is not one": ({"name": "A", "active": 1}, 422, "active"),
    "list": ({"name": ["A"]}, 422, "name"),
    "too long": ({"name": "x" * 201}, 422, "name"),
    "unknown field": ({"name": "A", "session_key": "x"}, 422, "session_key"),
    "day that is none": ({"name": "A", "member_until": "2026-02-30"}, 422, "member_until"),
    "day as a number": ({"name": "A", "member_until": 20260101}, 422, "member_until"),
    "NUL": ({"name": "a\x00b"}, 422, "name"),
    "lone surrogate": ({"name": "a\ud800"}, 422, "name"),
    "unknown role": ({"name": "A", "role": "god"}, 422, "role"),
    "no object": ([], 422, "body"),
}


@pytest.mark.parametrize(("body", "status", "field"), BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_by_field(
    client: FlaskClient, manager: Headers, body: object, status: int, field: str
) -> None:
    before = people()
    answer = client.post("/api/v1/people", headers=manager, json=body)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    told = answer.get_json()
    assert {"type", "title", "status", "detail", "errors"} <= set(told)
    assert field in {one["field"].split(".")[0] for one in told["errors"]}
    assert people() == before


RAW = {
    "no JSON": (b"{", "application/json", {400, 422}),
    "not UTF-8": (b'{"name": "\xff"}', "application/json", {400, 422}),
    "not a number": (b'{"name": NaN}', "application/json", {400, 422}),
    "deep": (b"[" * 100_000, "application/json", {400, 422}),
    "a form": (b"name=A", "application/x-www-form-urlencoded", {415}),
    "text": (b'{"name": "A"}', "text/plain", {415}),
    "too large": (b'{"name": "' + b"x" * 1_100_000 + b'"}', "application/json", {413}),
}


@pytest.mark.parametrize(("body", "kind", "statuses"), RAW.values(), ids=RAW)
def test_what_is_no_body_is_refused(
    client: FlaskClient, manager: Headers, body: bytes, kind: str, statuses: set[int]
) -> None:
    answer = client.post("/api/v1/people", headers=manager, data=body, content_type=kind)
    assert answer.status_code in statuses
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/people/999", 404),
        ("GET", "/api/v1/people/99999999999999999999999", 404),
        ("GET", "/api/v1/people/-1", 404),
        ("GET", "/api/v1/nothing", 404),
        ("PUT", "/api/v1/people", 405),
    ],
)
def test_errors_are_problems(client: FlaskClient, manager: Headers, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method, headers=manager)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json()["status"] == status


def test_without_identity_it_is_401(client: FlaskClient) -> None:
    answer = client.get("/api/v1/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_error_is_in_the_callers_language(client: FlaskClient, manager: Headers) -> None:
    answer = client.get("/api/v1/people/999", headers=manager)
    assert answer.get_json()["title"]


# -- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_is_read_page_by_page(client: FlaskClient, manager: Headers) -> None:
    for _ in range(4):
        make_person()
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/api/v1/people?limit=2{cursor}", headers=manager).get_json()
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == people()


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=%00", "cursor=!!", "role=god", "unknown=1", "active=maybe"]
)
def test_a_bad_query_is_refused(client: FlaskClient, manager: Headers, query: str) -> None:
    assert client.get(f"/api/v1/people?{query}", headers=manager).status_code == 422


# -- one answer per key -----------------------------------------------------------------------------------------------


def test_the_same_request_is_carried_out_once(client: FlaskClient, manager: Headers) -> None:
    before = people()
    headers = manager | {"Idempotency-Key": "one"}
    first = client.post("/api/v1/people", headers=headers, json={"name": "Ada"})
    again = client.post("/api/v1/people", headers=headers, json={"name": "Ada"})
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert people() == before + 1


def test_a_key_for_another_request_is_a_conflict(client: FlaskClient, manager: Headers) -> None:
    headers = manager | {"Idempotency-Key": "one"}
    client.post("/api/v1/people", headers=headers, json={"name": "Ada"})
    assert client.post("/api/v1/people", headers=headers, json={"name": "Grace"}).status_code == 409


def test_a_refused_request_may_be_sent_again(client: FlaskClient, manager: Headers) -> None:
    headers = manager | {"Idempotency-Key": "one"}
    assert client.post("/api/v1/people", headers=headers, json={"name": "A", "role": "manager"}).status_code == 403
    assert client.post("/api/v1/people", headers=headers, json={"name": "A"}).status_code == 201


def test_keys_of_others_are_no_ones_business(client: FlaskClient, manager: Headers) -> None:
    person = make_person(role=Role.MANAGER)
    _, text = tokens.create(make_actor(person), person.id, "test", ["manage"], None, clock.now())
    made = [
        client.post("/api/v1/people", headers=headers | {"Idempotency-Key": "one"}, json={"name": "Ada"})
        for headers in (manager, {"Authorization": f"Bearer {text}"})
    ]
    assert made[0].get_json()["id"] != made[1].get_json()["id"]


# -- the document -----------------------------------------------------------------------------------------------------


def test_the_openapi_document_is_valid(client: FlaskClient) -> None:
    document = json.loads(client.get("/api/v1/openapi.json").data)
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_the_api_says_who_i_am(client: FlaskClient, manager: Headers) -> None:
    me = client.get("/api/v1/me", headers=manager).get_json()
    assert me["person"]["role"] == "manager"
    assert me["scopes"] == ["manage"]
    assert isinstance(me["person"]["id"], str)


def test_health_and_readiness_need_nobody(client: FlaskClient) -> None:
    assert client.get("/api/v1/health").get_json() == {"status": "ok"}
    assert client.get("/api/v1/ready").get_json()["database"] == "ok"
