"""The start page and the wall as pages: to whom they lead, and that no name leaves the lab."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.pages.hub import hub
from fablab.pages.rules import Viewer
from fablab.pages.streams import Board
from fablab.usage.models import UsageSession
from tests.factories import make_machine, make_person, save
from tests.pages.conftest import wait_until_idle


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
