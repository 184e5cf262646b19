"""Our own verifier: everything that was changed is noticed, everything that ended is refused, each with its reason."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from jwt import api_jws
from openbadgeslib.ob3 import OB3Verifier
from openbadgeslib.ob3.verifier import OB3VerificationError

from fablab.core.actor import Actor, Role, system
from fablab.core.db import transaction
from fablab.credentials import badges, keys
from fablab.credentials.checking import check
from fablab.credentials.verifying import REASONS, Verdict, verify
from tests.credentials.conftest import holder_and_grant
from tests.credentials.test_badges import change, part, public_key
from tests.factories import make_certification, make_grant, make_person

STAFF = Actor(None, Role.INSTRUCTOR, "web")
DAY = timedelta(days=1)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every plain value in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path
        return
    for name, one in inner:
        yield from leaves(one, (*path, name))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with one plain value replaced."""
    made = deepcopy(value)
    at = made
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = new(at[path[-1]])
    return made


def other(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"


def resigned(payload: dict[str, Any], **over: Any) -> str:
    """The payload, changed, under the lab's own key: what a fault of ours would look like."""
    return keys.sign(
        {name: value for name, value in (payload | over).items() if value is not None}, "JWT", datetime.now(UTC)
    )


def test_a_change_of_any_field_is_noticed(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    header, payload, signature = token.split(".")
    of_others = OB3Verifier(public_key(part(token, 0)["kid"]))
    said = part(token, 1)
    paths = list(leaves(said))
    assert len(paths) > 30
    for path in paths:
        forged = f"{header}.{encoded(changed(said, path, other))}.{signature}"
        assert verify(forged, keys.jwks(), now).reason == "bad_signature", path
        with pytest.raises(OB3VerificationError):
            of_others.verify(forged)


@pytest.mark.parametrize("field", ["alg", "kid", "typ"])
def test_a_change_of_the_header_is_noticed(sqlite_app: Flask, now: datetime, field: str) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    _header, payload, signature = token.split(".")
    forged = f"{encoded(changed(part(token, 0), (field,), other))}.{payload}.{signature}"
    assert verify(forged, keys.jwks(), now).reason in {"bad_signature", "unknown_key", "malformed"}


@pytest.mark.parametrize("alg", ["none", "HS256", "Ed448", ""])
def test_no_other_algorithm_is_taken(sqlite_app: Flask, now: datetime, alg: str) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    _header, payload, signature = token.split(".")
    for end in ("", signature):
        forged = f"{encoded(part(token, 0) | {'alg': alg})}.{payload}.{end}"
        assert not verify(forged, keys.jwks(), now).holds


def test_the_key_of_somebody_else_is_not_taken(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    body = json.dumps(part(token, 1)).encode()
    stranger = Ed25519PrivateKey.generate()
    same_name = api_jws.encode(body, stranger, "EdDSA", {"kid": part(token, 0)["kid"]})
    assert verify(same_name, keys.jwks(), now).reason == "bad_signature"
    for kid in ("", "https://evil.example/keys#x", "x"):
        foreign = api_jws.encode(body, stranger, "EdDSA", {"kid": kid})
        assert verify(foreign, keys.jwks(), now).reason == "unknown_key"


def test_a_badge_that_contradicts_itself_is_refused_though_signed(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    said = part(badges.signed_badge(STAFF, grant.id, now), 1)
    for claim in ("iss", "jti", "sub", "nbf", "exp"):
        for new in (other(said[claim]), None):
            assert verify(resigned(said, **{claim: new}), keys.jwks(), now).reason == "contradiction", claim
    for name in ("issuer", "id", "credentialSubject", "validFrom", "validUntil"):
        assert verify(resigned(said, **{name: None}), keys.jwks(), now).reason == "contradiction", name
    for over in ({"type": ["VerifiableCredential"]}, {"type": None}, {"credentialStatus": None}, {"validFrom": "soon"}):
        assert verify(resigned(said, **over), keys.jwks(), now).reason == "malformed", over


@pytest.mark.parametrize(
    ("after", "reason"),
    [(-31 * DAY, "not_yet"), (-30 * DAY, ""), (335 * DAY - timedelta(seconds=1), ""), (335 * DAY, "expired")],
)
def test_it_holds_from_its_first_instant_to_before_its_last(
    sqlite_app: Flask, now: datetime, after: timedelta, reason: str
) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    assert verify(token, keys.jwks(), now + after).reason == reason


def test_without_a_list_it_says_that_it_does_not_know(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    verdict = verify(token, keys.jwks(), now)
    assert (verdict.holds, verdict.listed) == (True, None)
    assert verdict.unlisted == "no status list of this badge is at hand"


def test_a_saved_list_tells_what_was_so_when_it_was_saved(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    before = badges.status_list(1, now)
    change(grant, revoked_at=now)
    after = badges.status_list(1, now + timedelta(minutes=1))
    jwks, later = keys.jwks(), now + timedelta(hours=1)
    assert verify(token, jwks, later, lists=[before]).listed == now
    found = verify(token, jwks, later, lists=[after])
    assert found.reason == "withdrawn"
    assert "withdrawn, lapsed or suspended" in found.sentence
    for lists in ([before, after], [after, before]):
        assert verify(token, jwks, later, lists=lists).reason == "withdrawn", "the newest counts"


def test_a_list_that_is_too_old_proves_nothing_but_a_no(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    good = badges.status_list(1, now)
    change(grant, revoked_at=now)
    bad = badges.status_list(1, now)
    verdict = verify(token, keys.jwks(), now + 7 * DAY, lists=[good])
    assert (verdict.holds, verdict.listed) == (True, None)
    assert "too old" in verdict.unlisted
    assert verify(token, keys.jwks(), now + 8 * DAY, lists=[bad]).reason == "withdrawn"


def test_a_list_that_was_changed_or_is_of_somebody_else_is_not_believed(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    text = badges.status_list(1, now)
    header, _payload, signature = text.split(".")
    said = part(text, 1)
    for path in leaves(said):
        forged = f"{header}.{encoded(changed(said, path, other))}.{signature}"
        assert verify(token, keys.jwks(), now, lists=[forged]).reason == "bad_list", path
    foreign = api_jws.encode(json.dumps(said).encode(), Ed25519PrivateKey.generate(), "EdDSA", {"kid": "x#y"})
    assert verify(token, keys.jwks(), now, lists=[foreign]).reason == "bad_list"
    for over in ({"id": "https://lab.example.org/credentials/status/2"}, {"issuer": "https://x.example"}):
        assert verify(token, keys.jwks(), now, lists=[resigned(said, **over)]).listed is None
    assert verify(token, keys.jwks(), now, lists=[token]).listed is None, "a badge is no list"
    broken = resigned(said, credentialSubject=said["credentialSubject"] | {"encodedList": "uAAAA"})
    assert verify(token, keys.jwks(), now, lists=[broken]).reason == "bad_list"


def test_after_the_lab_moved_its_keys_are_still_found(sqlite_app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    moved = {
        "keys": [one | {"kid": one["kid"].replace("lab.example", "fablab.example")} for one in keys.jwks()["keys"]]
    }
    assert verify(token, moved, now).holds


def test_a_new_key_leaves_old_badges_and_a_distrusted_one_takes_them(app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    old = badges.signed_badge(STAFF, grant.id, now)
    saved = keys.jwks()
    keys.rotate(system("cli"), now)
    assert verify(old, keys.jwks(), now).holds
    assert check(old, now).holds
    keys.distrust(system("cli"), part(old, 0)["kid"].rpartition("#")[2], now)
    assert verify(old, keys.jwks(), now).reason == "unknown_key"
    assert check(old, now).reason == "distrusted_key"
    assert verify(old, saved, now).holds, "who saved the keys before cannot know"
    assert check(badges.signed_badge(STAFF, grant.id, now), now).holds


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, ""),
        ({"revoked_at": True}, "revoked"),
        ({"suspended_at": True}, "suspended"),
        ({"valid_until": True}, "expired"),
        ({"suspended_at": True, "revoked_at": True}, "revoked"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else value,
)
def test_the_lab_itself_knows_the_reason(app: Flask, now: datetime, values: dict[str, bool], reason: str) -> None:
    _holder, grant = holder_and_grant(now)
    token = badges.signed_badge(STAFF, grant.id, now)
    change(grant, **dict.fromkeys(values, now))
    found = check(token, now)
    assert found.reason == reason
    assert found.holds or f"{now:%Y-%m-%d %H:%M}" in found.sentence


def test_the_lab_knows_what_lapsed_and_what_it_never_gave(app: Flask, now: datetime) -> None:
    holder = make_person()
    grant = make_grant(holder, make_certification(lapse_after_unused_days=30), granted_at=now - 29 * DAY)
    token = badges.signed_badge(STAFF, grant.id, now)
    assert check(token, now).listed == now
    assert check(token, now + DAY).reason == "lapsed"
    with transaction():
        holder.anonymised_at = now
    assert check(token, now).reason == "unknown_badge"


def test_every_reason_has_its_sentence() -> None:
    params = dict.fromkeys(("why", "kid", "since", "listed"), "X")
    assert all(Verdict(reason, params).sentence for reason in REASONS)
    assert Verdict().sentence == ""


@given(
    st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{0,30}(\.[A-Za-z0-9_-]{0,30}){0,4}", fullmatch=True))
)
def test_whatever_is_not_a_badge_is_refused_quietly(text: str) -> None:
    now = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
    assert not verify(text, {"keys": []}, now).holds


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=10,
    )
)
def test_whatever_a_signed_text_says_ends_in_a_verdict(said: Any) -> None:
    now = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
    private = Ed25519PrivateKey.generate()
    raw = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode().rstrip("=")
    jwks = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": raw, "kid": "a#b"}]}
    shape = {"type": ["VerifiableCredential", "OpenBadgeCredential"], "validFrom": said, "credentialStatus": said}
    for body in (said, shape, {"issuer": said, "credentialSubject": said} | shape):
        token = api_jws.encode(json.dumps(body).encode(), private, "EdDSA", {"kid": "a#b"})
        assert not verify(token, jwks, now, lists=[token]).holds
