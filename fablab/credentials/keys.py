"""The lab's signing keys: made when first needed, replaced, distrusted. The private part is in the database, sealed."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import api_jws
from sqlalchemy import select, text

from fablab.core import audit, events
from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, is_postgresql, lock, transaction
from fablab.core.errors import Conflict, Forbidden, NotFound
from fablab.credentials import addresses
from fablab.credentials.models import IssuerKey
from fablab.notices import vault

ALGORITHM = "EdDSA"
"""Ed25519 as every verifier of badges knows it. Source: RFC 8037."""

_KEY_LOCK = 7_301_017


# -- reading ----------------------------------------------------------------------------------------------------------


def all_keys() -> Sequence[IssuerKey]:
    """Every key the lab ever had, newest first."""
    return db.session.scalars(select(IssuerKey).order_by(IssuerKey.id.desc())).all()


def jwks() -> dict[str, Any]:
    """The public keys by which credentials of the lab verify, newest first: retired ones too, no distrusted ones.
    A JWK Set (RFC 7517)."""
    return {"keys": [_public(one) for one in all_keys() if one.distrusted_at is None]}


def distrusted() -> dict[str, datetime]:
    """Since when the lab distrusts which of its keys, by thumbprint."""
    return {one.kid: one.distrusted_at for one in all_keys() if one.distrusted_at is not None}


def _public(key: IssuerKey) -> dict[str, Any]:
    return {**key.public, "kid": addresses.key(key.kid), "use": "sig", "alg": ALGORITHM}


# -- signing ----------------------------------------------------------------------------------------------------------


def sign(payload: dict[str, Any], typ: str, now: datetime) -> str:
    """The payload as a compact JWS under the lab's present key, which is made where there is none. The same payload
    under the same key gives the same text."""
    kid, private = _signer(now)
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return api_jws.encode(body, private, ALGORITHM, {"kid": addresses.key(kid), "typ": typ})


def _signer(now: datetime) -> tuple[str, Ed25519PrivateKey]:
    present = _present()
    private = _opened(present) if present else None
    if present is None or private is None:
        with transaction():
            one_at_a_time()
            present = _present()
            private = _opened(present) if present else None
            if present is None or private is None:
                present, private = _make(system("web"), now)
    return present.kid, private


def _present() -> IssuerKey | None:
    """The newest key that is neither retired nor distrusted."""
    query = select(IssuerKey).where(IssuerKey.retired_at.is_(None), IssuerKey.distrusted_at.is_(None))
    return db.session.scalar(query.order_by(IssuerKey.id.desc()).limit(1))


def _opened(key: IssuerKey) -> Ed25519PrivateKey | None:
    """The private key; None when it was sealed under another secret key of the lab."""
    found = vault.decrypt(key.sealed.decode(), vault.SIGNING_KEYS)
    return Ed25519PrivateKey.from_private_bytes(_bytes(found)) if found else None


# -- changing ---------------------------------------------------------------------------------------------------------


def rotate(actor: Actor, now: datetime) -> IssuerKey:
    """A new key signs from now on; what earlier ones signed stays valid. Administrators. Raises Forbidden."""
    _need_administrator(actor)
    with transaction():
        one_at_a_time()
        made, _private = _make(actor, now)
    return made


def distrust(actor: Actor, kid: str, now: datetime) -> IssuerKey:
    """Nothing that this key ever signed is valid any more, at once: it may have leaked. `kid` is its thumbprint or its
    beginning. Administrators. Raises Forbidden, NotFound, Conflict when it was distrusted before, or several begin so.
    """
    _need_administrator(actor)
    with transaction():
        one_at_a_time()
        found = [one for one in all_keys() if one.kid.startswith(kid)] if kid else []
        if not found:
            raise NotFound(f"The lab has no key {kid!r}; `fablab credentials keys` lists them.")
        if len(found) > 1:
            raise Conflict(f"Several keys begin with {kid!r}; please write more of it.")
        key = lock(IssuerKey, found[0].id)
        assert key is not None
        if key.distrusted_at is not None:
            raise Conflict("This key is distrusted already.")
        key.distrusted_at, key.retired_at = now, key.retired_at or now
        audit.record(actor, "issuer_key.distrusted", key, now, after={"kid": key.kid})
        events.append("issuer_key.distrusted", now, kid=key.kid)
    return key


def _make(actor: Actor, now: datetime) -> tuple[IssuerKey, Ed25519PrivateKey]:
    """A new key, and the ones before it retired."""
    private = Ed25519PrivateKey.generate()
    public = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _text(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }
    sealed = vault.encrypt(_text(private.private_bytes_raw()), vault.SIGNING_KEYS).encode()
    for one in db.session.scalars(select(IssuerKey).where(IssuerKey.retired_at.is_(None))):
        one.retired_at = now
    made = IssuerKey(kid=thumbprint(public), public=public, sealed=sealed, created_at=now)
    db.session.add(made)
    audit.record(actor, "issuer_key.made", made, now, after={"kid": made.kid})
    events.append("issuer_key.made", now, kid=made.kid)
    return made, private


def thumbprint(public: dict[str, Any]) -> str:
    """The name of an Ed25519 key, from the key itself. Source: RFC 7638, RFC 8037 appendix A.3."""
    members = {name: public[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _text(hashlib.sha256(canonical.encode()).digest())


def _need_administrator(actor: Actor) -> None:
    if not actor.is_at_least(Role.ADMINISTRATOR):
        raise Forbidden("this needs an administrator")


def one_at_a_time() -> None:
    """Until the transaction ends nobody else makes keys or draws places (SQLite has one writer anyway)."""
    if is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY_LOCK})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text_of: str) -> bytes:
    return base64.urlsafe_b64decode(text_of + "=" * (-len(text_of) % 4))
