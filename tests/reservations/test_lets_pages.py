"""A lasting let by REST and on its page without scripts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations.models import Let, Reservation
from fablab.resources.models import Kind, OpeningRule
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

DAY = timedelta(days=1)
AGREED = NOW + 90 * DAY
ENDS = datetime.fromisoformat("2026-04-01T22:00:00+00:00")


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person(name="Ada")


@pytest.fixture
def staff(app: Flask) -> Person:
    return make.make_person(role=Role.INSTRUCTOR)


def make_let(tenant: Person, **over: Any) -> Reservation:
    """An office with thirty days of notice."""
    office = make.make_machine("Office 3", kind=Kind.OFFICE, opening=OpeningRule.ALWAYS)
    terms = Let(**{"keys": "B12", "deposit": 40_000, "notice_days": 30} | over)
    return make.make_reservation(tenant, [office], NOW - 10 * DAY, AGREED, let=terms)


def fresh(reservation: Reservation) -> Reservation:
    db.session.expire_all()
    return db.session.get_one(Reservation, reservation.id)


def test_rest_shows_the_terms_takes_notice_and_notes_what_came_back(app: Flask, ada: Person, staff: Person) -> None:
    path = f"/reservations/{make_let(ada).id}/let"
    tenant, lab = Program(app, ada), Program(app, staff)
    shown = tenant.get(path).json
    assert shown is not None
    assert (
        shown
        | {
            "keys": "B12",
            "keys_returned_at": None,
            "deposit": 40_000,
            "currency": "EUR",
            "deposit_returned_at": None,
            "notice_days": 30,
            "notice_given_at": None,
        }
        == shown
    )
    noticed = tenant.ask("POST", f"{path}/notice")
    assert noticed.status_code == 200
    assert noticed.json is not None
    assert datetime.fromisoformat(noticed.json["end"]) == ENDS
    assert datetime.fromisoformat(noticed.json["notice_given_at"]) == NOW
    assert tenant.ask("POST", f"{path}/notice").status_code == 409
    assert tenant.ask("PATCH", path, {"keys_returned": True}).status_code == 403
    for body, keys, deposit in [
        ({"keys_returned": True}, True, False),
        ({"keys_returned": True, "deposit_returned": True}, True, True),
        ({"keys_returned": False}, False, True),
        ({}, False, True),
    ]:
        answer = lab.ask("PATCH", path, body)
        assert answer.status_code == 200
        assert answer.json is not None
        assert (answer.json["keys_returned_at"] is not None, answer.json["deposit_returned_at"] is not None) == (
            keys,
            deposit,
        )


@pytest.mark.parametrize(
    "body", [{"keys_returned": 1}, {"keys_returned": "yes"}, {"notice_days": 3}, {"deposit_returned": []}, []]
)
def test_rest_refuses_other_words(app: Flask, ada: Person, staff: Person, body: Any) -> None:
    made = make_let(ada)
    assert Program(app, staff).ask("PATCH", f"/reservations/{made.id}/let", body).status_code == 422
    assert fresh(made).let is not None


def test_rest_finds_no_let_of_others_and_none_where_there_is_none(app: Flask, ada: Person, staff: Person) -> None:
    let, bare = make_let(ada), make_let(ada, keys="", deposit=0)
    booking = make.make_reservation(ada, [make.make_machine()], NOW, NOW + DAY)
    stranger, lab = Program(app, make.make_person()), Program(app, staff)
    for asking, ident in [(stranger, let.id), (lab, booking.id), (lab, 999_999)]:
        assert asking.get(f"/reservations/{ident}/let").status_code == 404
        assert asking.ask("POST", f"/reservations/{ident}/let/notice").status_code == 404
    assert lab.ask("PATCH", f"/reservations/{booking.id}/let", {"keys_returned": True}).status_code == 404
    assert lab.ask("PATCH", f"/reservations/{bare.id}/let", {"keys_returned": True}).status_code == 409


def test_the_tenant_gives_notice_on_the_page(client: FlaskClient, ada: Person) -> None:
    made = make_let(ada)
    sign_in(client, ada, NOW)
    path = f"/reservations/{made.id}"
    text = page(client, path)
    for words in ("The let", "Keys: B12", "Deposit: €400.00", "30 days of notice", "The last day is 31 May 2026."):
        assert words in text
    assert "The keys are back" not in text
    asked = page(client, f"{path}/let/notice")
    assert "The last day is then 1 April 2026." in asked
    assert post(client, f"{path}/let/notice").location == path
    assert fresh(made).ends_at == ENDS
    text = page(client, path)
    for words in ("The last day is 1 April 2026.", "Notice was given on 2 March 2026."):
        assert words in text
    assert "Yes, give notice" not in text
    assert client.get(f"{path}/let/notice").location == path
    assert post(client, f"{path}/let/notice", page=path).location == path
    assert "Notice is given already." in page(client, path)


def test_staff_note_what_comes_back_and_take_it_back(client: FlaskClient, ada: Person, staff: Person) -> None:
    made = make_let(ada)
    path = f"/reservations/{made.id}"
    sign_in(client, ada, NOW)
    assert post(client, f"{path}/let/keys", {"back": "yes"}, page=path).status_code == 403
    sign_in(client, staff, NOW)
    for what, done, undone in (
        ("keys", "The keys are back", "The keys are not back"),
        ("deposit", "Deposit given back", "Deposit not given back"),
    ):
        assert done in page(client, path)
        post(client, f"{path}/let/{what}", {"back": "yes"}, page=path)
        text = page(client, path)
        assert undone in text
        assert "2 March 2026" in text
        post(client, f"{path}/let/{what}", {"back": "no"}, page=path)
        assert getattr(fresh(made).let, f"{what}_returned_at") is None
    assert "Keys not returned after all" in page(client, path)


def test_what_is_no_let_has_no_such_section(client: FlaskClient, staff: Person) -> None:
    made = make.make_reservation(staff, [make.make_machine()], NOW, NOW + DAY)
    sign_in(client, staff, NOW)
    assert "The let" not in page(client, f"/reservations/{made.id}")
    assert client.get(f"/reservations/{made.id}/let/notice").status_code == 404


def test_a_let_without_keys_deposit_or_notice(client: FlaskClient, staff: Person) -> None:
    made = make_let(staff, keys="", deposit=0, notice_days=0)
    sign_in(client, staff, NOW)
    text = page(client, f"/reservations/{made.id}")
    assert "without notice before" in text
    assert "The last day is then 2 March 2026." in text
    for words in ("Keys", "Deposit", "The keys are back"):
        assert words not in text
