"""A person's limits as tables, and against a model that counts minute by minute."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.core.denials import Denial
from fablab.reservations.limits import Span, counted, used
from fablab.reservations.policy import BookingPolicy, QuietWindow
from fablab.reservations.rules import BookingFacts, booking_denials, within_limits
from fablab.resources.rules import Calendar
from tests.reservations.rules_base import ALWAYS, BASE, END, NOW, PARIS, START, paris, slot

NIGHT = QuietWindow(frozenset(range(7)), time(22), time(6))
WEEKEND = QuietWindow(frozenset({5, 6}), time(0), time(0))
OPEN = replace(BASE, calendar=Calendar(PARIS, ALWAYS))


def span(start: datetime, minutes: int) -> Span:
    return start, start + timedelta(minutes=minutes)


def limits(own: list[Span], wanted: dict[str, Any], **rules: Any) -> list[Denial]:
    """What the limits say to somebody who holds `own` already."""
    policy = replace(BASE.policy, max_minutes=10_000, horizon_days=1000, **rules)
    held = used(own, policy, PARIS, NOW)
    return within_limits(replace(OPEN, policy=policy, held=held, **wanted))


TUESDAY_8, TUESDAY_14 = paris(2026, 3, 3, 8), paris(2026, 3, 3, 14)
DAY, WEEK_, COUNT, FUTURE = "max_minutes_per_day", "max_minutes_per_week", "max_future_count", "max_future_minutes"
Row = tuple[str, list[Span], dict[str, Any], dict[str, Any], list[tuple[str, int, int]]]

ROWS: list[Row] = [
    ("no limit", [span(TUESDAY_8, 600)], slot(START, 60), {}, []),
    ("a day, reached exactly", [span(TUESDAY_8, 60)], slot(START, 60), {DAY: 120}, []),
    ("a day, a minute too much", [span(TUESDAY_8, 60)], slot(START, 60), {DAY: 119}, [(DAY, 60, 60)]),
    ("a day, alone too much", [], slot(START, 60), {DAY: 59}, [(DAY, 0, 60)]),
    ("a day, another day does not count", [span(paris(2026, 3, 4, 8), 60)], slot(START, 60), {DAY: 60}, []),
    (
        "a day, what is past that day counts",
        [span(paris(2026, 3, 2, 8), 60)],
        slot(NOW, 60),
        {DAY: 60},
        [(DAY, 60, 60)],
    ),
    ("a day, over midnight", [span(paris(2026, 3, 3, 22), 60)], slot(paris(2026, 3, 3, 23), 120), {DAY: 120}, []),
    (
        "a day, over midnight, the second day",
        [span(paris(2026, 3, 4, 8), 61)],
        slot(paris(2026, 3, 3, 23), 120),
        {DAY: 120},
        [(DAY, 61, 60)],
    ),
    ("a day in UTC is not a day here", [span(paris(2026, 3, 2, 23, 30), 30)], slot(START, 60), {DAY: 60}, []),
    ("a week, from monday", [span(paris(2026, 3, 2, 9), 60)], slot(START, 60), {WEEK_: 119}, [(WEEK_, 60, 60)]),
    ("a week, to sunday", [span(paris(2026, 3, 8, 22), 120)], slot(START, 60), {WEEK_: 179}, [(WEEK_, 120, 60)]),
    ("a week, the sunday before", [span(paris(2026, 3, 1, 9), 600)], slot(START, 60), {WEEK_: 60}, []),
    ("a week, the monday after", [span(paris(2026, 3, 9, 0), 600)], slot(START, 60), {WEEK_: 60}, []),
    (
        "a week, half in the next",
        [span(paris(2026, 3, 9, 8), 60)],
        slot(paris(2026, 3, 8, 23), 120),
        {WEEK_: 100},
        [(WEEK_, 60, 60)],
    ),
    ("count, reached", [span(START, 60)], slot(TUESDAY_14, 60), {COUNT: 2}, []),
    ("count, beyond", [span(START, 60)], slot(TUESDAY_14, 60), {COUNT: 1}, [(COUNT, 1, 1)]),
    (
        "count, one that runs counts",
        [span(NOW - timedelta(minutes=30), 60)],
        slot(START, 60),
        {COUNT: 1},
        [(COUNT, 1, 1)],
    ),
    ("count, one that is over does not", [span(NOW - timedelta(minutes=60), 60)], slot(START, 60), {COUNT: 1}, []),
    ("future minutes, reached", [span(TUESDAY_14, 60)], slot(START, 60), {FUTURE: 120}, []),
    ("future minutes, beyond", [span(TUESDAY_14, 60)], slot(START, 60), {FUTURE: 119}, [(FUTURE, 60, 60)]),
    (
        "future minutes, what is gone of one that runs does not count",
        [span(NOW - timedelta(minutes=30), 60)],
        slot(START, 60),
        {FUTURE: 90},
        [],
    ),
    ("gap, kept exactly", [span(END + timedelta(minutes=30), 60)], slot(START, 60), {"gap_minutes": 30}, []),
    (
        "gap, too small after",
        [span(END + timedelta(minutes=29), 60)],
        slot(START, 60),
        {"gap_minutes": 30},
        [("gap_minutes", 29, 29)],
    ),
    ("gap, too small before", [span(TUESDAY_8, 105)], slot(START, 60), {"gap_minutes": 30}, [("gap_minutes", 15, 15)]),
    ("gap, at the same time", [span(START, 60)], slot(START, 60), {"gap_minutes": 30}, [("gap_minutes", 0, 0)]),
    (
        "quiet, own ones do not count",
        [span(paris(2026, 3, 3, 22), 120)],
        slot(START, 60),
        {DAY: 60, "quiet_hours": (NIGHT,)},
        [],
    ),
    (
        "quiet, the wanted one does not count",
        [span(TUESDAY_8, 60)],
        slot(paris(2026, 3, 3, 23), 300),
        {DAY: 60, "quiet_hours": (NIGHT,)},
        [],
    ),
    (
        "quiet, only what lies outside counts",
        [span(TUESDAY_8, 60)],
        slot(paris(2026, 3, 3, 21), 300),
        {DAY: 119, "quiet_hours": (NIGHT,)},
        [(DAY, 60, 60)],
    ),
    (
        "quiet, over midnight until the morning",
        [],
        slot(paris(2026, 3, 4, 5), 120),
        {DAY: 59, "quiet_hours": (NIGHT,)},
        [(DAY, 0, 60)],
    ),
    (
        "quiet weekend, no count",
        [span(START, 60)],
        slot(paris(2026, 3, 7, 9), 600),
        {COUNT: 1, "quiet_hours": (WEEKEND,)},
        [],
    ),
    (
        "quiet weekend, ends on monday",
        [],
        slot(paris(2026, 3, 8, 23), 120),
        {DAY: 59, "quiet_hours": (WEEKEND,)},
        [(DAY, 0, 60)],
    ),
    (
        "quiet, no gap either",
        [span(paris(2026, 3, 7, 9), 60)],
        slot(paris(2026, 3, 7, 10), 60),
        {"gap_minutes": 60, "quiet_hours": (WEEKEND,)},
        [],
    ),
    (
        "all at once",
        [span(TUESDAY_8, 120)],
        slot(START, 60),
        {DAY: 100, WEEK_: 100, COUNT: 1, FUTURE: 100, "gap_minutes": 15},
        [(DAY, 120, 60), (WEEK_, 120, 60), (COUNT, 1, 1), (FUTURE, 120, 60), ("gap_minutes", 0, 0)],
    ),
]


@pytest.mark.parametrize(
    ("own", "wanted", "rules", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_limits(
    own: list[Span], wanted: dict[str, Any], rules: dict[str, Any], expected: list[tuple[str, int, int]]
) -> None:
    found = limits(own, wanted, **rules)
    assert {one.code for one in found} <= {"quota_exceeded"}
    assert [(one.params["limit"], one.params["used"], one.params["value"]) for one in found] == expected
    assert [one.params["allowed"] for one in found] == [rules[one.params["limit"]] for one in found]


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        pytest.param(paris(2026, 3, 29, 0), paris(2026, 3, 30, 0), 23 * 60, id="spring"),
        pytest.param(paris(2026, 10, 25, 0), paris(2026, 10, 26, 0), 25 * 60, id="autumn"),
    ],
)
def test_a_day_on_which_clocks_change_has_its_real_length(start: datetime, end: datetime, minutes: int) -> None:
    wanted = {"starts_at": start, "ends_at": end}
    assert limits([], wanted, max_minutes_per_day=minutes) == []
    (denial,) = limits([], wanted, max_minutes_per_day=minutes - 1)
    assert denial.params["value"] == minutes


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        pytest.param(paris(2026, 3, 28, 21), paris(2026, 3, 29, 7), 120, id="spring"),
        pytest.param(paris(2026, 10, 24, 21), paris(2026, 10, 25, 7), 120, id="autumn"),
        pytest.param(paris(2026, 6, 2, 21), paris(2026, 6, 3, 7), 120, id="summer"),
    ],
)
def test_a_quiet_night_is_as_long_as_the_clocks_make_it(start: datetime, end: datetime, left: int) -> None:
    pieces = counted(start, end, (NIGHT,), PARIS)
    assert sum(((two - one) for one, two in pieces), timedelta(0)) == timedelta(minutes=left)


def test_a_lasting_let_has_no_limits() -> None:
    policy = replace(BASE.policy, max_minutes_per_day=10)
    assert [one.code for one in booking_denials(replace(BASE, policy=policy))] == ["quota_exceeded"]
    assert booking_denials(replace(BASE, policy=policy, let=True)) == []


HOURS = st.integers(-24 * 4, 24 * 40)
QUIET = st.lists(
    st.builds(
        QuietWindow,
        st.frozensets(st.integers(0, 6), min_size=1),
        st.sampled_from([time(0), time(1), time(2, 30), time(8), time(22)]),
        st.sampled_from([time(0), time(2), time(3), time(6), time(18), time(23)]),
    ),
    max_size=2,
).map(tuple)
BEGIN = paris(2026, 3, 20, 9)
"""So that the night in which clocks go forward lies in the middle."""


@st.composite
def some_case(draw: st.DrawFn) -> tuple[list[Span], Span, BookingPolicy]:
    own = [
        span(BEGIN + timedelta(hours=draw(HOURS)), 30 * draw(st.integers(1, 30)))
        for _ in range(draw(st.integers(0, 5)))
    ]
    wanted = span(BEGIN + timedelta(hours=draw(HOURS)), 30 * draw(st.integers(1, 60)))
    some = st.none() | st.integers(1, 60).map(lambda halves: halves * 30)
    policy = replace(
        BASE.policy,
        max_minutes_per_day=draw(some),
        max_minutes_per_week=draw(some),
        max_future_count=draw(st.none() | st.integers(1, 5)),
        max_future_minutes=draw(some),
        quiet_hours=draw(QUIET),
    )
    return own, wanted, policy


def half_hours(one: Span, policy: BookingPolicy) -> list[datetime]:
    """The model: every half hour of the time in local time that is in no quiet window."""
    found, at = [], one[0]
    while at < one[1]:
        if not any(is_quiet(at, window) for window in policy.quiet_hours):
            found.append(at.astimezone(PARIS))
        at += timedelta(minutes=30)
    return found


def is_quiet(at: datetime, window: QuietWindow) -> bool:
    """By comparing instants, with the windows of this local day and the day before."""
    day = at.astimezone(PARIS).date()
    for number in (0, 1):
        begins = day - timedelta(number)
        ends = begins if window.until > window.from_ else begins + timedelta(1)
        if begins.weekday() in window.days:
            one = datetime.combine(begins, window.from_, tzinfo=PARIS).astimezone(UTC)
            two = datetime.combine(ends, window.until, tzinfo=PARIS).astimezone(UTC)
            if one <= at < two:
                return True
    return False


def model(own: list[Span], wanted: Span, policy: BookingPolicy, now: datetime) -> set[str]:
    """Which limits are broken, counted half hour by half hour."""
    mine = [half_hours(one, policy) for one in own]
    more = half_hours(wanted, policy)
    every = [at for one in mine for at in one]
    broken = set()
    for key, part in ((DAY, lambda at: at.date()), (WEEK_, lambda at: at.isocalendar()[:2])):
        most = getattr(policy, key)
        for one in {part(at) for at in more}:
            sum_ = 30 * sum(part(at) == one for at in [*every, *more])
            if most is not None and sum_ > most:
                broken.add(key)
    coming = [one for one, span_ in zip(mine, own, strict=True) if one and span_[1] > now]
    if policy.max_future_count is not None and more and len(coming) + 1 > policy.max_future_count:
        broken.add(COUNT)
    ahead = 30 * sum(at >= now for at in [*every, *more])
    if policy.max_future_minutes is not None and ahead > policy.max_future_minutes and any(at >= now for at in more):
        broken.add(FUTURE)
    return broken


@settings(max_examples=300, deadline=None)
@given(some_case())
def test_the_limits_agree_with_a_model_that_counts_half_hours(case: tuple[list[Span], Span, BookingPolicy]) -> None:
    own, wanted, policy = case
    facts: BookingFacts = replace(
        OPEN, now=BEGIN, policy=policy, held=used(own, policy, PARIS, BEGIN), starts_at=wanted[0], ends_at=wanted[1]
    )
    assert {one.params["limit"] for one in within_limits(facts)} == model(own, wanted, policy, BEGIN)


@settings(max_examples=100, deadline=None)
@given(some_case())
def test_what_is_allowed_stays_allowed_with_less(case: tuple[list[Span], Span, BookingPolicy]) -> None:
    own, wanted, policy = case
    facts = replace(OPEN, now=BEGIN, policy=policy, starts_at=wanted[0], ends_at=wanted[1])
    if not within_limits(replace(facts, held=used(own, policy, PARIS, BEGIN))):
        assert not within_limits(replace(facts, held=used(own[1:], policy, PARIS, BEGIN)))
