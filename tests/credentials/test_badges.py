"""Open Badges 3.0 that others verify: two independent libraries, and the signature with nothing but Ed25519."""

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask
from flask.testing import FlaskClient
from openbadgeslib.ob3 import OB3Verifier
from openbadgeslib.ob3.verifier import OB3VerificationError
from openvc.errors import OpenvcError
from openvc.jwt_vc_issuer import resolve_jwt_vc_issuer_key
from openvc.keys import verify_signature
from openvc.status.status_list import check_credential_status
from sqlalchemy import func, select

from fablab.certifications.models import Evidence, Grant
from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import NotFound
from fablab.credentials import badges, keys
from fablab.credentials.grants import Ended
from fablab.credentials.models import SignedBadge
from tests.conftest import CountQueries
from tests.credentials.conftest import HOME, holder_and_grant
from tests.factories import make_actor, make_certification, make_grant, make_person, save

STAFF = Actor(None, Role.INSTRUCTOR, "web")


def part(token: str, number: int) -> dict[str, Any]:
    """Header (0) or payload (1) of a JWT, unverified."""
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def public_key(kid: str) -> Ed25519PublicKey:
    (found,) = [one for one in keys.jwks()["keys"] if one["kid"] == kid]
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(found["x"] + "="))


def fetcher(client: FlaskClient) -> Callable[[str], bytes]:
    """What fetches an address of the lab, as a verifier does over the network."""

    def fetch(url: str) -> bytes:
        assert url.startswith(HOME + "/")
        answer = client.get(url.removeprefix(HOME))
        assert answer.status_code == 200
        return answer.data

    return fetch


def by_openbadgeslib(token: str, client: FlaskClient) -> None:
    """Raises OB3VerificationError unless the badge holds; the status list is fetched and verified too."""
    verifier = OB3Verifier(public_key(part(token, 0)["kid"]))
    verifier.verify(token, check_status=True, download=fetcher(client))


def by_openvc(token: str, client: FlaskClient) -> dict[str, Any]:
    """What a badge says. Raises AssertionError or OpenvcError unless it holds. The key is found from the issuer's name
    alone, the status in the list that the badge names, and neither passes through a library that we use."""
    fetch = fetcher(client)

    def opened(text: str) -> dict[str, Any]:
        header, said = part(text, 0), part(text, 1)
        key = resolve_jwt_vc_issuer_key(said["iss"], header["kid"], fetch=lambda url: json.loads(fetch(url)))
        signed, _, signature = text.rpartition(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        assert verify_signature(alg=header["alg"], public_jwk=key, signing_input=signed.encode(), signature=raw)
        assert said["nbf"] <= datetime.now(UTC).timestamp() < said.get("exp", float("inf"))
        return said

    said = opened(token)
    status = check_credential_status(said, resolve_status_list=lambda url: opened(fetch(url).decode()))
    assert len(status.entries) == 1
    assert not status.revoked
    return said


def both(token: str, client: FlaskClient) -> None:
    """Both libraries say yes."""
    by_openbadgeslib(token, client)
    by_openvc(token, client)


def neither(token: str, client: FlaskClient) -> None:
    """Both libraries say no."""
    with pytest.raises(OB3VerificationError):
        by_openbadgeslib(token, client)
    with pytest.raises((OpenvcError, AssertionError)):
        by_openvc(token, client)


def change(grant: Grant, **values: object) -> None:
    """The grant's row as it becomes."""
    with transaction():
        for name, value in values.items():
            setattr(grant, name, value)


def test_two_libraries_of_others_verify_a_badge(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    by_openbadgeslib(token, client)
    said = by_openvc(token, client)
    assert (said["iss"], said["name"]) == (f"{HOME}/credentials/issuer", "Laser CO2")


def test_the_signature_is_plain_ed25519_over_header_and_payload(app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    signed, _, signature = token.rpartition(".")
    header = part(token, 0)
    assert header == {"alg": "EdDSA", "kid": header["kid"], "typ": "JWT"}, "no other header is allowed"
    raw = base64.urlsafe_b64decode(signature + "==")
    public_key(header["kid"]).verify(raw, signed.encode())


def test_the_claims_are_those_of_the_specification(app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now, evidence=Evidence.TRAINING)
    said = part(badges.signed_badge(make_actor(holder), grant.id, now), 1)
    place = f"{HOME}/verify/{grant.public_id}"
    assert said["@context"] == [badges.VC, badges.OPEN_BADGES]
    assert (said["id"], said["jti"]) == (place, place)
    assert (said["credentialSubject"]["id"], said["sub"]) == (f"{place}#holder", f"{place}#holder")
    assert said["issuer"] == {"id": said["iss"], "type": ["Profile"], "name": "Test Lab", "url": HOME}
    assert datetime.fromisoformat(said["validFrom"]).timestamp() == said["nbf"] == grant.granted_at.timestamp()
    assert grant.valid_until is not None
    assert datetime.fromisoformat(said["validUntil"]).timestamp() == said["exp"] == grant.valid_until.timestamp()
    achievement = said["credentialSubject"]["achievement"]
    assert achievement["achievementType"] == "Certification"
    assert achievement["tag"] == ["autonomous"]
    assert said["evidence"] == [{"type": ["Evidence"], "name": "Training attended and passed"}]


def test_the_holder_is_known_only_to_who_knows_his_address(app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now, reason="He told of his illness")
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    (identity,) = part(token, 1)["credentialSubject"]["identifier"]
    expected = hashlib.sha256(f"ana@example.org{identity['salt']}".encode()).hexdigest()
    assert identity["identityHash"] == f"sha256${expected}"
    text = json.dumps(part(token, 1))
    assert not [word for word in ("ana@example.org", "Petrova", "Ana", "illness") if word in text]


def test_a_holder_without_an_address_is_known_by_the_name(app: Flask, now: datetime) -> None:
    holder = make_person(name="Ada", email=None)
    grant = make_grant(holder, make_certification())
    (identity,) = badges.badge(make_actor(holder), grant.id, now)["credentialSubject"]["identifier"]
    assert identity["identityType"] == "name"
    assert identity["identityHash"].endswith(hashlib.sha256(f"Ada{identity['salt']}".encode()).hexdigest())


def test_it_is_in_the_holders_language(app: Flask, now: datetime) -> None:
    holder = make_person(language="bg")
    grant = make_grant(
        holder, make_certification("Laser"), evidence=Evidence.RECOGNISED, proof="Карта № 7, ФабЛаб Русе"
    )
    made = badges.badge(STAFF, grant.id, now)
    assert made["name"] == "Laser (bg)"
    assert made["credentialSubject"]["achievement"]["inLanguage"] == "bg"
    assert made["evidence"][0]["narrative"] == "Карта № 7, ФабЛаб Русе"


def test_the_same_badge_is_the_same_text(app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    first = badges.signed_badge(make_actor(holder), grant.id, now)
    assert badges.signed_badge(STAFF, grant.id, now + timedelta(hours=3)) == first


@pytest.mark.parametrize("what", ["revoked_at", "suspended_at"])
def test_a_badge_that_is_withdrawn_or_held_back_is_refused_at_once(
    app: Flask, client: FlaskClient, now: datetime, what: str
) -> None:
    holder, grant = holder_and_grant(now)
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    both(token, client)
    change(grant, **{what: now})
    neither(token, client)


def test_a_suspension_that_is_lifted_leaves_it_valid(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    change(grant, suspended_at=now)
    neither(token, client)
    change(grant, suspended_at=None)
    both(token, client)


def test_a_badge_that_ended_is_refused(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now, valid_until=now - timedelta(days=1))
    token = badges.signed_badge(make_actor(holder), grant.id, now - timedelta(days=2))
    neither(token, client)


def test_a_badge_whose_machine_was_not_used_is_refused(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder = make_person()
    certification = make_certification(lapse_after_unused_days=60)
    grant = make_grant(holder, certification, granted_at=now - timedelta(days=59))
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    both(token, client)
    change(grant, granted_at=now - timedelta(days=61))
    neither(token, client)


def test_a_badge_of_who_was_anonymised_is_refused(app: Flask, client: FlaskClient, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    token = badges.signed_badge(make_actor(holder), grant.id, now)
    with transaction():
        holder.anonymised_at = now
    neither(token, client)
    with pytest.raises(NotFound):
        badges.badge(STAFF, grant.id, now)


def test_old_badges_verify_after_a_new_key_and_fall_with_a_distrusted_one(
    app: Flask, client: FlaskClient, now: datetime
) -> None:
    holder, grant = holder_and_grant(now)
    old = badges.signed_badge(make_actor(holder), grant.id, now)
    keys.rotate(system("cli"), now)
    new = badges.signed_badge(make_actor(holder), grant.id, now)
    assert part(old, 0)["kid"] != part(new, 0)["kid"]
    by_openvc(old, client)
    by_openvc(new, client)
    keys.distrust(system("cli"), part(old, 0)["kid"].rpartition("#")[2], now)
    with pytest.raises(OpenvcError):
        by_openvc(old, client)
    by_openvc(new, client)
    both(badges.signed_badge(make_actor(holder), grant.id, now), client)


def test_when_a_list_is_half_full_the_next_one_begins(
    app: Flask, client: FlaskClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(badges, "PER_LIST", 2)
    holder = make_person()
    grants = [make_grant(holder, make_certification(), granted_at=now - timedelta(days=9)) for _ in range(5)]
    tokens = [badges.signed_badge(STAFF, one.id, now) for one in grants]
    lists = [part(token, 1)["credentialStatus"]["statusListCredential"].rpartition("/")[2] for token in tokens]
    assert lists == ["1", "1", "2", "2", "3"]
    change(grants[2], revoked_at=now)
    neither(tokens[2], client)
    for one in (0, 1, 3, 4):
        both(tokens[one], client)


def test_a_place_that_is_taken_is_not_given_twice(app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    holder, grant = holder_and_grant(now)
    other = make_grant(holder, make_certification(), granted_at=now - timedelta(days=9))
    save(SignedBadge(grant_id=other.id, position=7, salt="x", created_at=now))
    draws = iter([7, 7, 8])
    monkeypatch.setattr(badges.secrets, "randbelow", lambda _size: next(draws))
    badges.badge(STAFF, grant.id, now)
    place = db.session.get(SignedBadge, grant.id)
    assert place is not None
    assert place.position == 8


def test_many_at_once_get_the_same_badge(app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    ids = [grant.id, make_grant(holder, make_certification(), granted_at=now - timedelta(days=9)).id]

    def download(number: int) -> str:
        with app.app_context():
            try:
                return badges.signed_badge(STAFF, ids[number % 2], now)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(download, range(16)))
    assert len(set(tokens[::2])) == len(set(tokens[1::2])) == 1
    db.session.rollback()  # what this thread read before is over
    assert db.session.scalar(select(func.count()).select_from(SignedBadge)) == 2


def test_there_is_no_badge_of_what_does_not_hold(app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    change(grant, revoked_at=now)
    with pytest.raises(Ended):
        badges.badge(STAFF, grant.id, now)
    with pytest.raises(NotFound):
        badges.badge(make_actor(make_person()), grant.id, now)


def test_a_list_takes_few_queries_however_many_were_withdrawn(
    app: Flask, now: datetime, count_queries: CountQueries
) -> None:
    holder, first = holder_and_grant(now)
    grants = [first, *(make_grant(holder, make_certification(), granted_at=now - timedelta(days=9)) for _ in range(20))]
    for one in grants:
        badges.badge(STAFF, one.id, now)
    badges.status_list(1, now)
    for one in grants:
        change(one, revoked_at=now)
    count_queries()
    badges.status_list(1, now)
    assert count_queries() <= 4, "BEGIN on SQLite, how many there are, what was withdrawn, the key"


@pytest.mark.parametrize("number", [0, 2, -1, 10**12])
def test_lists_that_are_not_are_not_found(app: Flask, now: datetime, number: int) -> None:
    with pytest.raises(NotFound):
        badges.status_list(number, now)
