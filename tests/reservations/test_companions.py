"""Who may be booked along, and what is told of them: members are found by who knows them and cannot be listed."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.errors import Invalid
from fablab.people.models import Person
from fablab.reservations import policies, service
from fablab.reservations.models import Companion, PolicyLevel, Reservation
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
TEN, ELEVEN = NOW + HOUR, NOW + 2 * HOUR
AT_TEN = {"day": "2026-03-02", "time": "10:00", "minutes": "60"}
SECRET, ADDRESS = "Secret Member", "boss@corp.example"


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person(name="Ada")


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


def wanted(laser: Resource, **more: Any) -> dict[str, Any]:
    return {"resource_id": str(laser.id), "start": TEN.isoformat(), "end": ELEVEN.isoformat(), **more}


@pytest.mark.parametrize("path", ["/reservations", "/reservations/check"])
@pytest.mark.parametrize("series", [False, True])
def test_programs_of_makers_name_only_instructors_by_id(
    app: Flask, ada: Person, laser: Resource, path: str, series: bool
) -> None:
    member, gone = make.make_person(name=SECRET), make.make_person(role=Role.INSTRUCTOR, active=False)
    more = {"recurrence": "FREQ=DAILY;COUNT=2"} if series else {}
    answers = [
        Program(app, ada).ask("POST", path, wanted(laser, companion_ids=[ident], **more))
        for ident in (str(member.id), str(gone.id), "99999")
    ]
    assert [one.status_code for one in answers] == [422, 422, 422]
    assert len({str(one.get_json()["errors"]) for one in answers}) == 1, "whom there is must not be told"
    grace = make.make_person(name="Grace", role=Role.INSTRUCTOR)
    fine = Program(app, ada).ask("POST", path, wanted(laser, companion_ids=[str(grace.id)], **more))
    assert fine.status_code in {200, 201}


def test_programs_name_others_as_people_know_them(app: Flask, ada: Person, laser: Resource) -> None:
    bob = make.make_person(name=SECRET, email=ADDRESS)
    program = Program(app, ada)
    assert program.ask("POST", "/reservations", wanted(laser, companions=["nobody@corp.example"])).status_code == 422
    made = program.ask("POST", "/reservations", wanted(laser, companions=[f" {ADDRESS.upper()} "]))
    assert made.status_code == 201
    (companion,) = db.session.query(Companion).all()
    assert (companion.person_id, companion.called) == (bob.id, ADDRESS.upper())


def test_staff_name_anybody_active_by_id(app: Flask, laser: Resource) -> None:
    staff, member = make.make_person(role=Role.MANAGER), make.make_person(name=SECRET)
    gone = make.make_person(active=False)
    program = Program(app, staff)
    assert program.ask("POST", "/reservations", wanted(laser, companion_ids=[str(gone.id)])).status_code == 422
    assert program.ask("POST", "/reservations", wanted(laser, companion_ids=[str(member.id)])).status_code == 201


def test_a_disabled_account_is_booked_along_by_nobody(ada: Person, laser: Resource) -> None:
    gone = make.make_person(active=False)
    for actor in (make.make_actor(ada), system("cli")):
        with pytest.raises(Invalid):
            service.book(actor, ada.id, [laser.id], TEN, ELEVEN, Extras(companion_ids=(gone.id,)), NOW)


def test_a_booking_is_moved_although_a_companion_was_disabled_since(ada: Person, laser: Resource) -> None:
    gone = make.make_person(active=False)
    made = make.make_reservation(ada, [laser], TEN, ELEVEN, companions=[Companion(person_id=gone.id)])
    moved = service.change(make.make_actor(ada), made.id, NOW, starts_at=ELEVEN, ends_at=ELEVEN + HOUR)
    assert moved.starts_at == ELEVEN


def test_an_address_does_not_turn_into_a_name(client: FlaskClient, ada: Person, laser: Resource) -> None:
    bob = make.make_person(name=SECRET, email=ADDRESS)
    sign_in(client, ada, NOW)
    path = f"/resources/{laser.id}/book"
    query = f"?day=2026-03-02&time=10:00&minutes=60&companion_name={ADDRESS}"
    for shown in (page(client, path + query), page(client, f"{path}/check{query}")):
        assert SECRET not in shown
    assert ADDRESS in page(client, path + query)
    answer = post(client, path, AT_TEN | {"companion_name": ADDRESS})
    assert answer.status_code == 303
    for where in (answer.location, "/agenda"):
        shown = page(client, where)
        assert ADDRESS in shown
        assert SECRET not in shown
    sign_in(client, bob, NOW)
    assert f"With {SECRET}" in page(client, answer.location)
    sign_in(client, make.make_person(role=Role.MANAGER), NOW)
    assert f"With {SECRET}" in page(client, answer.location)


def test_companions_do_not_learn_each_others_addresses(client: FlaskClient, ada: Person, laser: Resource) -> None:
    eve = make.make_person(name="Eve")
    along = [Companion(person_id=make.make_person(email=ADDRESS).id, called=ADDRESS), Companion(person_id=eve.id)]
    made = make.make_reservation(ada, [laser], TEN, ELEVEN, companions=along)
    sign_in(client, eve, NOW)
    shown = page(client, f"/reservations/{made.id}")
    assert "With Eve" in shown
    assert ADDRESS not in shown


def test_when_a_member_has_other_bookings_is_not_told(app: Flask, ada: Person, laser: Resource) -> None:
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(laser.id), {"supervision": "buddy"}, NOW)
    certified = make.make_certification()
    make.require_certification(laser, certified)
    busy, other = make.make_person(name="Busy Buddy"), make.make_person(name="Other Member")
    for one in (ada, busy):
        make.make_grant(one, certified)
    make.make_reservation(busy, [make.make_machine()], TEN, ELEVEN)
    told = [
        Program(app, ada).ask("POST", "/reservations/check", wanted(laser, companions=[one.name])).get_json()["denials"]
        for one in (busy, other)
    ]
    assert told[0] == told[1]
    assert [one["code"] for one in told[0]] == ["needs_supervisor"]


def test_dates_of_a_series_that_are_added_later_keep_how_somebody_was_named(
    app: Flask, ada: Person, laser: Resource
) -> None:
    make.make_person(name=SECRET, email=ADDRESS)
    blocking = make.make_reservation(make.make_person(), [laser], TEN + timedelta(days=1), ELEVEN + timedelta(days=1))
    program = Program(app, ada)
    rule = {"recurrence": "FREQ=DAILY;COUNT=2", "companions": [ADDRESS]}
    made = program.ask("POST", "/reservations", wanted(laser, **rule)).get_json()
    service.cancel(system("cli"), blocking.id, NOW)
    added = program.ask("POST", f"/series/{made['id']}/skipped/{made['skipped'][0]['id']}/add")
    assert added.status_code == 201
    found = db.session.get_one(Reservation, int(added.get_json()["id"]))
    assert [one.called for one in found.companions] == [ADDRESS]
