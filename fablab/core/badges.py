"""Card numbers: one canonical form, and the keyed hash that is all the lab stores of them."""

import hashlib
import hmac

from fablab.core.words import config

CLOAK = "badge:"
"""What stands before a hash where a card number would stand: in the journal, in messages of the bridge."""


def canonical(uid: str) -> str:
    """Upper-case hex without separators, as every reader's number is stored and compared. Raises ValueError."""
    found = "".join(uid.split()).replace(":", "").replace("-", "").upper()
    if not 4 <= len(found) <= 32 or set(found) - set("0123456789ABCDEF"):
        raise ValueError("a card number has 4 to 32 hexadecimal digits")
    return found


def uid_hash(uid: str) -> str:
    """HMAC-SHA256 in hex of a canonical card number, under a key made from the lab's secret key."""
    return _digest(_key(), uid)


def cloak(uid: str) -> str:
    """A card number made unreadable: `badge:<hash>`. What is cloaked already stays as it is."""
    return uid if uid.startswith(CLOAK) else CLOAK + uid_hash(uid)


def hash_in(cloaked: str) -> str:
    """The hash of a cloaked number, or of a plain canonical one."""
    return cloaked.removeprefix(CLOAK) if cloaked.startswith(CLOAK) else uid_hash(cloaked)


def _key() -> bytes:
    return hmac.new(config().secret_key, b"fablab badge numbers", hashlib.sha256).digest()


def _digest(key: bytes, uid: str) -> str:
    return hmac.new(key, uid.encode(), hashlib.sha256).hexdigest()
