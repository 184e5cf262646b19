"""The booking rules as a table: a base case that is allowed, one row per reason, rows at each boundary."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.certifications.rules import GrantFacts, RequiredFacts
from fablab.people.rules import PersonFacts
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import BookingFacts, Slot, booking_denials
from fablab.reservations.search import free_slots, instants, next_free, suggestions
from fablab.resources.rules import Calendar, Opening, ResourceFacts

PARIS = ZoneInfo("Europe/Paris")
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (Opening(time(9), time(18)),))
ALWAYS = dict.fromkeys((*WEEK, "saturday", "sunday"), (Opening(time(0), time(0)),))
LASER = RequiredFacts(7, {"en": "Laser"})
SAW = RequiredFacts(8, {"en": "Saw"})


def paris(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=PARIS, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]  # a tuple of numbers


NOW = paris(2026, 3, 2, 9)
START, END = paris(2026, 3, 3, 10), paris(2026, 3, 3, 11)
HELD = GrantFacts(7, granted_at=NOW - timedelta(days=30))

BASE = BookingFacts(
    now=NOW,
    starts_at=START,
    ends_at=END,
    calendar=Calendar(PARIS, WEEK, closed_days=frozenset({date(2026, 3, 5)})),
    policy=BookingPolicy(step_minutes=15, min_minutes=15, max_minutes=240, horizon_days=60),
    person=PersonFacts(active=True, member_until=None),
    resource=ResourceFacts(in_service=True),
)


def slot(start: datetime, minutes: int) -> dict[str, Any]:
    return {"starts_at": start, "ends_at": start + timedelta(minutes=minutes)}


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
    ("certified", {"required": [LASER], "grants": [HELD]}, []),
    ("not certified", {"required": [LASER]}, ["not_certified"]),
    ("two missing", {"required": [LASER, SAW]}, ["not_certified", "not_certified"]),
    ("ends with the booking", {"required": [LASER], "grants": [replace(HELD, valid_until=END)]}, []),
    (
        "ends within the booking",
        {"required": [LASER], "grants": [replace(HELD, valid_until=END - timedelta(microseconds=1))]},
        ["certification_expired"],
    ),
    ("ended before", {"required": [LASER], "grants": [replace(HELD, valid_until=NOW)]}, ["certification_expired"]),
    ("withdrawn", {"required": [LASER], "grants": [replace(HELD, revoked_at=NOW)]}, ["certification_revoked"]),
    (
        "lapsed",
        {"required": [LASER], "grants": [replace(HELD, lapse_after_unused=timedelta(days=30))]},
        ["certification_lapsed_unused"],
    ),
    ("granted from the start on", {"required": [LASER], "grants": [replace(HELD, granted_at=START)]}, []),
    (
        "granted during it",
        {"required": [LASER], "grants": [replace(HELD, granted_at=START + timedelta(minutes=1))]},
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
            "required": [LASER],
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


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 29), time(2, 30), []),
        (date(2026, 3, 29), time(3, 0), [datetime(2026, 3, 29, 1, tzinfo=UTC)]),
        (date(2026, 3, 29), time(1, 59), [datetime(2026, 3, 29, 0, 59, tzinfo=UTC)]),
        (
            date(2026, 10, 25),
            time(2, 30),
            [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)],
        ),
        (date(2026, 10, 25), time(3, 0), [datetime(2026, 10, 25, 2, tzinfo=UTC)]),
        (date(2026, 7, 1), time(12), [datetime(2026, 7, 1, 10, tzinfo=UTC)]),
    ],
)
def test_it_knows_local_times_that_do_not_exist_or_exist_twice(day: date, at: time, expected: list[datetime]) -> None:
    assert instants(day, at, PARIS) == expected


def test_it_suggests_the_nearest_allowed_slots() -> None:
    taken = replace(BASE, taken=[Slot(START, END)])
    assert [one.starts_at for one in suggestions([taken])] == [
        START - timedelta(hours=1),
        END,
        END + timedelta(minutes=15),
    ]


def test_it_suggests_the_next_open_day() -> None:
    sunday = replace(BASE, **slot(paris(2026, 3, 8, 17), 60))
    assert suggestions([sunday], limit=1) == [Slot(paris(2026, 3, 9, 9), paris(2026, 3, 9, 10))]


def test_it_shortens_what_is_too_long_and_lengthens_what_is_too_short() -> None:
    assert suggestions([replace(BASE, **slot(START, 300))], limit=1) == [Slot(START, START + timedelta(minutes=240))]
    assert suggestions([replace(BASE, **slot(START, 5))], limit=1) == [Slot(START, START + timedelta(minutes=15))]


def test_it_suggests_nothing_where_another_time_does_not_help() -> None:
    assert suggestions([replace(BASE, required=[LASER])]) == []
    assert suggestions([replace(BASE, resource=ResourceFacts(False))]) == []


def test_it_suggests_an_earlier_slot_where_the_certification_ends() -> None:
    ending = replace(HELD, valid_until=START)
    (found,) = suggestions([replace(BASE, required=[LASER], grants=[ending])], limit=1)
    assert found == Slot(START - timedelta(hours=1), START)


def test_it_suggests_what_suits_all_resources() -> None:
    one = replace(BASE, taken=[Slot(START, END)])
    other = replace(BASE, taken=[Slot(END, END + timedelta(hours=1))])
    found = [each.starts_at for each in suggestions([one, other], limit=2)]
    assert found == [START - timedelta(hours=1), END + timedelta(hours=1)]


def test_it_finds_from_when_on_it_is_free() -> None:
    assert next_free(BASE) == NOW
    assert next_free(replace(BASE, taken=[Slot(NOW, NOW + timedelta(hours=2))])) == NOW + timedelta(hours=2)
    assert next_free(replace(BASE, now=paris(2026, 3, 6, 17, 50))) == paris(2026, 3, 9, 9)
    assert next_free(replace(BASE, resource=ResourceFacts(False))) is None


HOURS = st.integers(0, 24 * 20).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def some_facts(draw: st.DrawFn) -> BookingFacts:
    edges = sorted(draw(st.sets(HOURS, max_size=12)))
    taken = [Slot(one, two) for one, two in zip(edges[::2], edges[1::2], strict=False)]
    quarters = draw(st.integers(-8, 40 * 24 * 4))
    wanted = slot(NOW + timedelta(minutes=15 * quarters), draw(st.integers(1, 600)))
    grants = draw(st.sampled_from([[], [HELD], [replace(HELD, valid_until=NOW + timedelta(days=3))]]))
    step = draw(st.sampled_from([5, 15, 60, 240]))
    return replace(
        BASE,
        **wanted,
        taken=taken,
        required=draw(st.sampled_from([[], [LASER]])),
        grants=grants,
        policy=replace(BASE.policy, step_minutes=step),
        calendar=draw(st.sampled_from([BASE.calendar, Calendar(PARIS, ALWAYS)])),
    )


@settings(max_examples=60, deadline=None)
@given(some_facts())
def test_every_suggestion_is_allowed_and_they_are_ordered(facts: BookingFacts) -> None:
    found = suggestions([facts])
    for one in found:
        assert booking_denials(replace(facts, starts_at=one.starts_at, ends_at=one.ends_at)) == []
    distances = [(abs(one.starts_at - facts.starts_at), one.starts_at) for one in found]
    assert distances == sorted(distances)
    assert len(set(found)) == len(found) <= 3


@settings(max_examples=60, deadline=None)
@given(some_facts(), st.integers(15, 240))
def test_every_free_slot_is_allowed_and_none_is_left_out(facts: BookingFacts, minutes: int) -> None:
    from_ = facts.starts_at
    until = from_ + timedelta(days=2)
    found = free_slots(facts, until, minutes)
    assert found == sorted(set(found), key=lambda one: one.starts_at)
    for one in found:
        assert booking_denials(replace(facts, starts_at=one.starts_at, ends_at=one.ends_at)) == []
    step = timedelta(minutes=60)
    first = from_.replace(minute=0) + timedelta(hours=1)
    whole_hours = [first + step * number for number in range(47)]
    if facts.policy.step_minutes <= 60:
        for start in whole_hours:
            end = start + timedelta(minutes=minutes)
            allowed = booking_denials(replace(facts, starts_at=start, ends_at=end)) == [] and end <= until
            assert (Slot(start, end) in found) == allowed
