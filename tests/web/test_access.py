"""Who may call what: one row for each route. A route without a row fails, and so does a row without a route."""

from collections.abc import Iterator

import pytest
from flask import Flask

from fablab.app import create_app
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.people.models import ApiToken, Person
from fablab.people.tokens import _digest
from fablab.web.access import declared
from tests.conftest import forget_the_request_before
from tests.factories import (
    NOW,
    make_person,
    save,
)
from tests.web.access_table import CALLERS, GONE, OWN_OR_MANAGER, TABLE
from tests.web.access_world import World, make_world, token_of

BODIES = {"revoke": {"reason": "lost"}}
"""What is sent where an empty body would be refused before anybody looks at whose thing it is."""


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Each route as in the table, and its endpoint."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield f"{method} {rule.rule}", rule.endpoint


@pytest.fixture
def lab_app(sqlite_config: Config) -> Iterator[Flask]:
    """The application on SQLite: who may do what does not depend on the database."""
    application = create_app(sqlite_config)
    application.before_request_funcs.setdefault(None, []).insert(0, forget_the_request_before)
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def world(lab_app: Flask) -> World:
    """Something of every kind for the addresses."""
    return make_world()


def test_every_route_has_a_row(lab_app: Flask) -> None:
    assert sorted({route for route, _endpoint in routes(lab_app)} ^ set(TABLE)) == []


def test_every_route_declares_what_the_table_says(lab_app: Flask) -> None:
    lowest = {"y": None, "s": Role.MAKER}
    wrong = []
    for route, endpoint in routes(lab_app):
        if endpoint == "static" or TABLE[route] == GONE:
            continue
        found = declared(lab_app, endpoint)
        role = lowest[TABLE[route][0]]
        if role is not None:
            refused = len(TABLE[route][1:]) - len(TABLE[route][1:].lstrip("n"))
            role = {0: Role.MAKER, 2: Role.INSTRUCTOR, 3: Role.MANAGER, 4: Role.ADMINISTRATOR}[refused]
        if found is None or found.role != role:
            wrong.append(route)
    assert not wrong


def test_what_changes_something_is_not_for_reading_tokens(lab_app: Flask) -> None:
    unsafe = [
        (route, declared(lab_app, endpoint)) for route, endpoint in routes(lab_app) if not route.startswith("GET")
    ]
    assert [route for route, found in unsafe if found and found.role is not None and found.scope == "read"] == []


def _last(route: str) -> tuple[int, str]:
    """What ends things comes after what looks at them."""
    words = (
        "GET",
        "PUT",
        "PATCH",
        "POST",
        "revoke",
        "disable",
        "remove",
        "DELETE",
        "anonymise",
        "DELETE /api/v1/people",
    )
    return max(place for place, word in enumerate(words) if word in route), route


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_what_the_table_says(lab_app: Flask, world: World, caller: str) -> None:
    wrong = []
    for route in sorted(TABLE, key=_last):
        method, _, rule = route.partition(" ")
        path = rule
        for name, ident in world.ids.items():
            for kind in ("int:", "path:", ""):
                path = path.replace(f"<{kind}{name}>", str(ident))
        got = _ask(lab_app, method, path, world.tokens.get(caller))
        wanted = TABLE[route][CALLERS.index(caller)]
        if route == "POST /api/v1/badges/<int:badge_id>/revoke":
            wanted = OWN_OR_MANAGER[CALLERS.index(caller)]
        if not _fits(got, wanted, caller):
            wrong.append(f"{route}: {got}, not {wanted}")
    assert not wrong


def _ask(app: Flask, method: str, path: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = BODIES.get(path.rpartition("/")[2], {}) if method != "GET" else None
    json, data = (body, None) if path.startswith("/api/") else (None, body)
    with app.test_client().open(path, method=method, headers=headers, json=json, data=data) as response:
        if response.status_code == 302 and "/sign-in" in (response.location or ""):
            return 401
        return response.status_code


def _fits(status: int, wanted: str, caller: str) -> bool:
    if caller == "nobody" and wanted in "y-" and status == 400:
        return True  # a form without the token of its page: open to everybody who has looked at the page
    if wanted == "y":
        return status not in {401, 403, 404, 500}
    return status == {"s": 401, "n": 403, "-": 404}[wanted]


@pytest.mark.parametrize("scope", ["read", "book", "manage", "admin"])
def test_a_scope_includes_those_before_it(lab_app: Flask, world: World, scope: str) -> None:
    token = token_of(db.session.get_one(Person, world.ids["person_id"]), "scoped")
    with transaction():
        db.session.get_one(ApiToken, token.id).scopes = [scope]
    assert _ask(lab_app, "GET", "/api/v1/me", "scoped") == 200
    assert (_ask(lab_app, "POST", "/api/v1/reservations/check", "scoped") == 403) is (scope == "read")


@pytest.mark.parametrize("how", ["unknown", "revoked", "expired", "of a disabled person"])
def test_a_token_that_has_ended_is_nobody(lab_app: Flask, how: str) -> None:
    person = make_person(active=how != "of a disabled person")
    text = "ended"
    if how != "unknown":
        ended = {"revoked": {"revoked_at": NOW}, "expired": {"expires_at": NOW}}.get(how, {})
        save(
            ApiToken(person_id=person.id, name="t", token_hash=_digest(text), scopes=["admin"], created_at=NOW, **ended)
        )
    assert _ask(lab_app, "GET", "/api/v1/me", text) == 401


def test_a_route_without_a_declaration_is_closed(lab_app: Flask) -> None:
    lab_app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert _ask(lab_app, "GET", "/forgotten", None) == 404
