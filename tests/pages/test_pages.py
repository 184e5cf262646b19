"""The start page and the wall as pages: to whom they lead, and that no name leaves the lab."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.app import create_app
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db
from fablab.pages.hub import hub
from fablab.pages.rules import Viewer
from fablab.pages.streams import Board
from fablab.usage.models import UsageSession
from tests.factories import make_machine, make_person, save
from tests.pages.conftest import wait_until_idle
from tests.web_helpers import session_cookie


@pytest.fixture
def _administrator(app: Flask) -> None:
    """Somebody who can administer the lab, so that it is set up."""
    make_person(role=Role.ADMINISTRATOR, password="a hash")


@pytest.fixture
def _at_work(app: Flask) -> None:
    ada, now = make_person(name="Ada Lovelace"), clock.now()
    values = {"key": "k", "resource_id": make_machine().id, "person_id": ada.id, "job": "letter.svg", "flags": []}
    save(UsageSession(started_at=now, updated_at=now, **values))


def test_a_lab_without_administrator_is_set_up_first(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response.location == "/set-up"


@pytest.mark.usefixtures("_administrator")
def test_a_visitor_sees_the_lab_and_the_door(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "<title>Test Lab · Test Lab</title>" in page.text
    assert 'href="/sign-in"' in page.text


@pytest.mark.usefixtures("_administrator", "_at_work")
@pytest.mark.parametrize("path", ["/", "/wall", "/wall?tv=1", "/wall/cards", "/wall/cards?tv=1"])
def test_no_name_and_no_job_is_shown_to_a_visitor(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert "Lovelace" not in page.text
    assert "letter.svg" not in page.text


@pytest.mark.usefixtures("_administrator", "_at_work")
def test_no_name_flows_in_a_visitors_stream(client: FlaskClient) -> None:
    response = client.get("/wall/stream")
    first = next(iter(response.response))
    text = first.decode() if isinstance(first, bytes) else str(first)
    assert 'data-state="working"' in text
    assert "Lovelace" not in text
    response.close()
    wait_until_idle(hub())


@pytest.mark.usefixtures("app")
def test_what_is_drawn_for_one_viewer_is_not_shown_to_another(client: FlaskClient) -> None:
    app = client.application
    board: Board = app.extensions["fablab_board"]
    staff, member = Viewer(person_id=999, staff=True), Viewer(person_id=999)
    ada, now = make_person(name="Ada Lovelace"), clock.now()
    machine = make_machine()
    save(UsageSession(key="k", resource_id=machine.id, person_id=ada.id, flags=[], started_at=now, updated_at=now))
    with app.test_request_context("/wall"):
        assert "Lovelace" in board.drawn(staff, False, 1).parts[str(machine.id)]
        assert "Lovelace" not in board.drawn(member, False, 1).parts[str(machine.id)]
        assert "Lovelace" in board.drawn(staff, False, 1).parts[str(machine.id)]


def test_when_the_database_is_away_a_page_says_so_and_when_to_come_back(sqlite_config: Config) -> None:
    app = create_app(sqlite_config)
    client = app.test_client()
    with app.app_context():
        cookie = session_cookie(app, make_person())
        db.session.remove()
        db.engine.dispose()
    file = Path(sqlite_config.database_url.removeprefix("sqlite:///"))
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    client.set_cookie("fablab", cookie)
    for path in ("/", "/wall", "/wall?tv=1", "/wall/cards"):
        page = client.get(path)
        assert page.status_code == 503
        assert int(page.headers["Retry-After"]) > 0
        assert "<h1>" in page.text
    assert client.get("/api/v1/events").mimetype == "application/problem+json"
