"""Card numbers: one canonical spelling for all readers, upper-case hex without separators.

A cloaked number, `badge:<hex>`, stands for a card whose number must not be kept; it passes unchanged.
"""

import re
from collections.abc import Callable

FORMATS = ("hex", "hex-dash", "dec32", "rev4", "unpadded", "wiegand26")

_CLOAKED = re.compile(r"badge:[0-9a-f]{8,128}")
_HEX = re.compile(r"[0-9A-F]{1,20}")
_DECIMAL = re.compile(r"[0-9]{1,20}")
_SEPARATORS = str.maketrans("", "", " -:.")


def canonical_uid(text: object, spelling: str = "hex") -> str | None:
    """The canonical number of what a reader printed, None for what is no card: blank, zeros, all ones, no number."""
    if not isinstance(text, str) or len(text) > 160:
        return None
    if _CLOAKED.fullmatch(text):
        return text
    digits = text.strip().translate(_SEPARATORS).upper().removeprefix("0X")
    uid = _SPELLINGS.get(spelling, _hex)(digits)
    if uid is None or set(uid) <= {"0"} or set(uid) <= {"F"}:
        return None
    return uid


def is_ambiguous(spelling: str) -> bool:
    """Whether several cards may be printed alike in this spelling: never a reason to open anything."""
    return spelling == "unpadded"


def _hex(digits: str) -> str | None:
    if not _HEX.fullmatch(digits):
        return None
    return digits.zfill(max(8, len(digits) + len(digits) % 2))


def _decimal(digits: str) -> str | None:
    if not _DECIMAL.fullmatch(digits) or int(digits) >= 2**32:
        return None
    return f"{int(digits):08X}"


def _wiegand26(digits: str) -> str | None:
    if not _DECIMAL.fullmatch(digits) or int(digits) >= 2**24:
        return None
    return f"{int(digits):08X}"


def _reversed4(digits: str) -> str | None:
    if not _HEX.fullmatch(digits) or len(digits) > 8:
        return None
    return bytes.fromhex(digits.zfill(8))[::-1].hex().upper()


def _unpadded(digits: str) -> str | None:
    return digits if _HEX.fullmatch(digits) else None


_SPELLINGS: dict[str, Callable[[str], str | None]] = {
    "hex": _hex,
    "hex-dash": _hex,
    "dec32": _decimal,
    "rev4": _reversed4,
    "unpadded": _unpadded,
    "wiegand26": _wiegand26,
}
