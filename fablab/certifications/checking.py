"""What is wrong with the values of a certification, by field."""

from collections.abc import Mapping
from typing import Any

from fablab.certifications.rules import Level

WORDS = frozenset({"name", "description"})
RANGES = {
    "validity_days": (1, 36500),
    "validity_months": (1, 1200),
    "lapse_after_unused_days": (1, 36500),
    "min_age": (1, 120),
    "quiz_questions": (0, 100),
    "quiz_pass_percent": (1, 100),
    "quiz_attempts": (1, 100),
    "quiz_wait_hours": (0, 8760),
}
"""Whole numbers: the least and the largest."""

NEVER_EMPTY = frozenset({"quiz_questions", "quiz_pass_percent", "quiz_wait_hours"})
FIELDS = WORDS | set(RANGES) | {"validity_ends_on", "level", "practical"}
VALIDITY = ("validity_days", "validity_months", "validity_ends_on")
LINKS = frozenset({"prerequisites", "includes"})
"""Lists of the ids of other certifications."""

_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def faults(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with `values`, of FIELDS and LINKS, where the fields that they do not name are as in `known`; empty
    for nothing."""
    wrong: dict[str, str] = dict.fromkeys(sorted(set(values) - FIELDS - LINKS), "there is no such field")
    if "name" in values and not any(text.strip() for text in values["name"].values()):
        wrong["name"] = "must not be empty"
    for name, (least, most) in RANGES.items():
        number = values.get(name)
        if name in values and not (number is None and name not in NEVER_EMPTY) and not _within(number, least, most):
            wrong[name] = f"must be {least} to {most}"
    if values.get("validity_ends_on") is not None and not is_day_of_year(values["validity_ends_on"]):
        wrong["validity_ends_on"] = "must be a day of the year, such as 08-31"
    if "level" in values and values["level"] not in set(Level):
        wrong["level"] = f"must be one of {', '.join(Level)}"
    return wrong or _at_odds({**known, **values}, values)


def is_day_of_year(text: str) -> bool:
    """Whether it names a day as MM-DD, 29 February too."""
    month, _, day = text.partition("-")
    if not (len(month) == len(day) == 2 and month.isascii() and month.isdigit() and day.isascii() and day.isdigit()):
        return False
    return 1 <= int(month) <= 12 and 1 <= int(day) <= _LONGEST_MONTHS[int(month) - 1]


def _within(number: Any, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most


def _at_odds(whole: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Values that do not go together; said of the fields that were given."""
    ends = [name for name in VALIDITY if whole.get(name) is not None]
    if len(ends) > 1:
        name = next(one for one in reversed(ends) if one in values)
        return {name: "days, months and day of the year: at most one of them"}
    if not whole.get("practical", True):
        name = next((one for one in ("practical", "level", "quiz_questions") if one in values), "practical")
        if whole.get("level") == Level.INSTRUCTOR:
            return {name: "instructors are made by managers, never by a quiz alone"}
        if not whole.get("quiz_questions"):
            return {name: "without a quiz an instructor must see the practice"}
    return {}
