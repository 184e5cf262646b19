"""What people type, read with care."""

from collections.abc import Iterable

MOST_DIGITS = 9
"""What fits into an id, whatever the database."""


def whole_number(typed: str) -> int | None:
    """A whole number of at most nine digits, as typed into a field or an address; None for anything else."""
    typed = typed.strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= MOST_DIGITS else None


def whole_numbers(typed: Iterable[str]) -> list[int]:
    """Those of them that are whole numbers, in their order."""
    return [number for one in typed if (number := whole_number(one)) is not None]
