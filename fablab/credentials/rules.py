"""What a certificate says to strangers: how it stands, whose initials, and its bit in the public status list."""

import gzip
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from fablab.certifications.rules import GrantFacts, ended

LIST_SIZE = 131_072
"""Bits of one status list: the least that the specification allows, so that one bit hides among many.
Source: W3C Bitstring Status List v1.0, section 6.1."""

LARGEST_LIST = 8 * 1024 * 1024
"""Bytes; what unpacks to more is no status list but an attack."""

MOST_INITIALS = 4


class State(StrEnum):
    """How a certificate stands, as strangers may know it."""

    VALID = "valid"
    SUSPENDED = "suspended"
    ENDED = "ended"


def state(grant: GrantFacts, at: datetime) -> tuple[State, datetime]:
    """How the grant stands at `at`, and since when. What has ended for good is ended, suspended or not before."""
    end = ended(replace(grant, suspensions=()), at)
    if end is not None:
        return State.ENDED, end[1]
    held_back = ended(grant, at)
    return (State.SUSPENDED, held_back[1]) if held_back is not None else (State.VALID, grant.granted_at)


def is_withdrawn(grant: GrantFacts, at: datetime) -> bool:
    """Whether the status list must say no at `at`: for every reason but the end that the certificate names itself."""
    end = ended(grant, at)
    return end is not None and end[0] != "certification_expired"


def initials(name: str) -> str:
    """The first letter of each word of a name, four at most: "Ana-Maria Petrova" gives "A. M. P."; '' for no name."""
    words = [part for part in re.split(r"[\s\-‐–'’.]+", name) if part and part[0].isalpha()]
    return " ".join(f"{part[0].upper()}." for part in words[:MOST_INITIALS])


def packed(positions: Iterable[int]) -> str:
    """A status list with these bits set, as `encodedList`: first bit leftmost, gzip, base64url after the letter u.

    The same bits always give the same text. Raises ValueError for a position outside the list.
    """
    bits = bytearray(LIST_SIZE // 8)
    for position in positions:
        if not 0 <= position < LIST_SIZE:
            raise ValueError(f"{position} is outside the list")
        bits[position // 8] |= 0x80 >> position % 8
    return "u" + urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).decode().rstrip("=")


def is_set(encoded: str, position: int) -> bool:
    """Whether the bit at `position` of an `encodedList` is set. Raises ValueError for what is no such list, or when it
    has no such position."""
    if not encoded.startswith("u"):
        raise ValueError("a status list begins with u")
    body = encoded[1:]
    try:
        bits = _unpacked(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (OSError, EOFError, ValueError) as error:
        raise ValueError("the status list cannot be unpacked") from error
    if not 0 <= position < len(bits) * 8:
        raise ValueError(f"the status list has no position {position}")
    return bool(bits[position // 8] & 0x80 >> position % 8)


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        bits = unpacking.decompress(data, LARGEST_LIST)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacking.eof:
        raise ValueError("too long, or cut off")
    return bits
