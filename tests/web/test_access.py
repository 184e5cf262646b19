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
from tests.web.access_world import World, make_world, token_of

CALLERS = ("nobody", "member", "other", "instructor", "manager", "administrator")
"""`member` is the one whom the things in the addresses belong to; `other` is another maker."""

PUBLIC = "yyyyyy"
MAKER = "syyyyy"
INSTRUCTOR = "snnyyy"
MANAGER = "snnnyy"
OWN = "sy-yyy"
ONLY_OWN = "sy----"
OWN_OR_MANAGER = "sy--yy"
OWN_OR_ADMINISTRATOR = "sy---y"
CHANGES_PERSON = "sy-nyy"
ADMINISTRATOR = "snnnny"
GONE_BEFORE = "snnn--"  # the page has removed it already
GONE = "------"
"""For each caller: y may; s must sign in; n may not (403); - is told that there is nothing (404)."""

TABLE = {
    "GET /": PUBLIC,
    "GET /account": MAKER,
    "GET /passport": MAKER,
    "GET /people/<int:person_id>/passport": OWN,
    "GET /resources/<int:resource_id>/path": MAKER,
    "GET /account/notices": MAKER,
    "POST /account/notices": MAKER,
    "POST /account/notices/channels": MAKER,
    "POST /account/notices/channels/<int:channel_id>/remove": "s-----",
    "POST /account/calendars": MAKER,
    "POST /account/calendars/<int:feed_id>/end": "s-----",
    "GET /calendar/<secret>.ics": GONE,
    "GET /notices": ADMINISTRATOR,
    "POST /notices/<int:delivery_id>/<any(again, drop):what>": "snnnn-",
    "POST /notices/try": ADMINISTRATOR,
    "POST /account/password": MAKER,
    "POST /account/tokens": MAKER,
    "POST /account/tokens/<int:token_id>/revoke": OWN_OR_ADMINISTRATOR,
    "GET /.well-known/jwks.json": PUBLIC,
    "GET /.well-known/jwt-vc-issuer/credentials/issuer": PUBLIC,
    "GET /credentials/issuer": PUBLIC,
    "GET /credentials/status/<int:number>": PUBLIC,
    "GET /verify/<public_id>": PUBLIC,
    "GET /api/docs": PUBLIC,
    "GET /api/v1/access/check": MAKER,
    "GET /api/v1/certifications": MAKER,
    "POST /api/v1/certifications": MANAGER,
    "GET /api/v1/certifications/<int:certification_id>": MAKER,
    "PATCH /api/v1/certifications/<int:certification_id>": MANAGER,
    "DELETE /api/v1/certifications/<int:certification_id>": MANAGER,
    "GET /api/v1/certifications/<int:certification_id>/suspensions": MAKER,
    "POST /api/v1/certifications/<int:certification_id>/suspensions": INSTRUCTOR,
    "POST /api/v1/suspensions/<int:suspension_id>/lift": INSTRUCTOR,
    "GET /api/v1/resources/<int:resource_id>/requirements": MAKER,
    "PUT /api/v1/resources/<int:resource_id>/requirements": MANAGER,
    "GET /api/v1/resource-groups/<int:group_id>/requirements": MAKER,
    "PUT /api/v1/resource-groups/<int:group_id>/requirements": MANAGER,
    "GET /rules/groups/<int:group_id>/requirements": MANAGER,
    "POST /rules/groups/<int:group_id>/requirements": MANAGER,
    "GET /api/v1/certifications/<int:certification_id>/grants": MAKER,
    "POST /api/v1/certifications/<int:certification_id>/grants": INSTRUCTOR,
    "POST /api/v1/badges/<int:badge_id>/revoke": MAKER,
    "GET /api/v1/devices": MANAGER,
    "POST /api/v1/devices": MANAGER,
    "GET /api/v1/devices/<int:device_id>": MANAGER,
    "PATCH /api/v1/devices/<int:device_id>": MANAGER,
    "DELETE /api/v1/devices/<int:device_id>": MANAGER,
    "GET /api/v1/events": MAKER,
    "POST /api/v1/grants/<int:grant_id>/revoke": INSTRUCTOR,
    "GET /api/v1/health": PUBLIC,
    "GET /api/v1/machines": MAKER,
    "GET /api/v1/me": MAKER,
    "GET /api/v1/openapi.json": PUBLIC,
    "GET /api/v1/people": INSTRUCTOR,
    "POST /api/v1/people": MANAGER,
    "GET /api/v1/people/<int:person_id>": OWN,
    "PATCH /api/v1/people/<int:person_id>": CHANGES_PERSON,
    "DELETE /api/v1/people/<int:person_id>": MANAGER,
    "GET /api/v1/people/<int:person_id>/badges": OWN,
    "POST /api/v1/people/<int:person_id>/badges": MANAGER,
    "GET /api/v1/people/<int:person_id>/certifications": OWN,
    "GET /api/v1/ready": PUBLIC,
    "GET /api/v1/reservations": MAKER,
    "POST /api/v1/reservations": MAKER,
    "GET /api/v1/reservations/<int:reservation_id>": OWN,
    "GET /api/v1/reservations/<int:reservation_id>/let": OWN,
    "PATCH /api/v1/reservations/<int:reservation_id>/let": INSTRUCTOR,
    "POST /api/v1/reservations/<int:reservation_id>/let/notice": OWN,
    "PATCH /api/v1/reservations/<int:reservation_id>": OWN,
    "DELETE /api/v1/reservations/<int:reservation_id>": OWN,
    "POST /api/v1/reservations/check": MAKER,
    "GET /api/v1/slots": MAKER,
    "POST /api/v1/reservations/<int:reservation_id>/check": OWN,
    "POST /api/v1/reservations/<int:reservation_id>/check-in": OWN,
    "POST /api/v1/reservations/<int:reservation_id>/finish": OWN,
    "POST /api/v1/reservations/<int:reservation_id>/accept": INSTRUCTOR,
    "POST /api/v1/reservations/<int:reservation_id>/reject": INSTRUCTOR,
    "POST /api/v1/reservations/<int:reservation_id>/accept-offer": OWN,
    "POST /api/v1/reservations/<int:reservation_id>/decline-offer": OWN,
    "GET /api/v1/resources/<int:resource_id>/waitlist": MAKER,
    "POST /api/v1/resources/<int:resource_id>/waitlist": MAKER,
    "DELETE /api/v1/resources/<int:resource_id>/waitlist": "s-----",
    "GET /api/v1/series/<int:series_id>": OWN,
    "PATCH /api/v1/series/<int:series_id>": OWN,
    "POST /api/v1/series/<int:series_id>/cancel": OWN,
    "POST /api/v1/series/<int:series_id>/skipped/<int:skipped_id>/add": OWN,
    "GET /series/<int:series_id>": OWN,
    "GET /series/<int:series_id>/cancel": OWN,
    "POST /series/<int:series_id>/cancel": OWN,
    "GET /series/<int:series_id>/change": OWN,
    "POST /series/<int:series_id>/change": OWN,
    "POST /series/<int:series_id>/skipped/<int:skipped_id>/add": OWN,
    "GET /resources/<int:resource_id>/waiting": MAKER,
    "POST /resources/<int:resource_id>/waiting": MAKER,
    "POST /resources/<int:resource_id>/waiting/<int:entry_id>/leave": OWN,
    "GET /api/v1/resources": MAKER,
    "POST /api/v1/resources": MANAGER,
    "GET /api/v1/resources/<int:resource_id>": MAKER,
    "PATCH /api/v1/resources/<int:resource_id>": INSTRUCTOR,
    "DELETE /api/v1/resources/<int:resource_id>": MANAGER,
    "GET /api/v1/resources/<int:resource_id>/availability": MAKER,
    "GET /api/v1/resources/<int:resource_id>/status": MAKER,
    "GET /api/v1/trainings": PUBLIC,
    "POST /api/v1/trainings": INSTRUCTOR,
    "GET /api/v1/trainings.ics": PUBLIC,
    "GET /api/v1/trainings/<int:training_id>": PUBLIC,
    "PATCH /api/v1/trainings/<int:training_id>": INSTRUCTOR,
    "DELETE /api/v1/trainings/<int:training_id>": INSTRUCTOR,
    "GET /api/v1/trainings/<int:training_id>/calendar.ics": PUBLIC,
    "POST /api/v1/trainings/<int:training_id>/publish": INSTRUCTOR,
    "POST /api/v1/trainings/<int:training_id>/close": INSTRUCTOR,
    "POST /api/v1/trainings/<int:training_id>/reopen": INSTRUCTOR,
    "GET /api/v1/trainings/<int:training_id>/attendance": INSTRUCTOR,
    "PATCH /api/v1/trainings/<int:training_id>/attendance": INSTRUCTOR,
    "GET /api/v1/trainings/<int:training_id>/enrolments": MAKER,
    "POST /api/v1/trainings/<int:training_id>/enrolments": MAKER,
    "DELETE /api/v1/trainings/<int:training_id>/enrolments/<int:enrolment_id>": OWN,
    "POST /api/v1/trainings/<int:training_id>/enrolments/<int:enrolment_id>/accept": OWN,
    "POST /api/v1/trainings/<int:training_id>/enrolments/<int:enrolment_id>/decline": OWN,
    "GET /trainings": PUBLIC,
    "GET /trainings/<int:training_id>": PUBLIC,
    "GET /trainings/sheets.js": PUBLIC,
    "GET /trainings/given": INSTRUCTOR,
    "GET /trainings/new": INSTRUCTOR,
    "POST /trainings/new": INSTRUCTOR,
    "GET /trainings/<int:training_id>/edit": INSTRUCTOR,
    "POST /trainings/<int:training_id>/edit": INSTRUCTOR,
    "GET /trainings/<int:training_id>/attendance": INSTRUCTOR,
    "POST /trainings/<int:training_id>/attendance": INSTRUCTOR,
    "POST /trainings/<int:training_id>/publish": INSTRUCTOR,
    "POST /trainings/<int:training_id>/cancel": INSTRUCTOR,
    "POST /trainings/<int:training_id>/close": INSTRUCTOR,
    "POST /trainings/<int:training_id>/reopen": INSTRUCTOR,
    "POST /trainings/<int:training_id>/people": INSTRUCTOR,
    "POST /trainings/<int:training_id>/enrol": MAKER,
    "POST /trainings/<int:training_id>/enrolments/<int:enrolment_id>/withdraw": OWN,
    "POST /trainings/<int:training_id>/enrolments/<int:enrolment_id>/accept": OWN,
    "POST /trainings/<int:training_id>/enrolments/<int:enrolment_id>/decline": OWN,
    "GET /api/v1/usage-sessions": MAKER,
    "GET /api/v1/usage-sessions/<int:session_id>": OWN,
    "PATCH /api/v1/usage-sessions/<int:session_id>": INSTRUCTOR,
    "GET /api/v1/certifications/<int:certification_id>/questions": INSTRUCTOR,
    "POST /api/v1/certifications/<int:certification_id>/questions": INSTRUCTOR,
    "PUT /api/v1/questions/<int:question_id>": INSTRUCTOR,
    "DELETE /api/v1/questions/<int:question_id>": INSTRUCTOR,
    "POST /api/v1/certifications/<int:certification_id>/quiz-attempts": MAKER,
    "GET /api/v1/quiz-attempts/<int:attempt_id>": OWN,
    "PATCH /api/v1/quiz-attempts/<int:attempt_id>": ONLY_OWN,
    "POST /api/v1/quiz-attempts/<int:attempt_id>/hand-in": ONLY_OWN,
    "GET /certifications/<int:certification_id>/quiz": MAKER,
    "POST /certifications/<int:certification_id>/quiz": MAKER,
    "GET /certifications/<int:certification_id>/people/<int:person_id>/quiz": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/people/<int:person_id>/quiz-again": INSTRUCTOR,
    "GET /certifications/<int:certification_id>/questions": INSTRUCTOR,
    "GET /certifications/<int:certification_id>/questions/new": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/questions/new": INSTRUCTOR,
    "GET /questions/<int:question_id>/edit": INSTRUCTOR,
    "POST /questions/<int:question_id>/edit": INSTRUCTOR,
    "POST /questions/<int:question_id>/retire": INSTRUCTOR,
    "GET /quiz/<int:attempt_id>": OWN,
    "POST /quiz/<int:attempt_id>": ONLY_OWN,
    "GET /certifications/lapsing": INSTRUCTOR,
    "GET /certifications/history": INSTRUCTOR,
    "GET /certifications": MAKER,
    "GET /certifications/<int:certification_id>": MAKER,
    "GET /certifications/<int:certification_id>/edit": MANAGER,
    "POST /certifications/<int:certification_id>/edit": MANAGER,
    "GET /certifications/<int:certification_id>/people/<int:person_id>": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/people/<int:person_id>/grant": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/people/<int:person_id>/revoke": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/people/<int:person_id>/suspend": INSTRUCTOR,
    "POST /certifications/<int:certification_id>/people/<int:person_id>/lift/<int:suspension_id>": INSTRUCTOR,
    "GET /certifications/<int:certification_id>/retire": MANAGER,
    "POST /certifications/<int:certification_id>/retire": MANAGER,
    "GET /certifications/grants/<int:grant_id>/badge.json": OWN,
    "GET /certifications/grants/<int:grant_id>/badge.jwt": OWN,
    "GET /certifications/grants/<int:grant_id>/certificate.pdf": OWN,
    "GET /certifications/new": MANAGER,
    "POST /certifications/new": MANAGER,
    "POST /language/<code>": PUBLIC,
    "GET /people": MANAGER,
    "GET /people/<int:person_id>": OWN,
    "POST /people/<int:person_id>/anonymise": MANAGER,
    "POST /people/<int:person_id>/badges": MANAGER,
    "POST /people/<int:person_id>/badges/<int:badge_id>/revoke": OWN_OR_MANAGER,
    "POST /people/<int:person_id>/disable": MANAGER,
    "GET /people/<int:person_id>/edit": MANAGER,
    "POST /people/<int:person_id>/edit": MANAGER,
    "POST /people/<int:person_id>/enable": MANAGER,
    "GET /people/new": MANAGER,
    "POST /people/new": MANAGER,
    "POST /resources/<int:resource_id>/in-service": INSTRUCTOR,
    "POST /resources/<int:resource_id>/out-of-service": INSTRUCTOR,
    "GET /resources/<int:resource_id>/photo": "s-----",
    "POST /resources/<int:resource_id>/photo": MANAGER,
    "GET /devices": MANAGER,
    "POST /devices/<int:device_id>/adopt": MANAGER,
    "POST /devices/<int:device_id>/forget": MANAGER,
    "GET /l/<int:resource_id>": PUBLIC,
    "GET /find": MAKER,
    "GET /reservations": MAKER,
    "GET /reservations/<int:reservation_id>": OWN,
    "GET /reservations/<int:reservation_id>/event.ics": OWN,
    "GET /reservations/<int:reservation_id>/change": OWN,
    "POST /reservations/<int:reservation_id>/change": OWN,
    "POST /reservations/<int:reservation_id>/check-in": OWN,
    "POST /reservations/<int:reservation_id>/finish": OWN,
    "GET /reservations/<int:reservation_id>/let/notice": OWN,
    "POST /reservations/<int:reservation_id>/let/notice": OWN,
    "POST /reservations/<int:reservation_id>/let/keys": INSTRUCTOR,
    "POST /reservations/<int:reservation_id>/let/deposit": INSTRUCTOR,
    "GET /reservations/requests": INSTRUCTOR,
    "POST /reservations/<int:reservation_id>/accept": INSTRUCTOR,
    "GET /reservations/<int:reservation_id>/reject": INSTRUCTOR,
    "POST /reservations/<int:reservation_id>/reject": INSTRUCTOR,
    "POST /reservations/<int:reservation_id>/accept-offer": OWN,
    "POST /reservations/<int:reservation_id>/decline-offer": OWN,
    "GET /reservations/<int:reservation_id>/cancel": OWN,
    "POST /reservations/<int:reservation_id>/cancel": OWN,
    "GET /resources/new": MANAGER,
    "POST /resources/new": MANAGER,
    "GET /resources/<int:resource_id>/edit": MANAGER,
    "POST /resources/<int:resource_id>/edit": MANAGER,
    "GET /resources": MAKER,
    "GET /resources/<int:resource_id>": MAKER,
    "GET /resources/<int:resource_id>/book": MAKER,
    "POST /resources/<int:resource_id>/book": MAKER,
    "GET /resources/<int:resource_id>/book/check": MAKER,
    "GET /resources/<int:resource_id>/qr.svg": MAKER,
    "GET /timeline": MAKER,
    "GET /agenda": MAKER,
    "GET /day": INSTRUCTOR,
    "GET /api/v1/calendar": MAKER,
    "GET /usage": MAKER,
    "GET /usage.csv": MAKER,
    "POST /usage/<int:session_id>/person": INSTRUCTOR,
    "GET /api/v1/booking-rules": MAKER,
    "GET /api/v1/booking-rules/<level>/<target>": MAKER,
    "PATCH /api/v1/booking-rules/<level>/<target>": MANAGER,
    "DELETE /api/v1/booking-rules/<level>/<target>": MANAGER,
    "GET /api/v1/resources/<int:resource_id>/booking-rules": MAKER,
    "GET /api/v1/resource-groups": MAKER,
    "POST /api/v1/resource-groups": MANAGER,
    "GET /api/v1/resource-groups/<int:group_id>": MAKER,
    "PATCH /api/v1/resource-groups/<int:group_id>": MANAGER,
    "DELETE /api/v1/resource-groups/<int:group_id>": GONE_BEFORE,
    "GET /api/v1/membership-plans": MAKER,
    "POST /api/v1/membership-plans": MANAGER,
    "GET /api/v1/membership-plans/<int:plan_id>": MAKER,
    "PATCH /api/v1/membership-plans/<int:plan_id>": MANAGER,
    "DELETE /api/v1/membership-plans/<int:plan_id>": GONE_BEFORE,
    "GET /api/v1/closures": MAKER,
    "POST /api/v1/closures": MANAGER,
    "GET /api/v1/closures/<int:closure_id>": MAKER,
    "PATCH /api/v1/closures/<int:closure_id>": MANAGER,
    "DELETE /api/v1/closures/<int:closure_id>": GONE_BEFORE,
    "GET /api/v1/opening-exceptions": MAKER,
    "POST /api/v1/opening-exceptions": MANAGER,
    "POST /api/v1/opening-exceptions/holidays": MANAGER,
    "GET /api/v1/opening-exceptions/<int:exception_id>": MAKER,
    "DELETE /api/v1/opening-exceptions/<int:exception_id>": GONE_BEFORE,
    "GET /resources/<int:resource_id>/rules": MAKER,
    "GET /rules": MANAGER,
    "GET /rules/resource": MANAGER,
    "GET /rules/<level>/<target>": MANAGER,
    "POST /rules/<level>/<target>": MANAGER,
    "POST /rules/<level>/<target>/reset": MANAGER,
    "POST /rules/groups": MANAGER,
    "POST /rules/groups/<int:group_id>/rename": MANAGER,
    "POST /rules/groups/<int:group_id>/remove": MANAGER,
    "POST /rules/plans": MANAGER,
    "POST /rules/plans/<int:plan_id>/rename": MANAGER,
    "POST /rules/plans/<int:plan_id>/remove": MANAGER,
    "GET /closures": MANAGER,
    "GET /closures/new": MANAGER,
    "POST /closures/new": MANAGER,
    "POST /closures/<int:closure_id>/remove": MANAGER,
    "GET /closures/days/new": MANAGER,
    "POST /closures/days/new": MANAGER,
    "POST /closures/days/<int:exception_id>/remove": MANAGER,
    "GET /closures/holidays": MANAGER,
    "POST /closures/holidays": MANAGER,
    "GET /set-up": GONE,
    "POST /set-up": GONE,
    "GET /sign-in": PUBLIC,
    "POST /sign-in": PUBLIC,
    "POST /sign-out": PUBLIC,
    "GET /static/<path:filename>": PUBLIC,
    "GET /wall": PUBLIC,
    "GET /wall/cards": PUBLIC,
    "GET /wall/stream": PUBLIC,
}
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
    words = ("GET", "PUT", "PATCH", "POST", "revoke", "disable", "remove", "DELETE", "anonymise", "DELETE /api/v1/people")
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
