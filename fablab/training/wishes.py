"""What somebody plans: the values of a training as they are stored, and its dates. Says what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fablab.core.errors import Conflict, Invalid
from fablab.core.words import config
from fablab.people.models import Audience
from fablab.training.models import Training, TrainingDate

CHANGEABLE = frozenset(
    {
        "title",
        "description",
        "instructor_id",
        "places",
        "minimum",
        "decide_at",
        "price",
        "audience",
        "language",
        "cancel_hours",
        "certification_ids",
    }
)
"""What `plan` and `change` take, as the model has it; `certification_ids` are what passing grants."""

MOST_DATES = 50
MOST_PLACES = 500
MOST_PRICE = 10**9
LONGEST_DATE = timedelta(days=1)
FURTHEST = timedelta(days=3660)
LONGEST_TITLE = 200
LONGEST_TEXT = 5000
MOST_CERTIFICATIONS = 20
_RANGES = {"places": (1, MOST_PLACES), "minimum": (0, MOST_PLACES), "price": (0, MOST_PRICE), "cancel_hours": (0, 720)}
_LENGTHS = {"title": LONGEST_TITLE, "description": LONGEST_TEXT}


@dataclass(frozen=True, slots=True)
class DateWish:
    """A date as it shall be; `id` says which one of the training it is, else it is found by its times or is new."""

    starts_at: datetime
    ends_at: datetime
    id: int | None = None

    @property
    def times(self) -> tuple[datetime, datetime]:
        """From when to when."""
        return self.starts_at, self.ends_at


# -- values -----------------------------------------------------------------------------------------------------------


def clean(values: Mapping[str, Any], known: Training | None = None) -> dict[str, Any]:
    """The values as they are stored; a new training (`known` None) needs a title and places. Raises Invalid with every
    field that is wrong."""
    wrong: dict[str, str] = dict.fromkeys(sorted(set(values) - CHANGEABLE), "there is no such field")
    found = {name: value for name, value in values.items() if name in CHANGEABLE}
    for name in [] if known is not None else ["title", "places"]:
        if name not in found:
            wrong[name] = "is needed"
    for name, value in found.items():
        if fault := _fault(name, value):
            wrong[name] = fault
    places = found.get("places", 1 if known is None else known.places)
    minimum = found.get("minimum", 1 if known is None else known.minimum)
    if not wrong and minimum > places:
        wrong["minimum"] = "must not be more than the places"
    if wrong:
        raise Invalid(wrong)
    for name in _LENGTHS.keys() & found.keys():
        found[name] = {lang: one.strip() for lang, one in found[name].items() if one.strip()}
    if found.get("audience") is not None:
        found["audience"] = Audience(found["audience"])
    return found


def _fault(name: str, value: Any) -> str:
    """What is wrong with the value of a field; '' for nothing."""
    if name in _RANGES:
        least, most = _RANGES[name]
        fine = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if fine else f"must be a whole number from {least} to {most}"
    if name in _LENGTHS:
        return _text_fault(value, _LENGTHS[name], needed=name == "title")
    if name == "audience" and value is not None and value not in list(Audience):
        return f"must be one of {', '.join(Audience)}"
    if name == "language" and value not in config().lab.languages:
        return f"must be one of {', '.join(config().lab.languages)}"
    if name == "certification_ids" and len(value) > MOST_CERTIFICATIONS:
        return f"must be at most {MOST_CERTIFICATIONS}"
    return ""


def _text_fault(value: Any, longest: int, *, needed: bool) -> str:
    languages = config().lab.languages
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        return "must be texts by language"
    if unknown := sorted(set(value) - set(languages)):
        return f"{unknown[0]} is no language of this lab: {', '.join(languages)}"
    if needed and not any(one.strip() for one in value.values()):
        return "is needed in one language at least"
    if any(len(one) > longest for one in value.values()):
        return f"must have at most {longest} characters"
    return ""


# -- dates ------------------------------------------------------------------------------------------------------------


def check_dates(dates: Sequence[DateWish], now: datetime) -> None:
    """Raises Invalid where they are none, too many, too long, too far away, or one is named twice."""
    fault = ""
    named = [one.id for one in dates if one.id is not None]
    if not 1 <= len(dates) <= MOST_DATES:
        fault = f"must be one to {MOST_DATES} dates"
    elif any(not timedelta(0) < one.ends_at - one.starts_at <= LONGEST_DATE for one in dates):
        fault = "each must end after it starts, by at most 24 hours"
    elif any(abs(one.starts_at - now) > FURTHEST for one in dates):
        fault = "each must be within ten years from now"
    elif len(named) != len(set(named)):
        fault = "each may be named once"
    if fault:
        raise Invalid({"dates": fault})


def check_decision(decide_at: datetime | None, starts_at: datetime) -> None:
    """Raises Invalid where it would be decided after the training began."""
    if decide_at is not None and decide_at > starts_at:
        raise Invalid({"decide_at": "must not be after the first date begins"})


def matched(known: Sequence[TrainingDate], wanted: Sequence[DateWish]) -> list[tuple[TrainingDate | None, DateWish]]:
    """Which date becomes which: as they are named, else those with the same times, else in their order. None: a new
    one. So a series that is moved by one week moves only its first date to the end. Raises Conflict for a date named
    that the training does not have any more."""
    rest = {one.id: one for one in known}
    found: dict[int, TrainingDate] = {}
    for place, one in enumerate(wanted):
        if one.id is not None:
            if one.id not in rest:
                raise Conflict(f"This training has no date {one.id} any more.")
            found[place] = rest.pop(one.id)
    by_times = {(one.starts_at, one.ends_at): one.id for one in rest.values()}
    for place, one in enumerate(wanted):
        ident = by_times.get(one.times)
        if place not in found and ident in rest:
            found[place] = rest.pop(ident)
    spare = sorted(rest.values(), key=lambda one: one.starts_at)
    for place, one in sorted(enumerate(wanted), key=lambda pair: pair[1].times):
        if place not in found and one.id is None and spare:
            found[place] = spare.pop(0)
    return [(found.get(place), one) for place, one in enumerate(wanted)]
