"""Bookings at risk where people see them: page, agenda, day sheet, timeline, REST."""

import json
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.certifications import granting
from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations import at_risk
from fablab.reservations.agenda import agenda
from fablab.reservations.day_sheet import day_sheet
from tests import factories as make
from tests.api_helpers import Program
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.web_helpers import sign_in

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN = NOW + DAY + HOUR


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


class Scene:
    """Ada's booking of tomorrow is at risk; Bob booked the same machine an hour later."""

    def __init__(self) -> None:
        laser, basics = make.make_machine(), make.make_certification()
        make.require_certification(laser, basics)
        self.laser, self.basics = laser, basics
        self.ada, self.bob = make.make_person(name="Ada"), make.make_person(name="Bob")
        self.manager = make.make_person(role=Role.MANAGER)
        given = make.make_grant(self.ada, basics)
        make.make_grant(self.bob, basics)
        self.risky = make.make_reservation(self.ada, [laser], BEGIN, BEGIN + HOUR).id
        self.safe = make.make_reservation(self.bob, [laser], BEGIN + HOUR, BEGIN + 2 * HOUR).id
        granting.revoke(system("cli"), given.id, "left it running", NOW)
        assert at_risk.judge(NOW) == 1


@pytest.fixture
def scene(app: Flask) -> Scene:
    return Scene()


def page(client: FlaskClient, person: Person, path: str) -> str:
    answer = sign_in(client, person, NOW).get(path)
    assert answer.status_code == 200
    return " ".join(answer.get_data(as_text=True).split())


def test_the_page_says_why_until_when_and_what_to_do(client: FlaskClient, scene: Scene) -> None:
    shown = page(client, scene.ada, f"/reservations/{scene.risky}")
    assert "At risk" in shown
    assert "The certification &#34;Laser basics&#34; was withdrawn on" in shown
    assert f'href="/certifications/{scene.basics.id}"' in shown
    assert "It is cancelled on Tue 3 Mar, 10:00" in shown
    assert "At risk, as a certification is missing" in shown
    assert "At risk" not in page(client, scene.bob, f"/reservations/{scene.safe}")
    assert "At risk" in page(client, scene.manager, f"/reservations/{scene.risky}")


def test_the_agenda_shows_it(client: FlaskClient, scene: Scene) -> None:
    shown = page(client, scene.ada, "/reservations")
    assert "At risk" in shown
    assert "It is cancelled on Tue 3 Mar, 10:00" in shown
    assert "At risk" not in page(client, scene.bob, "/reservations")


def test_the_day_sheet_shows_it_to_the_staff(client: FlaskClient, scene: Scene) -> None:
    shown = page(client, scene.manager, "/day?day=2026-03-03")
    assert "1 certification at risk" in shown
    assert "is cancelled on Tue 3 Mar, 10:00" in shown
    lines = [line for block in day_sheet(BEGIN.date()).blocks for line in block.lines]
    assert [line.release_at for line in lines] == [BEGIN, None]


def test_the_timeline_shows_it_to_its_person_and_the_staff(client: FlaskClient, scene: Scene) -> None:
    for person, seen in ((scene.ada, True), (scene.manager, True), (scene.bob, False)):
        shown = page(client, person, "/timeline?day=2026-03-03")
        data = json.loads(shown.split('id="timeline-data">')[1].split("</script>")[0])
        bookings = [one for row in data["resources"] for one in row["bookings"]]
        assert [one.get("at_risk", False) for one in bookings] == [seen, False]
        assert (" · at risk" in shown) is seen


def since(program: Program, ident: int) -> object:
    answer = program.get(f"/reservations/{ident}").json
    assert answer is not None
    return answer["at_risk_since"]


def test_rest_tells_since_when(app: Flask, scene: Scene) -> None:
    program = Program(app, scene.ada)
    assert since(program, scene.risky) == "2026-03-02T08:00:00Z"
    assert since(Program(app, scene.bob), scene.safe) is None
    assert program.ask("DELETE", f"/reservations/{scene.risky}").status_code == 204
    assert since(program, scene.risky) is None


def test_the_agenda_asks_no_more_for_many_at_risk_than_for_one(
    app: Flask, scene: Scene, count_queries: CountQueries
) -> None:
    counts = []
    for more in (0, 6):
        for number in range(more):
            begin = BEGIN + (number + 1) * DAY
            make.make_reservation(scene.ada, [scene.laser], begin, begin + HOUR, at_risk_since=NOW)
        actor = make.make_actor(scene.ada)
        db.session.rollback()
        count_queries()
        found = agenda(actor, NOW)
        counts.append(count_queries())
        assert sum(bool(one.risks) for _, items in found.days for one in items) == more + 1
    assert counts[0] == counts[1]
