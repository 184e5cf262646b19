"""`/api/v1/events`: what is told to whom, resuming, refusal when it is full, and no database held while it flows."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fablab.core import events
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from fablab.pages import streams
from fablab.pages.hub import hub
from tests.factories import NOW, make_person
from tests.pages.conftest import wait_until_idle

Listen = Callable[..., Iterator[dict[str, Any]]]


def happen(kind: str, **data: Any) -> None:
    with transaction():
        events.append(kind, NOW, **data)
    db.session.remove()


@pytest.fixture
def ask(app: Flask, client: FlaskClient) -> Iterator[Callable[..., TestResponse]]:
    """Opens the stream for a role, with a token; closes all streams at the end."""
    opened: list[TestResponse] = []

    def open_one(role: Role = Role.MAKER, person_id: int = 1, **headers: str) -> TestResponse:
        acting = Actor(person_id=person_id, role=role, via="api")
        app.extensions["fablab_token_loader"] = lambda _token: (acting, frozenset({"read"}))
        given = {"Authorization": "Bearer t", **{name.replace("_", "-"): value for name, value in headers.items()}}
        opened.append(client.get("/api/v1/events", headers=given))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
    assert hub().listeners == 0
    wait_until_idle(hub())


@pytest.fixture
def listen(ask: Callable[..., TestResponse]) -> Listen:
    """The events of a stream as they come."""

    def start(*args: Any, **more: Any) -> Iterator[dict[str, Any]]:
        response = ask(*args, **more)
        assert response.status_code == 200
        assert response.mimetype == "text/event-stream"
        parts = iter(response.response)
        return (told for part in parts for told in [parse(part)] if told)

    return start


def parse(part: Any) -> dict[str, Any] | None:
    """The body of a message; None for a heartbeat."""
    text = part.decode() if isinstance(part, bytes) else part
    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(":"))
    return (
        {**json.loads(lines["data"]), "sent_id": lines["id"], "sent_kind": lines["event"]} if "data" in lines else None
    )


def test_events_come_with_id_kind_and_time(listen: Listen) -> None:
    stream = listen()
    happen("resource.status", resource_id="3", state="working")
    told = next(stream)
    assert told["kind"] == told["sent_kind"] == "resource.status"
    assert told["id"] == told["sent_id"]
    assert told["at"] == "2026-03-02T08:00:00Z"
    assert told["data"] == {"resource_id": "3", "state": "working"}


def test_a_member_is_not_told_who_and_not_of_readers(listen: Listen) -> None:
    stream = listen(person_id=1)
    happen("access.denied", resource_id="3", person_id="2")
    happen("usage.started", resource_id="3", person_id="2", session_id="9")
    happen("reservation.created", resource_ids=["3"], person_id="1", reservation_id="5")
    assert next(stream)["data"] == {"resource_id": "3"}
    assert next(stream)["data"] == {"resource_ids": ["3"], "person_id": "1", "reservation_id": "5"}


def test_staff_are_told_everything_of_the_four_kinds(listen: Listen) -> None:
    stream = listen(role=Role.INSTRUCTOR)
    happen("device.discovered", device_id="1")
    happen("access.denied", resource_id="3", person_id="2")
    assert next(stream)["data"] == {"resource_id": "3", "person_id": "2"}


def test_a_stream_resumes_after_the_last_event_that_was_heard(listen: Listen) -> None:
    for number in ("1", "2", "3"):
        happen("resource.status", resource_id=number)
    first = events.since(0)[0].id
    db.session.remove()
    stream = listen(Last_Event_ID=str(first))
    assert [next(stream)["data"]["resource_id"] for _ in range(2)] == ["2", "3"]


def test_an_id_of_the_future_means_from_now_on(listen: Listen) -> None:
    stream = listen(Last_Event_ID="999999999")
    happen("resource.status", resource_id="3")
    assert next(stream)["data"] == {"resource_id": "3"}


@pytest.mark.parametrize("ident", ["-1", "x", "1.5", "9" * 19, "١"])
def test_a_wrong_last_event_id_is_refused(ask: Callable[..., TestResponse], ident: str) -> None:
    response = ask(Last_Event_ID=ident.encode().decode("latin-1"))
    assert response.status_code == 422
    assert response.json is not None
    assert response.json["errors"][0]["field"] == "Last-Event-ID"


def test_a_full_server_says_when_to_ask_again(
    ask: Callable[..., TestResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "most_streams", lambda: 1)
    assert ask().status_code == 200
    response = ask()
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.mimetype == "application/problem+json"


def test_nobody_listens_without_a_name(client: FlaskClient) -> None:
    assert client.get("/api/v1/events").status_code == 401


def test_an_open_stream_holds_no_connection(app: Flask, listen: Listen) -> None:
    make_person()
    db.session.remove()
    before = db.engine.pool.checkedout()  # type: ignore[attr-defined]  # of a queue pool
    streams_ = [listen() for _ in range(5)]
    happen("resource.status", resource_id="3")
    assert [next(one)["data"] for one in streams_] == [{"resource_id": "3"}] * 5
    assert db.engine.pool.checkedout() <= before + 1  # type: ignore[attr-defined]  # the reader's own
