"""What people type into the pages of bookings, read by pure functions: each kind of sense and nonsense."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fablab.reservations import forms
from fablab.reservations.wishes import LetTerms

PARIS = ZoneInfo("Europe/Paris")


def form(**values: str | list[str]) -> forms.Sent:
    return forms.sent({name: [value] if isinstance(value, str) else value for name, value in values.items()})


def test_a_form_is_cut_to_a_sane_size_and_knows_only_its_fields() -> None:
    found = form(note="x" * 9000, evil="1", resource=["1", "1", " 2 "], **{"override-too_long": " course "})
    assert len(found["note"]) == 600
    assert found["evil"] == ""
    assert found.lists["resource"] == ("1", "2")
    assert found.overrides == {"too_long": "course"}


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [
        ("2026-03-02", "10:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-07-01", "10:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-03-29", "01:59", datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
    ],
)
def test_day_and_time_are_the_labs(day: str, at: str, instant: datetime) -> None:
    errors: forms.Errors = {}
    assert forms.start_of(day, at, PARIS, errors) == instant
    assert not errors


@pytest.mark.parametrize(
    ("day", "at", "field"),
    [
        ("2026-02-30", "10:00", "day"),
        ("", "10:00", "day"),
        ("2026-03-02", "25:00", "time"),
        ("2026-03-02", "10:00+01:00", "time"),
        ("2026-03-29", "02:30", "time"),
        ("2026-10-25", "02:30", "time"),
        ("0001-01-01", "00:00", "day"),
    ],
)
def test_a_start_that_makes_no_sense_is_named(day: str, at: str, field: str) -> None:
    errors: forms.Errors = {}
    assert forms.start_of(day, at, PARIS, errors) is None
    assert set(errors) == {field}


def test_a_let_ends_with_its_last_day() -> None:
    errors: forms.Errors = {}
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    found = forms.slot_until(start, "2026-05-31", PARIS, errors)
    assert found is not None
    assert found.ends_at == datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert forms.slot_until(start, "2026-03-01", PARIS, errors) is None
    assert set(errors) == {"last_day"}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({}, ""),
        ({"repeat": "hourly"}, ""),
        ({"repeat": "daily", "count": "5"}, "FREQ=DAILY;COUNT=5"),
        ({"repeat": "weekly", "every": "2", "on": ["WE", "MO"]}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10"),
        (
            {"repeat": "weekly", "ends": "until", "until": "2026-06-30"},
            "FREQ=WEEKLY;UNTIL=20260630T215959Z",
        ),
        ({"repeat": "monthly", "on": ["MO"], "count": "3"}, "FREQ=MONTHLY;COUNT=3"),
    ],
)
def test_repeat_becomes_a_rule(values: dict[str, str | list[str]], rule: str) -> None:
    errors: forms.Errors = {}
    assert forms.rule_of(form(**values), PARIS, errors) == rule
    assert not errors


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"repeat": "daily", "every": "0"}, "every"),
        ({"repeat": "daily", "count": "1"}, "count"),
        ({"repeat": "daily", "count": "367"}, "count"),
        ({"repeat": "daily", "ends": "until", "until": "soon"}, "until"),
    ],
)
def test_a_repeat_that_makes_no_sense_is_named(values: dict[str, str], field: str) -> None:
    errors: forms.Errors = {}
    forms.rule_of(form(**values), PARIS, errors)
    assert set(errors) == {field}


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("150", 15000),
        ("150,5", 15050),
        ("0.05", 5),
        ("", None),
        ("-1", None),
        ("1.005", None),
        ("x", None),
        ("٣", None),
    ],
)
def test_money_is_minor_units(text: str, minor: int | None) -> None:
    assert forms.money_of(text) == minor


def test_the_terms_of_a_let() -> None:
    errors: forms.Errors = {}
    assert forms.let_of(form(), errors) is None
    found = forms.let_of(form(let="yes", let_keys="A12", let_deposit="150", let_notice_days="30"), errors)
    assert found == LetTerms("A12", 15000, 30)
    assert not errors
    forms.let_of(form(let="yes", let_keys="x" * 201, let_deposit="much", let_notice_days="-1"), errors)
    assert set(errors) == {"let_keys", "let_deposit", "let_notice_days"}


@pytest.mark.parametrize("text", ["soon later", "2026-03-02T09:00 2026-03-02T10:00", "", "1", "2026-03-02T09:00+00:00"])
def test_a_suggested_time_is_two_instants_with_offset(text: str) -> None:
    errors: forms.Errors = {}
    assert forms.suggested(text, errors) is None
    assert set(errors) == {"time"}


def test_ids_are_those_that_are_offered() -> None:
    errors: forms.Errors = {}
    assert forms.ids_of(form(resource=["3", "4"]), "resource", frozenset({3, 4}), errors) == (3, 4)
    assert not errors
    assert forms.ids_of(form(resource=["3", "x", "9"]), "resource", frozenset({3}), errors) == (3,)
    assert set(errors) == {"resource"}
