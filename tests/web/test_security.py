"""Headers, the session's cookie, CSRF and what an error page tells."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.app import create_app
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db
from tests.factories import make_person
from tests.web_helpers import post, sign_in

PATHS = ("/", "/wall", "/sign-in", "/api/v1/health", "/nothing", "/static/favicon.svg")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers(client: FlaskClient, path: str) -> None:
    make_person(role=Role.ADMINISTRATOR, password="x")
    with client.get(path) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert "X-Powered-By" not in headers


def test_pages_of_somebody_are_not_kept(client: FlaskClient) -> None:
    sign_in(client, make_person())
    assert client.get("/account").headers["Cache-Control"] == "no-store"


def test_the_cookie_is_for_this_site_and_not_for_scripts(client: FlaskClient) -> None:
    make_person(role=Role.ADMINISTRATOR, password="x")
    cookie = client.get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("fablab=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_behind_tls_the_cookie_is_bound_to_the_host(sqlite_config: Config) -> None:
    config = sqlite_config.with_changes(web={"base_url": "https://lab.example"})
    app = create_app(config)
    with app.app_context():
        make_person(role=Role.ADMINISTRATOR, password="x")
        answer = app.test_client().get("/sign-in", base_url="https://lab.example")
        db.session.remove()
        db.engine.dispose()
    assert answer.headers["Set-Cookie"].startswith("__Host-fablab=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/sign-out", "/people/new", "/language/fr", "/certifications/new"])
def test_a_form_without_its_token_is_refused(client: FlaskClient, path: str) -> None:
    sign_in(client, make_person(role=Role.ADMINISTRATOR))
    assert client.post(path).status_code == 400
    assert client.post(path, data={"csrf_token": "made up"}).status_code == 400


def test_a_session_needs_a_token_for_the_api_too(client: FlaskClient) -> None:
    sign_in(client, make_person(role=Role.ADMINISTRATOR))
    answer = client.post("/api/v1/people", json={"name": "Ada"})
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    page = client.get("/account").get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    assert client.post("/api/v1/people", json={"name": "Ada"}, headers={"X-CSRFToken": token}).status_code == 201


def test_a_token_of_another_session_does_not_count(client: FlaskClient, app: Flask) -> None:
    other = sign_in(app.test_client(), make_person())
    page = other.get("/account").get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    sign_in(client, make_person())
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 400


def test_looking_changes_nothing(client: FlaskClient) -> None:
    sign_in(client, make_person(role=Role.ADMINISTRATOR))
    assert client.get("/sign-out").status_code == 405
    assert client.get("/account").status_code == 200


def test_a_page_asks_for_the_sign_in_and_comes_back(client: FlaskClient) -> None:
    answer = client.get("/account?x=1")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/account?x%3D1"


def test_an_unexpected_fault_shows_a_reference_and_nothing_inside(app: Flask) -> None:
    def broken() -> str:
        raise ValueError("the inside")

    broken.__dict__["access"] = app.view_functions["pages.wall"].__dict__["access"]
    app.add_url_rule("/broken", "broken", broken)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/broken")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "the inside" not in page
    assert "Traceback" not in page


@pytest.mark.parametrize(
    "path", ["/.git/config", "/.env", "/var/fablab.db", "/static/../app.py", "/static/", "/console"]
)
def test_nothing_of_the_inside_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{ 7 * 7 }}", '"><img src=x onerror=alert(1)>'])
def test_text_stays_text(client: FlaskClient, name: str) -> None:
    sign_in(client, make_person(role=Role.ADMINISTRATOR))
    made = post(client, "/people/new", {"name": name, "language": "en", "audience": "citizen", "role": "maker"})
    page = client.get(made.location).get_data(as_text=True)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "49" not in page.split("<h1>")[1].split("</h1>")[0]
