"""Secrets at rest: addresses of channels and signing keys are encrypted, secrets of calendars kept as hashes only."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from fablab.core.words import config

CHANNELS = b"fablab channel addresses"
SIGNING_KEYS = b"fablab signing keys"
"""What is encrypted: each kind has a key of its own, so that one is never taken for the other."""


def encrypt(text: str, kind: bytes = CHANNELS) -> str:
    """The text under a key made from the lab's secret key, with its authenticity."""
    return _cipher(kind).encrypt(text.encode()).decode()


def decrypt(token: str, kind: bytes = CHANNELS) -> str | None:
    """The text again; None when it was written under another secret key or as another kind, or changed."""
    try:
        return _cipher(kind).decrypt(token.encode()).decode()
    except InvalidToken:
        return None


def new_secret() -> str:
    """256 bits for an address that is all the authorisation its holder has."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret: SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mark(text: str) -> str:
    """Twelve hex digits that stay the same for this text in this lab and cannot be guessed from outside."""
    return hmac.new(_key(b"fablab identifiers"), text.encode(), hashlib.sha256).hexdigest()[:12]


def _cipher(kind: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(kind)))


def _key(purpose: bytes) -> bytes:
    return hmac.new(config().secret_key, purpose, hashlib.sha256).digest()
