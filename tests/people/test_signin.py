"""Signing in and out, what ends a session, and the limits on guessing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.errors import Invalid
from fablab.people import passwords, service, setup, signin
from fablab.people.models import Person, SignInFailure
from tests.factories import make_person
from tests.web_helpers import csrf_token, post, sign_in

PASSWORD = "ember and plywood"
HASH = passwords.hashed(PASSWORD)
NOW = datetime.now(UTC)


@pytest.fixture
def ada(app: Flask) -> Person:
    make_person(role=Role.ADMINISTRATOR, password=HASH)
    return make_person(name="Ada", email="ada@example.org", password=HASH)


def log_in(client: FlaskClient, email: str = "ada@example.org", password: str = PASSWORD, **more: str) -> TestResponse:
    return post(client, "/sign-in", {"email": email, "password": password, **more})


def test_the_right_password_begins_a_session(client: FlaskClient, ada: Person) -> None:
    answer = log_in(client, next="/account")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert client.get("/account").status_code == 200


def test_the_address_may_be_typed_in_capitals(client: FlaskClient, ada: Person) -> None:
    assert log_in(client, " ADA@example.org ").status_code == 303


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_it_goes_on_to_own_pages_only(client: FlaskClient, ada: Person, onward: str) -> None:
    assert log_in(client, next=onward).location == "/"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(client: FlaskClient, ada: Person) -> None:
    wrong = log_in(client, password="something else")
    unknown = log_in(client, email="nobody@example.org")
    assert wrong.status_code == unknown.status_code == 422
    said = [re.sub(r'csrf_token" value="[^"]+"', "", page.text.split("<main")[1]) for page in (wrong, unknown)]
    assert said[0].replace("ada@", "") == said[1].replace("nobody@", "")


def test_both_are_checked_against_a_hash(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def note(stored: str | None, _password: str) -> bool:
        asked.append(stored)
        return False

    monkeypatch.setattr(passwords, "matches", note)
    signin.sign_in("ada@example.org", "x", "::1", NOW)
    signin.sign_in("nobody@example.org", "x", "::1", NOW)
    assert asked == [HASH, None]


def test_a_disabled_person_cannot_sign_in(client: FlaskClient, app: Flask) -> None:
    make_person(role=Role.ADMINISTRATOR, password=HASH)
    make_person(email="ada@example.org", password=HASH, active=False)
    assert log_in(client).status_code == 422


def test_the_session_is_a_new_one(client: FlaskClient, ada: Person) -> None:
    token = csrf_token(client)
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    log_in(client)
    with client.session_transaction() as session:
        assert "planted" not in session
    assert csrf_token(client, "/account") != token


def test_the_eleventh_wrong_password_must_wait(ada: Person) -> None:
    for _ in range(10):
        assert signin.sign_in("ada@example.org", "wrong", "::1", NOW) is None
    with pytest.raises(signin.TooMany) as slow:
        signin.sign_in("ada@example.org", PASSWORD, "::2", NOW)
    assert slow.value.retry_after == 900


def test_others_are_not_shut_out(ada: Person) -> None:
    make_person(email="bob@example.org", password=HASH)
    for _ in range(10):
        signin.sign_in("ada@example.org", "wrong", "::1", NOW)
    assert signin.sign_in("bob@example.org", PASSWORD, "::1", NOW) is not None


def test_after_a_quarter_of_an_hour_it_goes_on(ada: Person) -> None:
    for _ in range(10):
        signin.sign_in("ada@example.org", "wrong", "::1", NOW)
    assert signin.sign_in("ada@example.org", PASSWORD, "::1", NOW + signin.WINDOW) is not None


def test_the_right_password_clears_the_count(ada: Person) -> None:
    for _ in range(9):
        signin.sign_in("ada@example.org", "wrong", "::1", NOW)
    signin.sign_in("ada@example.org", PASSWORD, "::1", NOW)
    assert signin.sign_in("ada@example.org", "wrong", "::1", NOW) is None


def test_an_address_has_a_limit_over_all_accounts(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "matches", lambda *_: False)
    for number in range(100):
        signin.sign_in(f"guess{number}@example.org", "wrong", "::1", NOW)
    with pytest.raises(signin.TooMany):
        signin.sign_in("ada@example.org", PASSWORD, "::1", NOW)
    signin.sign_in("ada@example.org", PASSWORD, "::2", NOW)


def test_the_page_says_when_to_try_again(client: FlaskClient, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "matches", lambda *_: False)
    for _ in range(10):
        log_in(client, password="wrong")
    answer = log_in(client)
    assert answer.status_code == 429
    assert 800 < int(answer.headers["Retry-After"]) <= 900


def test_old_failures_are_forgotten(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "matches", lambda *_: False)
    signin.sign_in("ada@example.org", "wrong", "::1", NOW - timedelta(days=91))
    signin.sign_in("ada@example.org", "wrong", "::1", NOW)
    assert signin.forget_failures(NOW) == 1
    assert db.session.query(SignInFailure).count() == 1


def test_neither_name_nor_address_is_kept_in_clear(ada: Person) -> None:
    signin.sign_in("ada@example.org", "wrong", "192.0.2.7", NOW)
    kept = db.session.query(SignInFailure).one()
    assert "ada" not in kept.account
    assert "192" not in kept.address


@pytest.mark.parametrize(
    ("role", "hours", "works"),
    [
        (Role.MAKER, 11.9, True),
        (Role.MAKER, 12.1, False),
        (Role.INSTRUCTOR, 1.9, True),
        (Role.INSTRUCTOR, 2.1, False),
        (Role.ADMINISTRATOR, 2.1, False),
    ],
)
def test_an_unused_session_ends(client: FlaskClient, app: Flask, role: Role, hours: float, works: bool) -> None:
    sign_in(client, make_person(role=role), at=NOW)
    with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
        assert (client.get("/account").status_code == 200) is works


def test_a_used_session_ends_after_a_week(client: FlaskClient, app: Flask) -> None:
    sign_in(client, make_person(), at=NOW)
    for hours in range(1, 7 * 24, 11):
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            assert client.get("/account").status_code == 200
    with time_machine.travel(NOW + timedelta(days=7, minutes=1), tick=False):
        assert client.get("/account").status_code == 302


def test_a_wall_that_nobody_looks_at_keeps_no_session(client: FlaskClient, app: Flask) -> None:
    sign_in(client, make_person(role=Role.MANAGER), at=NOW)
    for minutes in (50, 100):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            client.get("/wall/cards")
    with time_machine.travel(NOW + timedelta(minutes=125), tick=False):
        assert client.get("/account").status_code == 302


def test_signing_out_ends_copies_of_the_session_too(client: FlaskClient, app: Flask, ada: Person) -> None:
    other = sign_in(app.test_client(), ada)
    log_in(client)
    post(client, "/sign-out", page="/account")
    assert client.get("/account").status_code == 302
    assert other.get("/account").status_code == 302


ENDINGS = {
    "disabled": {"active": False},
    "another role": {"role": Role.INSTRUCTOR},
}


@pytest.mark.parametrize("values", ENDINGS.values(), ids=ENDINGS)
def test_a_change_of_rights_ends_sessions(client: FlaskClient, ada: Person, values: dict[str, object]) -> None:
    sign_in(client, ada)
    assert client.get("/account").status_code == 200
    service.change(system("cli"), ada.id, values, NOW)
    assert client.get("/account").status_code == 302


def test_a_new_password_ends_all_sessions_but_this_one(client: FlaskClient, app: Flask, ada: Person) -> None:
    other = sign_in(app.test_client(), ada)
    log_in(client)
    form = {"old": PASSWORD, "password": "a better sentence", "again": "a better sentence"}
    assert post(client, "/account/password", form, page="/account").status_code == 303
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert signin.sign_in("ada@example.org", "a better sentence", "::1", NOW) is not None


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old": "no", "password": "a better sentence", "again": "a better sentence"}, "old"),
        ({"old": PASSWORD, "password": "short", "again": "short"}, "password"),
        ({"old": PASSWORD, "password": "a better sentence", "again": "another one"}, "again"),
    ],
)
def test_a_faulty_change_of_password_changes_nothing(
    client: FlaskClient, ada: Person, form: dict[str, object], field: str
) -> None:
    sign_in(client, ada)
    answer = post(client, "/account/password", form, page="/account")
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.get_data(as_text=True)
    assert signin.sign_in("ada@example.org", PASSWORD, "::1", NOW) is not None


@pytest.mark.parametrize("password", ["", "short", "x" * 201, "aaaaaaaaaaaa"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid):
        passwords.hashed(password)


def test_passwords_are_argon2id() -> None:
    assert HASH.startswith("$argon2id$")
    assert passwords.matches(HASH, PASSWORD)
    assert not passwords.matches(HASH, PASSWORD + "x")
    assert not passwords.matches("no hash at all", PASSWORD)


# -- the first start --------------------------------------------------------------------------------------------------


def set_up(client: FlaskClient, code: str, **over: str) -> TestResponse:
    form = {"code": code, "name": "Grace", "email": "grace@example.org", "password": PASSWORD} | over
    return post(client, "/set-up", form)


def test_a_new_lab_leads_to_the_set_up_page(client: FlaskClient) -> None:
    assert client.get("/sign-in").location == "/set-up"
    assert client.get("/set-up").status_code == 200


def test_the_code_makes_the_first_administrator(client: FlaskClient, app: Flask) -> None:
    config = app.extensions["fablab_config"]
    code = setup.code(config)
    assert setup.code_file(config).stat().st_mode & 0o077 == 0
    assert set_up(client, f" {code[:3]} {code[3:]}").status_code == 303
    assert client.get("/people").status_code == 200
    assert not setup.code_file(config).exists()
    assert client.get("/set-up").status_code == 404


@pytest.mark.parametrize(
    ("over", "field"), [({"code": "0"}, "code"), ({"email": "grace"}, "email"), ({"password": "short"}, "password")]
)
def test_a_faulty_set_up_makes_nobody(client: FlaskClient, app: Flask, over: dict[str, str], field: str) -> None:
    code = setup.code(app.extensions["fablab_config"])
    answer = set_up(client, **({"code": code} | over))
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.get_data(as_text=True)
    assert setup.is_needed()


def test_the_code_cannot_be_guessed(client: FlaskClient, app: Flask) -> None:
    for _ in range(10):
        assert set_up(client, "1").status_code == 422
    assert set_up(client, setup.code(app.extensions["fablab_config"])).status_code == 429


def test_there_is_no_set_up_beside_an_administrator(client: FlaskClient, ada: Person) -> None:
    assert client.get("/set-up").status_code == 404
    assert post(client, "/set-up", {"code": "1"}, page="/sign-in").status_code == 404
