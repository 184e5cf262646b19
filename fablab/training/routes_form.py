"""What somebody typed into the form of a training, as values, and a training as the form shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from flask_babel import gettext as _

from fablab.core.typed import whole_number, whole_numbers
from fablab.core.words import config
from fablab.reservations import forms
from fablab.reservations.search import instants
from fablab.training.models import Training, TrainingDate
from fablab.training.wishes import DateWish

MOST_ROWS = 50
SPARE_ROWS = 1
OVERRIDE = "override-"
_TEXTS = ("instructor_id", "places", "minimum", "decide_day", "decide_time", "price", "audience", "language")
_NAMES = (*_TEXTS, "cancel_hours", "reason")


@dataclass(frozen=True, slots=True)
class DateRow:
    """A date as it is typed; `id` of the one that it changes, '' for a new one."""

    id: str = ""
    day: str = ""
    begin: str = ""
    end: str = ""

    @property
    def empty(self) -> bool:
        """Nothing is typed: there is no such date."""
        return not self.day


@dataclass(slots=True)
class Form:
    """The form: one text a field, the dates, what is ticked; `errors`: what is wrong, one sentence a field."""

    values: Mapping[str, str]
    rows: Sequence[DateRow]
    certification_ids: frozenset[int] = frozenset()
    resource_ids: tuple[int, ...] = ()
    exclusive: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def shown_rows(self) -> list[DateRow]:
        """The rows on the page: what is typed, and an empty one to go on."""
        return [*(one for one in self.rows if not one.empty), *[DateRow()] * SPARE_ROWS]


# -- from the training ------------------------------------------------------------------------------------------------


def fresh(instructor_id: int | None) -> Form:
    """The form of a new training."""
    values = {"places": "6", "minimum": "0", "cancel_hours": "24", "language": config().lab.languages[0]}
    return Form(values | {"instructor_id": str(instructor_id or "")}, ())


def of(training: Training, resource_ids: Sequence[int], *, exclusive: bool) -> Form:
    """The form of a training as it is."""
    decide = training.decide_at and training.decide_at.astimezone(config().lab.zone)
    values = {
        **{f"title_{code}": text for code, text in training.title.items()},
        **{f"description_{code}": text for code, text in training.description.items()},
        "instructor_id": str(training.instructor_id),
        "places": str(training.places),
        "minimum": str(training.minimum),
        "decide_day": decide.date().isoformat() if decide else "",
        "decide_time": f"{decide:%H:%M}" if decide else "",
        "price": f"{training.price / 100:.2f}" if training.price else "",
        "audience": training.audience.value if training.audience else "",
        "language": training.language,
        "cancel_hours": str(training.cancel_hours),
    }
    rows = [_row(one) for one in training.dates]
    granted = frozenset(one.id for one in training.certifications)
    return Form(values, rows, granted, tuple(resource_ids), exclusive)


def _row(one: TrainingDate) -> DateRow:
    begin, end = (at.astimezone(config().lab.zone) for at in (one.starts_at, one.ends_at))
    return DateRow(str(one.id), begin.date().isoformat(), f"{begin:%H:%M}", f"{end:%H:%M}")


# -- from what was sent -----------------------------------------------------------------------------------------------


def sent(given: Mapping[str, Sequence[str]]) -> Form:
    """The form as it was sent."""
    names = [*_NAMES, *(f"{name}_{code}" for name in ("title", "description") for code in config().lab.languages)]
    values = {name: (given.get(name) or [""])[0].strip()[:6000] for name in names}
    columns = [list(given.get(name, ()))[:MOST_ROWS] for name in ("date_id", "day", "begin", "end")]
    rows = [DateRow(*(text.strip()[:20] for text in row)) for row in zip(*columns, strict=False)]
    overrides = {
        name.removeprefix(OVERRIDE): text[0].strip()[:500]
        for name, text in given.items()
        if name.startswith(OVERRIDE) and text[0].strip()
    }
    return Form(
        values,
        [one for one in rows if not one.empty],
        frozenset(_idents(given.get("certification", ()))),
        tuple(dict.fromkeys(_idents(given.get("resource", ())))),
        bool(given.get("exclusive")),
        overrides,
    )


def _idents(texts: Sequence[str]) -> list[int]:
    return whole_numbers(texts[:200])


def values_of(form: Form, *, manager: bool) -> dict[str, Any]:
    """The values as the service takes them; what is wrong goes into `form.errors`."""
    found: dict[str, Any] = {
        "certification_ids": sorted(form.certification_ids),
        "audience": form.values["audience"] or None,
        "language": form.values["language"],
        "decide_at": _decide_at(form),
    }
    for name in ("title", "description"):
        found[name] = {
            code: form.values[f"{name}_{code}"] for code in config().lab.languages if form.values[f"{name}_{code}"]
        }
    if not found["title"]:
        form.errors[f"title_{config().lab.languages[0]}"] = _("Please give it a title, in one language at least.")
    for name, least, most in (("places", 1, 500), ("minimum", 0, 500), ("cancel_hours", 0, 720)):
        value = forms.number(form.values[name] or "0", least, most)
        if value is None:
            text = _("Please type a whole number from %(least)d to %(most)d.", least=least, most=most)
            form.errors[name] = text
        else:
            found[name] = value
    price = forms.money_of(form.values["price"] or "0")
    if price is None:
        form.errors["price"] = _("Please type an amount, such as 25 or 12.50.")
    else:
        found["price"] = price
    if manager and form.values["instructor_id"].isdigit():
        found["instructor_id"] = int(form.values["instructor_id"])
    return found


def _decide_at(form: Form) -> datetime | None:
    day, at = form.values["decide_day"], form.values["decide_time"] or "12:00"
    if not day:
        return None
    return _instant(day, at, form, "decide_day")


def wishes_of(form: Form) -> list[DateWish]:
    """The dates as the service takes them; what is wrong goes into `form.errors`, by the number of the row."""
    found = []
    for number, row in enumerate(form.rows, 1):
        begin = _instant(row.day, row.begin, form, f"day_{number}")
        end = _instant(row.day, row.end, form, f"day_{number}")
        if begin is None or end is None:
            continue
        if end <= begin:  # an evening that goes on after midnight
            end = _instant((date.fromisoformat(row.day) + timedelta(1)).isoformat(), row.end, form, f"day_{number}")
        if end is not None:
            found.append(DateWish(begin, end, whole_number(row.id)))
    if not form.rows:
        form.errors["day_1"] = _("Please give it a date.")
    return found


def _instant(day: str, at: str, form: Form, name: str) -> datetime | None:
    """The instant that day and time mean in the lab's zone; says so where they mean none."""
    try:
        found = instants(date.fromisoformat(day), time.fromisoformat(at), config().lab.zone)
    except (ValueError, OverflowError):
        form.errors[name] = _("Please choose a day, a begin and an end.")
        return None
    if not found:
        form.errors[name] = _("This time does not exist that day, because the clocks are put forward.")
        return None
    return found[0]


_FAULTS = {
    "title": lambda: _("Please give it a title of at most 200 characters, in one language at least."),
    "description": lambda: _("Please write at most 5000 characters."),
    "minimum": lambda: _("The minimum cannot be more than the places."),
    "decide_at": lambda: _("It must be decided before the first date begins."),
    "instructor_id": lambda: _("Please choose an instructor, a manager or an administrator."),
    "dates": lambda: _("Please give it one to fifty dates; each ends after it begins, within 24 hours and ten years."),
    "resource_ids": lambda: _("One of these cannot be held. Please choose again."),
    "resource_id": lambda: _("One of these cannot be held. Please choose again."),
    "certification_ids": lambda: _("One of these certifications is not given any more. Please choose again."),
    "reason": lambda: _("Please write at most 500 characters."),
    "places": lambda: _("So many places are taken already; please type a higher number."),
}
_FIELDS = {
    "decide_at": "decide_day",
    "dates": "day_1",
    "certification_ids": "certifications",
    "resource_ids": "resources",
    "resource_id": "resources",
}


def wrong(form: Form, fields: Mapping[str, str]) -> None:
    """What the service found wrong, in the reader's words, beside its field."""
    lang = config().lab.languages[0]
    for name in fields:
        make = _FAULTS.get(name)
        place = f"{name}_{lang}" if name in ("title", "description") else _FIELDS.get(name, name)
        form.errors[place] = make() if make else forms.fault(name)
