"""Card numbers: one canonical form, and the keyed hash that is all the lab stores of them."""

import hashlib
import hmac

from fablab.core.words import config

_SEPARATORS = str.maketrans("", "", "-:.")

CLOAK = "badge:"
"""What stands before a hash where a card number would stand: in the journal, in messages of the bridge."""


def canonical(uid: str) -> str:
    """Upper-case hex without separators, whole bytes, at least four: as the numbers of all readers are made alike.

    Raises ValueError for what is no card number; all zeros and all ones are what a reader says without a card.
    """
    digits = "".join(uid.split()).translate(_SEPARATORS).upper().removeprefix("0X")
    if not 4 <= len(digits) <= 20 or set(digits) - set("0123456789ABCDEF"):
        raise ValueError("a card number has 4 to 20 hexadecimal digits")
    found = digits.zfill(max(8, len(digits) + len(digits) % 2))
    if set(found) in ({"0"}, {"F"}):
        raise ValueError("this is not the number of a card")
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
