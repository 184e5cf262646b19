"""The form in which managers set booking rules: what was typed becomes rules, faults become sentences.

An empty field means that the rule is not set here, so that what the places before say holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from pydantic.fields import FieldInfo
from werkzeug.datastructures import MultiDict

from fablab.core.config_booking import BookingConfig
from fablab.core.errors import Invalid
from fablab.reservations.policy import KEYS, WEEKDAYS

LARGEST = 10**7
WINDOWS = 8
"""How many quiet times the form takes at most."""

NUMBERS = tuple(key for key in KEYS if "int" in str(BookingConfig.model_fields[key].annotation))
ENDLESS = tuple(key for key in NUMBERS if "None" in str(BookingConfig.model_fields[key].annotation))
"""Rules that may be «no limit»."""

CHOICES = {"limit_scope": ("resource", "group", "lab"), "supervision": ("none", "instructor", "buddy")}
TICKS = ("approval", "check_in")


def typed(rules: Mapping[str, Any]) -> MultiDict[str, str]:
    """The form that shows these rules."""
    form: MultiDict[str, str] = MultiDict()
    for key, value in rules.items():
        if key == "quiet_hours":
            form["quiet_hours"] = "own"
            for number, window in enumerate(value):
                form.setlist(f"quiet_days_{number}", list(window["days"]))
                form[f"quiet_from_{number}"], form[f"quiet_until_{number}"] = window["from"], window["until"]
        elif value is None:
            form[f"endless_{key}"] = "yes"
        elif isinstance(value, bool):
            form[key] = "yes" if value else "no"
        else:
            form[key] = str(value)
    return form


def read(form: MultiDict[str, str]) -> tuple[dict[str, Any], set[str]]:
    """What was typed: the rules to set, and those to take back. Raises Invalid with a sentence for each fault."""
    rules: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for key in NUMBERS:
        text = form.get(key, "").strip()
        if key in ENDLESS and form.get(f"endless_{key}"):
            rules[key] = None
        elif text:
            if text.isascii() and text.isdigit() and int(text[:12]) < LARGEST:
                rules[key] = int(text)
            else:
                wrong[key] = bounds(key)
    for key in (*CHOICES, *TICKS):
        if text := form.get(key, ""):
            rules[key] = text == "yes" if key in TICKS else text
    if form.get("quiet_hours") == "own":
        windows, fault = _windows(form)
        rules["quiet_hours"] = windows
        if fault:
            wrong["quiet_hours"] = fault
    if wrong:
        raise Invalid(wrong)
    return rules, set(KEYS) - set(rules)


def _windows(form: MultiDict[str, str]) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    for number in range(WINDOWS):
        days = [day for day in WEEKDAYS if day in form.getlist(f"quiet_days_{number}")]
        from_, until = (form.get(f"quiet_{part}_{number}", "").strip() for part in ("from", "until"))
        if not days and not from_ and not until:
            continue
        if not (days and from_ and until):
            return found, _("Please choose days, a begin and an end for each time.")
        found.append({"days": days, "from": from_[:5], "until": until[:5]})
    return found, ""


def faults(error: Invalid) -> dict[str, str]:
    """A sentence that says what is allowed, for each field that the service refused."""
    found = {}
    for key, reason in error.fields.items():
        if reason.startswith("min_minutes ("):
            found[key] = _("The shortest booking must not be longer than the longest one.")
        elif key == "quiet_hours":
            found[key] = reason if " " in reason and reason[0].isupper() else _("Please enter times such as 22:00.")
        else:
            found[key] = bounds(key) if key in NUMBERS else _("Please choose one of the list.")
    return found


def bounds(key: str) -> str:
    """What is allowed for a number, as a sentence."""
    least, most = limits(key)
    return _("Please enter a whole number from %(least)d to %(most)d.", least=least, most=most)


def limits(key: str) -> tuple[int, int]:
    """The smallest and the largest number that a rule takes."""
    field = BookingConfig.model_fields[key]
    return _bound(field, "ge"), _bound(field, "le")


def _bound(field: FieldInfo, name: str) -> int:
    found: Sequence[int] = [getattr(one, name) for one in field.metadata if hasattr(one, name)]
    return found[0]


def unit(key: str) -> str:
    """In what a number is counted."""
    if "minutes" in key:
        return _("minutes")
    if "hours" in key:
        return _("hours")
    return _("days") if "days" in key else ""
