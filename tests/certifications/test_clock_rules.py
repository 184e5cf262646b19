"""Which reminder is due, and of which end one is told: without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from fablab.certifications.clock_rules import Known, is_last, reminder_due
from fablab.certifications.rules import GrantFacts

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
LONG_AGO = NOW - 700 * DAY


def period(days: float, **over: object) -> GrantFacts:
    values: dict[str, object] = {"certification_id": 1, "granted_at": LONG_AGO, "valid_until": NOW + days * DAY}
    return GrantFacts(**values | over)  # type: ignore[arg-type]  # the fields of a grant, as named


def unused(days: int, ago: float, **over: object) -> GrantFacts:
    """Lapses after so many days without use; used last so many days ago."""
    lapse = {"lapse_after_unused": days * DAY, "last_used_at": NOW - ago * DAY}
    values: dict[str, object] = {"certification_id": 1, "granted_at": LONG_AGO, **lapse}
    return GrantFacts(**values | over)  # type: ignore[arg-type]  # the fields of a grant, as named


@pytest.mark.parametrize(
    ("grant", "days"),
    [
        (period(31), None),
        (period(30), 30),
        (period(29), 30),
        (period(7.1), 30),
        (period(7), 7),
        (period(0.1), 7),
        (period(0), None),
        (period(-1), None),
        (GrantFacts(certification_id=1, granted_at=LONG_AGO), None),
        # the end is what comes first
        (unused(90, 40), None),
        (unused(90, 60), 30),
        (unused(90, 83), 7),
        (unused(90, 90), None),
        (unused(90, 60, valid_until=NOW + 5 * DAY), 7),
        # a step that lies before the clock began is none
        (period(20, granted_at=NOW - DAY), None),
        (period(5, granted_at=NOW - DAY), None),
        (period(5, granted_at=NOW - 3 * DAY), 7),
        (period(29, granted_at=NOW - DAY), None),
        (unused(7, 6), None),
        (unused(8, 1), 7),
        (unused(8, 0.9), None),
        (unused(30, 20), None),
        (unused(30, 23), 7),
        # never used: it counts from the grant
        (unused(90, 0, last_used_at=None, granted_at=NOW - 61 * DAY), 30),
        # withdrawn, held back
        (period(5, revoked_at=NOW - DAY), None),
        (period(5, suspensions=((NOW - DAY, None),)), None),
        (period(5, suspensions=((NOW - 2 * DAY, NOW - DAY),)), 7),
    ],
)
def test_the_step_that_is_due(grant: GrantFacts, days: int | None) -> None:
    found = reminder_due(grant, None, None, NOW)
    assert (found.days if found else None) == days


@pytest.mark.parametrize(
    ("end", "days", "due"),
    [(NOW + 5 * DAY, 30, True), (NOW + 5 * DAY, 7, False), (NOW + 4 * DAY, 7, True), (None, None, True)],
)
def test_a_step_is_told_once_of_each_end(end: datetime | None, days: int | None, due: bool) -> None:
    assert (reminder_due(period(5), end, days, NOW) is not None) is due


def test_a_step_is_not_told_after_the_one_that_follows() -> None:
    end = NOW + 20 * DAY
    assert reminder_due(period(20), end, 30, NOW) is None
    assert reminder_due(period(20), end, 7, NOW) is None


def test_the_reminder_knows_why_and_for_how_long() -> None:
    lapsing, ending = reminder_due(unused(90, 65), None, None, NOW), reminder_due(period(5), None, None, NOW)
    assert lapsing is not None
    assert (lapsing.cause, lapsing.end, lapsing.unused_days(NOW)) == (
        "certification_lapsed_unused",
        NOW + 25 * DAY,
        65,
    )
    assert ending is not None
    assert (ending.cause, ending.unused_days(NOW)) == ("certification_expired", 0)


@pytest.mark.parametrize(
    ("others", "last"),
    [
        ([], True),
        ([(2, period(5))], False),
        ([(2, period(4))], True),
        ([(2, GrantFacts(certification_id=1, granted_at=LONG_AGO))], False),
        ([(2, period(9, revoked_at=NOW))], True),
        ([(2, period(9, suspensions=((NOW, None),)))], False),
        # of two that end together the one given later is the last
        ([(2, period(4.5))], False),
        ([(0, period(4.5))], True),
        # another certification, and one that includes this one
        ([(2, period(9, certification_id=2))], True),
        ([(2, period(9, certification_id=2, counts_as={1}))], False),
        ([(2, period(4.5, certification_id=2, counts_as={1}))], True),
    ],
)
def test_whether_it_is_the_last(others: list[tuple[int, GrantFacts]], last: bool) -> None:
    one = Known(1, period(4.5))
    assert is_last(one, [one, *(Known(*other) for other in others)]) is last


def test_a_moment_makes_the_difference() -> None:
    grant = period(30)
    assert reminder_due(grant, None, None, NOW - MOMENT) is None
    assert reminder_due(grant, None, None, NOW) is not None
    assert reminder_due(period(0), None, None, NOW - MOMENT) is not None
