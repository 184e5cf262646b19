"""The routes: what strangers learn and do not learn, what the holder downloads, what programs fetch."""

import json
import re
from datetime import datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core.actor import Role
from fablab.core.db import transaction
from fablab.credentials import certificate, keys
from fablab.credentials.checking import check
from tests.conftest import CountQueries
from tests.credentials.conftest import HOME, holder_and_grant
from tests.credentials.test_badges import change
from tests.factories import make_certification, make_grant, make_person
from tests.web_helpers import sign_in


def words(client: FlaskClient, path: str, status: int = 200) -> str:
    """The words of the main part of a page."""
    answer = client.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == status
    main = answer.get_data(as_text=True).split("<main", 1)[1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.split(">", 1)[1])).split())


def day(at: datetime) -> str:
    """As the lab's calendar has it, which is another day than UTC's for an hour or two of each night."""
    here = at.astimezone(ZoneInfo("Europe/Paris"))
    return f"{here.day} {here:%B %Y}"


def test_the_day_is_written_as_here(app: Flask, client: FlaskClient, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    assert day(grant.granted_at) in words(client, f"/verify/{grant.public_id}")


def test_strangers_learn_what_they_must_and_no_more(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now, proof="secret proof", reason="secret note")
    path = f"/verify/{grant.public_id}"
    said = words(client, path)
    assert said.startswith("Certificate Valid Laser CO2 On one's own Holder A. M. P. Certified since")
    assert "Issued by Test Lab" in said
    whole = client.get(path, headers={"Accept-Language": "en"}).get_data(as_text=True)
    hidden = ["Petrova", "Ana-Maria", "ana@example.org", "secret", f"/people/{holder.id}", f"grants/{grant.id}"]
    assert [word for word in hidden if word in whole] == []
    assert grant.valid_until is not None
    assert day(grant.valid_until) not in whole


def test_it_says_how_it_stands(app: Flask, client: FlaskClient, now: datetime) -> None:
    _holder, grant = holder_and_grant(now, granted_at=now - timedelta(days=3))
    path = f"/verify/{grant.public_id}"
    change(grant, suspended_at=now - timedelta(days=1))
    assert words(client, path).startswith("Certificate Suspended for now Laser CO2")
    assert "must not be relied on now" in words(client, path)
    change(grant, revoked_at=now)
    assert words(client, path).startswith("Certificate No longer valid Laser CO2")
    change(grant, suspended_at=None, revoked_at=None)
    assert words(client, path).startswith("Certificate Valid")


def test_unknown_numbers_and_people_who_left_are_not_known(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    for public_id in ("x", "A" * 22, "A" * 500, grant.public_id.swapcase()):
        assert "stands by no certificate" in words(client, f"/verify/{public_id}", 404)
    with transaction():
        holder.anonymised_at = now
    assert "stands by no certificate" in words(client, f"/verify/{grant.public_id}", 404)


def test_the_page_is_neither_indexed_nor_kept(app: Flask, client: FlaskClient, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    for public_id in (grant.public_id, "unknown"):
        answer = client.get(f"/verify/{public_id}")
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert answer.headers["Cache-Control"] == "no-store"
        assert '<meta name="robots" content="noindex, nofollow">' in answer.get_data(as_text=True)


def test_who_tries_numbers_is_stopped(app: Flask, client: FlaskClient, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    for _ in range(30):
        assert client.get("/verify/guess").status_code == 404
    answer = client.get(f"/verify/{grant.public_id}")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 60
    another = client.get(f"/verify/{grant.public_id}", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert another.status_code == 200


def test_ids_cannot_be_guessed(app: Flask, now: datetime) -> None:
    ids = {holder_and_grant_id(now, number) for number in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in ids), "128 bits"


def holder_and_grant_id(now: datetime, number: int) -> str:
    return make_grant(make_person(email=f"p{number}@example.org"), make_certification()).public_id


def test_the_page_asks_little_of_the_database(
    app: Flask, client: FlaskClient, now: datetime, count_queries: CountQueries
) -> None:
    _holder, grant = holder_and_grant(now)
    public_id = grant.public_id
    count_queries()
    client.get(f"/verify/{public_id}")
    assert count_queries() <= 2


def test_the_holder_downloads_all_three(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    base = f"/certifications/grants/{grant.id}"
    sign_in(client, holder)
    pdf = client.get(f"{base}/certificate.pdf")
    assert (pdf.status_code, pdf.content_type, pdf.data[:5]) == (200, "application/pdf", b"%PDF-")
    signed = client.get(f"{base}/badge.jwt")
    assert signed.content_type == "application/vc+jwt"
    assert signed.headers["Content-Disposition"] == f"attachment; filename=badge-{grant.id}.jwt"
    assert check(signed.get_data(as_text=True), now).holds
    plain = client.get(f"{base}/badge.json")
    assert plain.content_type == "application/vc"
    assert plain.headers["Link"] == f'<{base}/badge.jwt>; rel="alternate"; type="application/vc+jwt"'
    said = check(signed.get_data(as_text=True), now).credential
    assert json.loads(plain.data) == {
        name: said[name] for name in said if name not in {"iss", "jti", "sub", "nbf", "exp"}
    }
    assert {one.headers["Cache-Control"] for one in (pdf, signed, plain)} == {"no-store"}


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.MANAGER, Role.ADMINISTRATOR, Role.MAKER])
def test_staff_may_too_and_other_makers_may_not(app: Flask, client: FlaskClient, now: datetime, role: Role) -> None:
    _holder, grant = holder_and_grant(now)
    sign_in(client, make_person(role=role, password="x"))
    for name in ("certificate.pdf", "badge.jwt", "badge.json"):
        answer = client.get(f"/certifications/grants/{grant.id}/{name}")
        assert answer.status_code == (404 if role is Role.MAKER else 200)
        assert client.get(f"/certifications/grants/999999/{name}").status_code == 404


def test_what_does_not_hold_has_none_and_the_page_says_why(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    sign_in(client, holder)
    paths = [f"/certifications/grants/{grant.id}/{name}" for name in ("certificate.pdf", "badge.jwt", "badge.json")]
    change(grant, suspended_at=now)
    assert all("is suspended since" in words(client, path, 409) for path in paths)
    change(grant, revoked_at=now)
    assert all("ended on" in words(client, path, 409) for path in paths)


def test_where_no_pdf_can_be_made_the_page_says_so(
    app: Flask, client: FlaskClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, grant = holder_and_grant(now)
    sign_in(client, holder)
    monkeypatch.setattr(certificate, "is_available", lambda: False)
    said = words(client, f"/certifications/grants/{grant.id}/certificate.pdf", 503)
    assert "This server cannot make PDF" in said
    assert client.get(f"/certifications/grants/{grant.id}/badge.jwt").status_code == 200


def test_programs_of_any_site_fetch_keys_lists_and_the_issuer(app: Flask, client: FlaskClient, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    expected = {
        "/.well-known/jwks.json": "application/jwk-set+json",
        "/.well-known/jwt-vc-issuer/credentials/issuer": "application/json",
        "/credentials/issuer": "application/json",
        "/credentials/status/1": "application/vc+jwt",
    }
    for path, kind in expected.items():
        answer = client.get(path)
        assert (answer.status_code, answer.content_type) == (200, kind)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Set-Cookie" not in answer.headers
    assert client.get("/.well-known/jwks.json").json == keys.jwks()
    assert client.get("/credentials/issuer").json == {
        "id": f"{HOME}/credentials/issuer",
        "type": ["Profile"],
        "name": "Test Lab",
        "url": HOME,
    }
    assert client.get("/credentials/status/2").status_code == 404
