"""Passwords: Argon2id hashes, made and checked a few at a time because each takes 64 MiB while it works."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fablab.core.errors import Invalid

SHORTEST = 10
LONGEST = 200
AT_ONCE = 3
"""How many hashes are worked on at a time: a flood of sign-ins must not take all memory."""

_hasher = PasswordHasher()
_room = threading.BoundedSemaphore(AT_ONCE)
_NOBODYS = _hasher.hash("of a name that does not exist")


def hashed(password: str) -> str:
    """The Argon2id hash to store. Raises Invalid for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid({"password": f"must have {SHORTEST} to {LONGEST} characters"})
    if len(set(password)) < 4:
        raise Invalid({"password": "must have at least four different characters"})
    with _room:
        return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether this is the password. Takes as long for somebody without one (None) as for everybody else."""
    with _room:
        try:
            return _hasher.verify(stored or _NOBODYS, password[: LONGEST + 1]) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
