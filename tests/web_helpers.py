"""Signing in within tests, without a password: what a session of the application holds."""

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fablab.people.models import Person


def session_values(person: Person, at: datetime | None = None) -> dict[str, object]:
    """What the session of a person who signed in at `at` (else now) holds."""
    began = int((at or datetime.now(UTC)).timestamp())
    return {"_user_id": person.session_key, "_fresh": True, "began": began, "seen": began}


def sign_in(client: FlaskClient, person: Person, at: datetime | None = None) -> FlaskClient:
    """Makes `client` the browser of `person`; returns it."""
    with client.session_transaction() as session:
        session.clear()
        session.update(session_values(person, at))
    return client


def session_cookie(app: Flask, person: Person, at: datetime | None = None) -> str:
    """The value of the cookie `fablab` of a person's session, for a real browser."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # of secure cookies
    return str(serializer.dumps(session_values(person, at)))


def csrf_token(client: FlaskClient, path: str = "/sign-in") -> str:
    """The CSRF token that the page at `path` holds."""
    page = client.get(path, follow_redirects=True).get_data(as_text=True)
    return page.split('name="csrf-token" content="')[1].split('"')[0]


def post(
    client: FlaskClient, path: str, data: Mapping[str, object] | None = None, page: str | None = None
) -> TestResponse:
    """Posts a form with the token of `page` (else of the path's own page)."""
    return client.post(path, data={"csrf_token": csrf_token(client, page or path), **(data or {})})
