"""The usage log: whose uses one sees, filters, the table to take away, saying whose it was."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Person
from fablab.resources.models import Resource
from fablab.usage.models import Outcome, UsageSession
from tests import factories as make
from tests.api_helpers import Program
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.web_helpers import post, sign_in


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def make_use(resource: Resource, person: Person | None, hours_ago: int = 2, **over: Any) -> UsageSession:
    begin = NOW - timedelta(hours=hours_ago)
    values = {
        "key": f"{resource.id}/{hours_ago}",
        "resource_id": resource.id,
        "person_id": person.id if person else None,
        "started_at": begin,
        "ended_at": begin + timedelta(hours=1),
        "outcome": Outcome.COMPLETED,
        "job": "vase.gcode",
        "working_s": 3600.0,
        "energy_wh": 120.0,
        "flags": [],
        "updated_at": NOW,
    }
    return make.save(UsageSession(**values | over))


def test_makers_see_their_own_staff_all(client: FlaskClient) -> None:
    laser, ada = make.make_machine(), make.make_person(name="Ada Lovelace")
    make_use(laser, ada, job="mine.svg")
    make_use(laser, make.make_person(name="Bob"), 4, job="other.svg")
    sign_in(client, ada, NOW)
    text = client.get("/usage").get_data(as_text=True)
    assert "mine.svg" in text
    assert "other.svg" not in text
    assert "Bob" not in text
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    text = client.get("/usage").get_data(as_text=True)
    assert "other.svg" in text
    assert "mine.svg" not in client.get(f"/usage?to=2026-03-01&person={ada.id}").get_data(as_text=True)


def test_formulas_stay_text_in_the_table(client: FlaskClient) -> None:
    laser = make.make_machine("=Laser")
    ada = make.make_person(name="@Ada")
    make_use(laser, ada, job='=HYPERLINK("x")')
    make_use(laser, ada, 5, job="-2+3", energy_wh=-1.5)
    sign_in(client, ada, NOW)
    answer = client.get("/usage.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["job"] for row in rows] == ["'-2+3", '\'=HYPERLINK("x")']
    assert {row["person"] for row in rows} == {"'@Ada"}
    assert rows[0]["energy_wh"] == "-1.5"


def test_staff_say_whose_it_was(client: FlaskClient, app: Flask) -> None:
    ada, use = make.make_person(name="Ada Lovelace"), make_use(make.make_machine(), None)
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    assert post(client, f"/usage/{use.id}/person", {"person": str(ada.id)}, page="/usage").status_code == 303
    db.session.refresh(use)
    assert use.person_id == ada.id
    program = Program(app, make.make_person(role=Role.INSTRUCTOR))
    path = f"/usage-sessions/{use.id}"
    assert program.ask("PATCH", path, {"person_id": None}).get_json()["person_id"] is None
    assert [one["id"] for one in program.get("/usage-sessions?unattributed=true").get_json()["items"]] == [str(use.id)]
    assert program.ask("PATCH", path, {"person_id": "999"}).status_code == 422
    assert program.ask("PATCH", path, {"outcome": "failed"}).status_code == 422
    maker = Program(app, make.make_person())
    assert maker.get(path).status_code == 404
    assert maker.ask("PATCH", path, {"person_id": None}).status_code == 403


def test_pages_follow_one_another(client: FlaskClient) -> None:
    laser, ada = make.make_machine(), make.make_person()
    for hours in range(2, 60):
        make_use(laser, ada, hours, job=f"job-{hours}.")
    sign_in(client, ada, NOW)
    first = client.get("/usage").get_data(as_text=True)
    assert "job-51." in first
    assert "job-52." not in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "job-52." in client.get(older).get_data(as_text=True)


@pytest.mark.parametrize("path", ["/usage", "/resources", "/reservations"])
def test_queries_do_not_grow_with_the_rows(client: FlaskClient, count_queries: CountQueries, path: str) -> None:
    ada = make.make_person(role=Role.INSTRUCTOR)
    sign_in(client, ada, NOW)

    def more(first: int) -> int:
        for number in range(first, first + 10):
            machine = make.make_machine(f"Machine {number}")
            make_use(machine, ada, number + 2)
            make.make_reservation(ada, [machine], NOW + timedelta(hours=1), NOW + timedelta(hours=2))
        count_queries()
        assert client.get(path).status_code == 200
        return count_queries()

    assert more(0) == more(10)
