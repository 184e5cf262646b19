"""What staff do on the pages of bookings: set rules aside, decide requests, book for others, let an office; series and
checking in; on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations import policies
from fablab.reservations.models import ArrivedBy, PolicyLevel, Reservation, ReservationState, SkippedOccurrence
from fablab.resources.models import Kind, OpeningRule, Resource
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
START, END = NOW + HOUR, NOW + 2 * HOUR
AT_TEN = {"day": "2026-03-02", "time": "10:00", "minutes": "60"}


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def machine_with(name: str = "Laser cutter", **rules: Any) -> Resource:
    """A machine with booking rules of its own."""
    made = make.make_machine(name)
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(made.id), rules, NOW)
    return made


def newest() -> Reservation:
    db.session.expire_all()
    return db.session.scalars(select(Reservation).order_by(Reservation.id.desc())).first() or pytest.fail("none")


def manager() -> Person:
    return make.make_person(name="Grace Hopper", role=Role.MANAGER)


def test_staff_set_a_rule_aside_with_a_reason_that_is_kept(client: FlaskClient) -> None:
    laser = machine_with(max_minutes=30)
    path = f"/resources/{laser.id}/book"
    sign_in(client, make.make_person(), NOW)
    mine = post(client, path, AT_TEN | {"override-too_long": "I would like to"})
    assert mine.status_code == 409
    assert "override-too_long" not in mine.get_data(as_text=True)
    sign_in(client, manager(), NOW)
    refused = post(client, path, AT_TEN)
    assert refused.status_code == 409
    assert 'name="override-too_long"' in refused.get_data(as_text=True)
    assert post(client, path, AT_TEN | {"override-too_long": "a school class comes"}).status_code == 303
    made = newest()
    assert [(one["code"], one["reason"]) for one in made.overrides] == [("too_long", "a school class comes")]
    text = page(client, f"/reservations/{made.id}")
    assert "Rules set aside" in text
    assert "a school class comes" in text


def test_staff_book_for_somebody_else_and_say_why(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person(name="Ada Lovelace")
    sign_in(client, manager(), NOW)
    values = AT_TEN | {"person": str(person.id), "on_behalf_reason": "asked by phone"}
    post(client, f"/resources/{laser.id}/book", values)
    made = newest()
    assert (made.person_id, made.on_behalf_reason) == (person.id, "asked by phone")
    sign_in(client, person, NOW)
    text = page(client, f"/reservations/{made.id}")
    assert "booked by Grace Hopper" in text
    assert "asked by phone" in text


def test_more_than_one_resource_people_and_company(client: FlaskClient) -> None:
    room = make.make_machine("Room", kind=Kind.ROOM, capacity=12)
    laser, friend = make.make_machine(), make.make_person(name="Charles Babbage", email="cb@example.org")
    sign_in(client, make.make_person(), NOW)
    path = f"/resources/{room.id}/book"
    values = AT_TEN | {"resource": str(laser.id), "party_size": "8", "companion_name": "CB@example.org"}
    assert post(client, path, values).status_code == 303
    made = newest()
    assert {one.resource_id for one in made.allocations} == {room.id, laser.id}
    assert (made.party_size, [one.person_id for one in made.companions]) == (8, [friend.id])
    unknown = post(client, path, AT_TEN | {"companion_name": "Nobody Here"})
    assert unknown.status_code == 422
    assert "Nobody is known here" in unknown.get_data(as_text=True)
    assert 'data-code="over_capacity"' in page(client, f"{path}?day=2026-03-03&time=10:00&minutes=60&party_size=13")


def test_a_let_lasts_until_the_end_of_its_last_day(client: FlaskClient) -> None:
    office = make.make_machine("Office", kind=Kind.OFFICE, opening=OpeningRule.ALWAYS)
    rules = {"max_minutes": 525600, "horizon_days": 400}
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(office.id), rules, NOW)
    tenant = make.make_person()
    sign_in(client, manager(), NOW)
    terms = {"let": "yes", "last_day": "2026-05-31", "let_keys": "A12", "let_deposit": "150", "let_notice_days": "30"}
    answer = post(client, f"/resources/{office.id}/book", AT_TEN | terms | {"person": str(tenant.id)})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    made = newest()
    assert made.let is not None
    assert (made.let.keys, made.let.deposit, made.let.notice_days) == ("A12", 15000, 30)
    assert made.ends_at.isoformat() == "2026-05-31T22:00:00+00:00"


def test_a_series_leaves_out_what_is_taken_and_says_so(client: FlaskClient) -> None:
    laser, day = make.make_machine(), timedelta(days=1)
    make.make_reservation(make.make_person(), [laser], START + day, END + day)
    sign_in(client, make.make_person(), NOW)
    path = f"/resources/{laser.id}/book"
    values = AT_TEN | {"repeat": "daily", "count": "3"}
    text = client.get(f"{path}/check", query_string=values).get_data(as_text=True)
    assert "2 dates can be booked" in text
    assert "1 is left out" in text
    answer = post(client, path, values)
    assert answer.location.startswith("/series/")
    skipped = db.session.scalars(select(SkippedOccurrence)).one()
    assert skipped.occurrence_at == START + day
    assert "1 date could not be booked" in page(client, answer.location)


def test_a_request_is_accepted_and_turns_down_its_rivals(client: FlaskClient) -> None:
    laser, ada, bob = machine_with(approval=True), make.make_person(name="Ada"), make.make_person(name="Bob")
    path = f"/resources/{laser.id}/book"
    made = []
    for person in (ada, bob):
        sign_in(client, person, NOW)
        assert "The staff has to agree" in page(client, f"{path}?day=2026-03-02&time=10:00&minutes=60")
        answer = post(client, path, AT_TEN)
        assert "Asked for: Laser cutter" in page(client, answer.location)
        made.append(newest().id)
    assert client.get("/reservations/requests").status_code == 403
    sign_in(client, manager(), NOW)
    text = page(client, "/reservations/requests")
    assert "turns down 1 other request" in text
    post(client, f"/reservations/{made[0]}/accept", page="/reservations/requests")
    db.session.expire_all()
    states = [db.session.get_one(Reservation, ident).state for ident in made]
    assert states == [ReservationState.BOOKED, ReservationState.REJECTED]
    assert "Nothing waits for you" in page(client, "/reservations/requests")


def test_a_request_is_turned_down_with_a_reason_that_its_person_reads(client: FlaskClient) -> None:
    laser, ada = machine_with(approval=True), make.make_person(name="Ada")
    sign_in(client, ada, NOW)
    post(client, f"/resources/{laser.id}/book", AT_TEN)
    ident = newest().id
    sign_in(client, manager(), NOW)
    assert "Turn this request down?" in page(client, f"/reservations/{ident}/reject")
    assert post(client, f"/reservations/{ident}/reject", {"reason": " "}).status_code == 422
    post(client, f"/reservations/{ident}/reject", {"reason": "the lens is on order"})
    sign_in(client, ada, NOW)
    text = page(client, f"/reservations/{ident}")
    assert "Turned down" in text
    assert "the lens is on order" in text


def test_checking_in_and_finishing_early(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    laser, person = make.make_machine(), make.make_person()
    made = make.make_reservation(person, [laser], NOW, END)
    early = make.make_reservation(person, [laser], NOW + 5 * HOUR, NOW + 6 * HOUR)
    sign_in(client, person, NOW)
    assert "I am here" in page(client, f"/l/{laser.id}")
    answer = post(client, f"/reservations/{made.id}/check-in", {"next": f"/l/{laser.id}"}, page="/reservations")
    assert answer.location == f"/l/{laser.id}"
    text = page(client, f"/l/{laser.id}")
    assert "You are checked in since 09:00" in text
    assert "I have finished" in text
    monkeypatch.setattr(clock, "now", lambda: NOW + HOUR)
    post(client, f"/reservations/{made.id}/finish", page="/reservations")
    post(client, f"/reservations/{early.id}/check-in", page="/reservations")
    db.session.expire_all()
    found = db.session.get_one(Reservation, made.id)
    assert (found.arrived_by, found.state) == (ArrivedBy.PAGE, ReservationState.FINISHED)
    assert db.session.get_one(Reservation, early.id).started_at is None


def test_cancelling_late_is_warned_of(client: FlaskClient) -> None:
    laser, person = machine_with(cancel_hours=24), make.make_person()
    made = make.make_reservation(person, [laser], START, END)
    sign_in(client, person, NOW)
    assert "Now it counts as cancelled late" in page(client, f"/reservations/{made.id}")
    assert "it counts as cancelled late" in page(client, f"/reservations/{made.id}/cancel")
    post(client, f"/reservations/{made.id}/cancel")
    assert "Cancelled late" in page(client, f"/reservations/{made.id}")
