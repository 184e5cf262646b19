"""Secrets of notices: addresses of channels are encrypted, secrets of calendars kept as hashes only."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from fablab.core.words import config


def encrypt(text: str) -> str:
    """The text under a key made from the lab's secret key, with its authenticity."""
    return _cipher().encrypt(text.encode()).decode()


def decrypt(token: str) -> str | None:
    """The text again; None when it was written under another secret key, or changed."""
    try:
        return _cipher().decrypt(token.encode()).decode()
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


def _cipher() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(b"fablab channel addresses")))


def _key(purpose: bytes) -> bytes:
    return hmac.new(config().secret_key, purpose, hashlib.sha256).digest()
