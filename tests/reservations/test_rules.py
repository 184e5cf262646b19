"""The booking rules as a table: a base case that is allowed, one row per reason, rows at each boundary."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fablab.people.rules import PersonFacts
from fablab.reservations.rules import Slot, booking_denials
from fablab.resources.rules import Calendar, ResourceFacts
from tests.reservations.rules_base import ALWAYS, BASE, BOTH, END, HELD, LASER, NOW, PARIS, START, paris, slot

ROWS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("allowed", {}, []),
    ("starting this very instant", slot(NOW, 60), []),
    ("a moment ago", slot(NOW - timedelta(microseconds=1), 60), ["in_past", "off_step", "outside_opening_hours"]),
    ("the shortest", slot(START, 15), []),
    ("shorter", slot(START, 14), ["off_step", "too_short"]),
    ("the longest", slot(START, 240), []),
    ("longer", slot(START, 241), ["off_step", "too_long"]),
    ("on the last day of the horizon", slot(paris(2026, 5, 1, 17), 60), []),
    ("the day after the horizon", slot(paris(2026, 5, 4, 9), 60), ["too_far_ahead"]),
    ("from opening", slot(paris(2026, 3, 3, 9), 60), []),
    ("a minute before opening", slot(paris(2026, 3, 3, 8, 59), 60), ["off_step", "outside_opening_hours"]),
    ("until exactly closing time", slot(paris(2026, 3, 3, 17), 60), []),
    ("a minute past closing", slot(paris(2026, 3, 3, 17, 1), 60), ["off_step", "outside_opening_hours"]),
    ("on Sunday", slot(paris(2026, 3, 8, 10), 60), ["outside_opening_hours"]),
    ("on a closed day", slot(paris(2026, 3, 5, 10), 60), ["lab_closed"]),
    ("touching the one before", {"taken": [Slot(START - timedelta(hours=1), START)]}, []),
    ("touching the one after", {"taken": [Slot(END, END + timedelta(hours=1))]}, []),
    ("overlapping by a moment", {"taken": [Slot(END - timedelta(microseconds=1), END)]}, ["slot_taken"]),
    ("inside another", {"taken": [Slot(START - timedelta(hours=1), END + timedelta(hours=1))]}, ["slot_taken"]),
    ("around another", {"taken": [Slot(START + timedelta(minutes=5), START + timedelta(minutes=6))]}, ["slot_taken"]),
    ("disabled", {"person": PersonFacts(False, None)}, ["person_disabled"]),
    ("member until that day", {"person": PersonFacts(True, date(2026, 3, 3))}, []),
    ("member until the day before", {"person": PersonFacts(True, date(2026, 3, 2))}, ["membership_expired"]),
    ("out of service", {"resource": ResourceFacts(False, "lens")}, ["resource_out_of_service"]),
    ("certified", {"required": LASER, "grants": [HELD]}, []),
    ("not certified", {"required": LASER}, ["not_certified"]),
    ("two missing", {"required": BOTH}, ["not_certified", "not_certified"]),
    ("ends with the booking", {"required": LASER, "grants": [replace(HELD, valid_until=END)]}, []),
    (
        "ends within the booking",
        {"required": LASER, "grants": [replace(HELD, valid_until=END - timedelta(microseconds=1))]},
        ["certification_expired"],
    ),
    ("ended before", {"required": LASER, "grants": [replace(HELD, valid_until=NOW)]}, ["certification_expired"]),
    ("withdrawn", {"required": LASER, "grants": [replace(HELD, revoked_at=NOW)]}, ["certification_revoked"]),
    (
        "lapsed",
        {"required": LASER, "grants": [replace(HELD, lapse_after_unused=timedelta(days=30))]},
        ["certification_lapsed_unused"],
    ),
    ("granted from the start on", {"required": LASER, "grants": [replace(HELD, granted_at=START)]}, []),
    (
        "granted during it",
        {"required": LASER, "grants": [replace(HELD, granted_at=START + timedelta(minutes=1))]},
        ["not_certified"],
    ),
    (
        "longer, after its start",
        slot(NOW - timedelta(hours=-1), 60) | {"now": NOW + timedelta(hours=1.5), "begun": True},
        [],
    ),
    ("shorter than now, after its start", {"now": END + timedelta(minutes=1), "begun": True}, ["in_past"]),
    (
        "everything at once",
        slot(paris(2026, 3, 1, 10), 10)
        | {
            "person": PersonFacts(False, date(2026, 1, 1)),
            "required": LASER,
            "resource": ResourceFacts(False),
            "taken": [Slot(paris(2026, 3, 1, 10), paris(2026, 3, 1, 11))],
        },
        [
            "person_disabled",
            "membership_expired",
            "not_certified",
            "resource_out_of_service",
            "in_past",
            "off_step",
            "too_short",
            "outside_opening_hours",
            "slot_taken",
        ],
    ),
]


@pytest.mark.parametrize(("facts", "codes"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_it_names_every_reason_in_reading_order(facts: dict[str, Any], codes: list[str]) -> None:
    assert [denial.code for denial in booking_denials(replace(BASE, **facts))] == codes


def test_it_names_the_time_that_is_taken() -> None:
    taken = [
        Slot(START - timedelta(hours=2), START),
        Slot(END - timedelta(minutes=5), END),
        Slot(END, END + timedelta(1)),
    ]
    (denial,) = booking_denials(replace(BASE, taken=taken))
    assert denial.params == {"starts_at": "2026-03-03T09:55:00+00:00", "ends_at": "2026-03-03T10:00:00+00:00"}


NIGHTS = replace(BASE, calendar=Calendar(PARIS, ALWAYS), policy=replace(BASE.policy, horizon_days=365))


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        pytest.param(paris(2026, 3, 29, 1, 30), paris(2026, 3, 29, 3, 30), 60, id="spring"),
        pytest.param(paris(2026, 10, 25, 1, 30), paris(2026, 10, 25, 3, 30), 180, id="autumn"),
    ],
)
def test_it_counts_real_minutes_in_the_nights_of_the_clock_change(start: datetime, end: datetime, minutes: int) -> None:
    exact = replace(NIGHTS.policy, min_minutes=minutes, max_minutes=minutes)
    assert booking_denials(replace(NIGHTS, starts_at=start, ends_at=end, policy=exact)) == []
