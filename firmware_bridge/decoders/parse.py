"""Reading payloads that anybody may have written: sizes, types and ranges are checked here, nothing raises but `Bad`.

Every dialect uses these; what they refuse becomes a `BadMessage` that is counted and shown.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

REASONS = ("too_large", "not_text", "not_json", "not_an_object", "too_deep", "bad_field", "newer_version")
"""All reasons of a `BadMessage`."""

MAX_BYTES = 65536
EARLIEST = 1577836800.0  # 2020-01-01: a clock that shows less has not been set
RING = 32  # so many messages back, a repeated one is recognised

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?([eE][+-]?\d{1,2})?")


class Bad(Exception):
    """A payload that makes no sense; `reason` is one of `REASONS`, `detail` names the field and never quotes it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def decoded(payload: bytes, limit: int = MAX_BYTES) -> str:
    """The payload as text. Raises Bad when it is too large or no UTF-8."""
    if len(payload) > limit:
        raise Bad("too_large", f"{len(payload)} bytes")
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Bad("not_text") from None


def json_object(payload: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The payload as a JSON object. Raises Bad for everything else."""
    text = decoded(payload, limit)
    try:
        value = json.loads(text)
    except RecursionError:
        raise Bad("too_deep") from None
    except ValueError:
        raise Bad("not_json") from None
    if not isinstance(value, dict):
        raise Bad("not_an_object")
    return value


def depth_over(value: Any, most: int) -> bool:
    """Whether containers are nested deeper than `most`."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return most <= 0 or any(depth_over(each, most - 1) for each in inner)


def number(value: Any, low: float = 0.0, high: float = 1e12) -> float | None:
    """A JSON number within the bounds, also written as text; None for all else: bool, NaN, infinity, null, lists."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not low <= value <= high:  # also false for NaN
        return None
    result = float(value)
    return result if math.isfinite(result) else None


def whole(value: Any, low: int = 0, high: int = 2**53) -> int | None:
    """A JSON integer (or a float that is whole) within the bounds, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not low <= value <= high or value != int(value):
        return None
    return int(value)


def text(value: Any, longest: int = 200) -> str | None:
    """A JSON text without control and direction characters, cut to `longest`; None when it is none or empty."""
    if not isinstance(value, str):
        return None
    clean = _CONTROL.sub(" ", value[: longest * 2]).encode("utf-8", "replace").decode()
    return clean.strip()[:longest] or None


def section(value: Any) -> Mapping[str, Any]:
    """A JSON object inside another, or an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def fingerprint(topic: str, payload: bytes) -> int:
    """A short mark of one message, the same in every process."""
    return crc32(payload, crc32(topic.encode("utf-8", "replace")))


def remembered(ring: list[int], mark: int) -> list[int]:
    """The ring of the latest fingerprints with one more."""
    return [*ring[1 - RING :], mark]
