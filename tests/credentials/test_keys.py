"""The lab's signing keys: made when needed, once; sealed; replaced; distrusted."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from flask import Flask

from fablab.core import audit
from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden, NotFound
from fablab.credentials import keys
from fablab.credentials.models import IssuerKey
from fablab.notices import vault
from tests.credentials.conftest import HOME


def test_a_key_is_made_when_first_needed_and_used_again(app: Flask, now: datetime) -> None:
    assert keys.jwks() == {"keys": []}
    first = keys.sign({"a": 1}, "JWT", now)
    assert keys.sign({"a": 1}, "JWT", now) == first
    (key,) = keys.all_keys()
    assert [entry.action for entry in audit.history("issuer_key", str(key.id))] == ["issuer_key.made"]


def test_many_at_once_make_one_key(app: Flask, now: datetime) -> None:
    def sign(_number: int) -> str:
        with app.app_context():
            try:
                return keys.sign({"a": 1}, "JWT", now)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(sign, range(8)))) == 1
    assert len(keys.all_keys()) == 1


def test_the_private_part_is_sealed_and_never_shown(app: Flask, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    (key,) = keys.all_keys()
    private = vault.decrypt(key.sealed.decode(), vault.SIGNING_KEYS)
    assert private
    assert private.encode() not in key.sealed
    assert vault.decrypt(key.sealed.decode()) is None, "it is no channel's address"
    shown = json.dumps(keys.jwks())
    assert private not in shown
    assert '"d"' not in shown


def test_the_public_part_is_a_jwk_with_its_thumbprint(app: Flask, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    (shown,) = keys.jwks()["keys"]
    assert set(shown) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert shown["kid"] == f"{HOME}/.well-known/jwks.json#{keys.thumbprint(shown)}"


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """RFC 8037, appendix A.3."""
    key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig"}
    assert keys.thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_new_key_signs_and_the_old_one_is_still_shown(app: Flask, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    made = keys.rotate(system("cli"), now)
    newest, old = keys.all_keys()
    assert (newest.kid, newest.retired_at, old.retired_at) == (made.kid, None, now)
    assert len(keys.jwks()["keys"]) == 2


def test_a_distrusted_key_is_not_shown_and_another_is_made(app: Flask, now: datetime) -> None:
    first = keys.sign({}, "JWT", now)
    (key,) = keys.all_keys()
    keys.distrust(system("cli"), key.kid[:8], now)
    assert keys.jwks() == {"keys": []}
    assert keys.distrusted() == {key.kid: now}
    assert keys.sign({}, "JWT", now) != first
    assert len(keys.jwks()["keys"]) == 1
    assert audit.history("issuer_key", str(key.id))[0].action == "issuer_key.distrusted"


def test_what_cannot_be_distrusted_is_said(app: Flask, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    (key,) = keys.all_keys()
    for kid in ("", "no such key"):
        with pytest.raises(NotFound, match="has no key"):
            keys.distrust(system("cli"), kid, now)
    keys.distrust(system("cli"), key.kid, now)
    with pytest.raises(Conflict, match="already"):
        keys.distrust(system("cli"), key.kid, now)
    with transaction() as session:
        for end in "xy":
            session.add(IssuerKey(kid=f"same-{end}", public={}, sealed=b"", created_at=now))
    with pytest.raises(Conflict, match="Several"):
        keys.distrust(system("cli"), "same", now)


@pytest.mark.parametrize("role", [Role.MAKER, Role.INSTRUCTOR, Role.MANAGER])
def test_keys_are_the_administrators(app: Flask, now: datetime, role: Role) -> None:
    with pytest.raises(Forbidden):
        keys.rotate(Actor(1, role, "web"), now)
    with pytest.raises(Forbidden):
        keys.distrust(Actor(1, role, "web"), "x", now)


def test_under_another_secret_key_a_new_one_signs_and_the_old_ones_still_verify(app: Flask, now: datetime) -> None:
    keys.sign({}, "JWT", now)
    (old,) = keys.all_keys()
    with transaction():
        old.sealed = vault.encrypt("something of another lab").encode()
    keys.sign({}, "JWT", now)
    newest, retired = keys.all_keys()
    assert newest.retired_at is None
    assert retired.retired_at == now
    assert len(keys.jwks()["keys"]) == 2
