"""What somebody typed into the pages of bookings, as values: small pure functions, each for one part of a form.

Each takes what was sent and a dict that collects what is wrong, one sentence a field; nothing here asks the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from fablab.reservations import placing
from fablab.reservations.rules import Slot
from fablab.reservations.search import instants
from fablab.reservations.wishes import LetTerms

NAMES = (
    "day",
    "time",
    "minutes",
    "note",
    "person",
    "on_behalf_reason",
    "party_size",
    "exclusive",
    "companion_name",
    "repeat",
    "every",
    "ends",
    "until",
    "count",
    "let",
    "last_day",
    "let_keys",
    "let_deposit",
    "let_notice_days",
    "reason",
)
"""The fields that hold one value."""

LISTS = ("resource", "companion", "on")
"""The fields that may come several times: further resources, companions, days of the week."""

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REPEATS = {"daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY"}
MOST_TIMES = 366
MOST_MINUTES = 366 * 1440
LONGEST_TEXT = placing.LONGEST_TEXT
OVERRIDE = "override-"

Errors = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it came: one text a field, cut to a sane length, and the fields that come several times."""

    values: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]
    overrides: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


def sent(values: Mapping[str, Sequence[str]]) -> Sent:
    """What a form or a query holds, from its texts by name."""
    texts = {name: _first(values, name) for name in NAMES}
    lists = {
        name: tuple(dict.fromkeys(one.strip()[:20] for one in values.get(name, ()) if one.strip()))[:50]
        for name in LISTS
    }
    overrides = {
        name.removeprefix(OVERRIDE): _first(values, name)
        for name in values
        if name.startswith(OVERRIDE) and _first(values, name)
    }
    return Sent(texts, lists, overrides)


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    found = values.get(name) or ("",)
    return found[0].strip()[: LONGEST_TEXT + 100]


# -- when -------------------------------------------------------------------------------------------------------------


def minutes_of(text: str, usual: int, errors: Errors) -> int:
    """How long; `usual` where nothing is chosen."""
    if not text:
        return usual
    found = number(text, 1, MOST_MINUTES)
    if found is None:
        errors["minutes"] = _("Please choose how long.")
        return usual
    return found


def start_of(day: str, at: str, zone: ZoneInfo, errors: Errors) -> datetime | None:
    """The instant that day and time of day mean in the lab's zone; says so where they mean none or two."""
    day_on, time_of_day = day_of(day, "day", errors), _time_of(at, errors)
    if day_on is None or time_of_day is None:
        return None
    try:
        found = instants(day_on, time_of_day, zone)
    except OverflowError:
        errors["day"] = impossible()
        return None
    if len(found) == 1:
        return found[0]
    twice = _("This time comes twice that day, because the clocks are put back. Please choose another time.")
    never = _("This time does not exist that day, because the clocks are put forward. Please choose another time.")
    errors["time"] = twice if found else never
    return None


def slot_from(starts_at: datetime, minutes: int, errors: Errors) -> Slot | None:
    """The time from a start on; says so where it is beyond the end of all calendars."""
    try:
        return Slot(starts_at, starts_at + timedelta(minutes=minutes))
    except OverflowError:
        errors["day"] = impossible()
        return None


def slot_until(starts_at: datetime, last_day: str, zone: ZoneInfo, errors: Errors) -> Slot | None:
    """From a start to the end of the last day: a lasting let."""
    last = day_of(last_day, "last_day", errors)
    if last is None:
        return None
    try:
        found = instants(last + timedelta(days=1), time(0), zone)
    except OverflowError:
        errors["last_day"] = impossible()
        return None
    if not found or found[0] <= starts_at:
        errors["last_day"] = _("The last day must not be before the first.")
        return None
    return Slot(starts_at, found[0])


def suggested(text: str, errors: Errors) -> Slot | None:
    """A slot as the buttons send it: two instants with a blank between."""
    try:
        first, second = (datetime.fromisoformat(part) for part in text.split(" "))
        if first.tzinfo is None or second.tzinfo is None or second <= first:
            raise ValueError
    except ValueError:
        errors["time"] = _time_wanted()
        return None
    return Slot(first, second)


def day_of(text: str, name: str, errors: Errors) -> date | None:
    """A day as `<input type="date">` sends it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors[name] = _("Please choose a day, such as 2026-03-02.")
        return None


def _time_of(text: str, errors: Errors) -> time | None:
    try:
        found = time.fromisoformat(text)
        if found.tzinfo is not None:
            raise ValueError
    except ValueError:
        errors["time"] = _time_wanted()
        return None
    return found


# -- how often --------------------------------------------------------------------------------------------------------


def rule_of(form: Sent, zone: ZoneInfo, errors: Errors) -> str:
    """The RFC 5545 rule that the part "repeat" of the form means; '' for once.

    `until` is the end of that day in the lab's zone, in UTC as the RFC wants it.
    """
    freq = REPEATS.get(form["repeat"])
    if freq is None:
        return ""
    parts = [f"FREQ={freq}"]
    every = number(form["every"] or "1", 1, 99)
    if every is None:
        errors["every"] = _("Please choose a number from 1 to 99.")
    elif every > 1:
        parts.append(f"INTERVAL={every}")
    days = [one for one in DAYS if one in form.lists["on"]]
    if freq == "WEEKLY" and days:
        parts.append(f"BYDAY={','.join(days)}")
    parts += _end_of(form, zone, errors)
    return ";".join(parts)


def _end_of(form: Sent, zone: ZoneInfo, errors: Errors) -> list[str]:
    """A series ends after a number of times or on a day."""
    if form["ends"] == "until":
        last = day_of(form["until"], "until", errors)
        if last is None:
            return []
        try:
            end = datetime.combine(last, time(23, 59, 59), tzinfo=zone).astimezone(ZoneInfo("UTC"))
        except OverflowError:
            errors["until"] = impossible()
            return []
        return [f"UNTIL={end:%Y%m%dT%H%M%SZ}"]
    times = number(form["count"] or "10", 2, MOST_TIMES)
    if times is None:
        errors["count"] = _("Please choose a number from 2 to %(most)d.", most=MOST_TIMES)
        return []
    return [f"COUNT={times}"]


# -- who and how ------------------------------------------------------------------------------------------------------


def party_of(form: Sent, errors: Errors) -> int:
    """How many people; one where nothing is typed."""
    found = number(form["party_size"] or "1", 1, placing.MOST_PEOPLE)
    if found is None:
        errors["party_size"] = _people_wanted()
        return 1
    return found


def text_of(form: Sent, name: str, errors: Errors, most: int = LONGEST_TEXT) -> str:
    """A text that is not too long."""
    if len(form[name]) > most:
        errors[name] = _shorter(most)
    return form[name]


def ids_of(form: Sent, name: str, known: frozenset[int], errors: Errors) -> tuple[int, ...]:
    """The ids that were ticked, each one that is offered."""
    found = [number(one, 1, 2**53) for one in form.lists[name]]
    ids = tuple(one for one in found if one is not None and one in known)
    if len(ids) != len(found):
        errors[name] = _("Please choose from the list.")
    return ids


def let_of(form: Sent, errors: Errors) -> LetTerms | None:
    """The terms of a lasting let; None where it is none."""
    if not form["let"]:
        return None
    notice = number(form["let_notice_days"] or "0", 0, placing.MOST_NOTICE_DAYS)
    if notice is None:
        errors["let_notice_days"] = _("Please type a number of days, such as 30.")
    deposit = money_of(form["let_deposit"] or "0")
    if deposit is None:
        errors["let_deposit"] = _("Please type an amount, such as 150.")
    keys = text_of(form, "let_keys", errors, most=200)
    return LetTerms(keys, deposit or 0, notice or 0)


def overrides_of(form: Sent, errors: Errors) -> dict[str, str]:
    """The reasons typed for rules to set aside, by code."""
    for code, reason in form.overrides.items():
        if len(reason) > LONGEST_TEXT:
            errors[OVERRIDE + code] = _shorter(LONGEST_TEXT)
    return dict(form.overrides)


def money_of(text: str) -> int | None:
    """An amount in minor units, two decimals, point or comma; None where it is none."""
    whole, _point, cents = text.replace(",", ".").partition(".")
    if len(cents) > 2 or not (whole + cents).isascii() or not (whole + cents).isdigit() or not whole:
        return None
    amount = int(whole[:12]) * 100 + int(cents.ljust(2, "0") or "0")
    return amount if amount <= placing.MOST_DEPOSIT else None


def number(text: str, least: int, most: int) -> int | None:
    """A whole number from `least` to `most`; None for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    return int(text) if least <= int(text) <= most else None


def impossible() -> str:
    """For times beyond every calendar."""
    return _("This time is too far away to be booked.")


def fault(field: str) -> str:
    """What is wrong with a field, by the name that a service gives it: what services say is written for programs."""
    make = _FAULTS.get(field)
    return make() if make else _("This cannot be used as it is. Please choose something else.")


def nobody() -> str:
    """For a name or an address that stands for no account here."""
    return _("Nobody is known here by this name or address.")


_FAULTS: Mapping[str, Callable[[], str]] = {
    "start": lambda: impossible(),
    "end": lambda: _("Please choose an end that is still to come, at most a year after the start."),
    "minutes": lambda: _("Please choose how long: it must fit between the first day and the last."),
    "person_id": lambda: _("Please choose a person of the list."),
    "companion_ids": nobody,
    "resource_id": lambda: _("Please choose from the list."),
    "resource_ids": lambda: _("Please choose at most %(most)d machines or rooms.", most=placing.MOST_RESOURCES),
    "exclusive": lambda: _("Only a room can be taken as a whole."),
    "party_size": lambda: _people_wanted(),
    "recurrence": lambda: _("Bookings cannot come again like this. Please choose other days or another end."),
    "let": lambda: _("Please look at the keys, the deposit and the days of notice again."),
    **dict.fromkeys(("note", "reason", "on_behalf_reason", "overrides"), lambda: _shorter(LONGEST_TEXT)),
}


def _people_wanted() -> str:
    return _("Please type how many people come, from 1 to %(most)d.", most=placing.MOST_PEOPLE)


def _shorter(most: int) -> str:
    return _("At most %(most)d characters, please.", most=most)


def _time_wanted() -> str:
    return _("Please choose a time, such as 14:30.")
