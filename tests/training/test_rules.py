"""The rules of trainings as tables: who may take part, places, offers, the decision, late or not, which tick counts."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fablab.core.denials import Denial
from fablab.training import rules
from fablab.training.rules import Decision, EnrolFacts, EnrolmentState, Span, TrainingState
from tests.factories import NOW

HOUR = timedelta(hours=1)
START = NOW + 48 * HOUR
END = START + 2 * HOUR
AGAIN = START + timedelta(days=7)
FINE = EnrolFacts(
    now=NOW,
    training_id=7,
    state=TrainingState.PUBLISHED,
    dates=[(START, END), (AGAIN, AGAIN + 2 * HOUR)],
    audience=None,
    person_active=True,
    person_audience="citizen",
)
OTHER = {"en": "Welding"}
LACKING = Denial("prerequisite_missing", {"certification_id": "3", "certification_name": {}, "why": "not_certified"})

TABLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "he may": ({}, []),
    "until it begins": ({"now": START - timedelta(seconds=1)}, []),
    "when it begins": ({"now": START}, ["training_begun"]),
    "between two dates": ({"now": END}, ["training_begun"]),
    "begun and full": ({"now": START, "full": True}, ["training_begun", "training_full"]),
    "full before is a line": ({"full": True}, []),
    "just over": ({"now": AGAIN + 2 * HOUR}, ["training_not_open"]),
    "a draft": ({"state": TrainingState.DRAFT}, ["training_not_open"]),
    "cancelled": ({"state": TrainingState.CANCELLED}, ["training_not_open"]),
    "closed": ({"state": TrainingState.CLOSED, "now": AGAIN + 3 * HOUR}, ["training_not_open"]),
    "disabled": ({"person_active": False}, ["person_disabled"]),
    "gives it": ({"gives": True}, ["training_own"]),
    "twice": ({"enrolled": True}, ["training_enrolled"]),
    "his audience": ({"audience": "citizen"}, []),
    "another audience": ({"audience": "school"}, ["training_audience"]),
    "busy before": ({"busy": [Span(START - HOUR, START, OTHER)]}, []),
    "busy after": ({"busy": [Span(END, END + HOUR, OTHER)]}, []),
    "busy within": ({"busy": [Span(START + HOUR, END + HOUR, OTHER)]}, ["training_clash"]),
    "busy at the second date": ({"busy": [Span(AGAIN, AGAIN + HOUR, OTHER)]}, ["training_clash"]),
    "lacks something": ({"lacking": [LACKING]}, ["prerequisite_missing"]),
    "all at once": (
        {
            "person_active": False,
            "enrolled": True,
            "audience": "school",
            "busy": [Span(START, END, OTHER)],
            "lacking": [LACKING],
        },
        ["person_disabled", "training_enrolled", "training_audience", "training_clash", "prerequisite_missing"],
    ),
}


@pytest.mark.parametrize(("changes", "codes"), TABLE.values(), ids=TABLE)
def test_who_may_take_part(changes: dict[str, Any], codes: list[str]) -> None:
    assert [one.code for one in rules.enrol_denials(replace(FINE, **changes))] == codes


def test_the_staff_sets_aside_some_reasons_where_it_says_why() -> None:
    facts = replace(FINE, now=START, audience="school", lacking=[LACKING], enrolled=True)
    found = rules.enrol_denials(facts)
    assert rules.remaining(found, staff=False, reason="he asked") == found
    assert rules.remaining(found, staff=True, reason="  ") == found
    assert [one.code for one in rules.remaining(found, staff=True, reason="he asked")] == ["training_enrolled"]


@pytest.mark.parametrize("code", ["person_disabled", "training_not_open", "training_own", "training_enrolled"])
def test_some_reasons_nobody_sets_aside(code: str) -> None:
    assert code not in rules.SET_ASIDE
    assert "training_full" not in rules.SET_ASIDE


ENROLLED, WAITING = EnrolmentState.ENROLLED, EnrolmentState.WAITING


@pytest.mark.parametrize(
    ("places", "taken", "waiting", "now", "becomes"),
    [
        (2, 0, 0, NOW, ENROLLED),
        (2, 1, 0, NOW, ENROLLED),
        (2, 2, 0, NOW, WAITING),
        (2, 3, 0, NOW, WAITING),
        (2, 1, 1, NOW, WAITING),
        (2, 1, 1, START, ENROLLED),
    ],
)
def test_what_somebody_becomes(places: int, taken: int, waiting: int, now: datetime, becomes: EnrolmentState) -> None:
    assert rules.joins_as(places, taken, waiting, now, START) is becomes


@pytest.mark.parametrize(
    ("places", "taken", "waiting", "now", "offers"),
    [
        (5, 5, 3, NOW, 0),
        (5, 4, 3, NOW, 1),
        (5, 1, 3, NOW, 3),
        (5, 6, 3, NOW, 0),
        (5, 4, 3, START - timedelta(seconds=1), 1),
        (5, 4, 3, START, 0),
    ],
)
def test_how_many_are_offered_a_place(places: int, taken: int, waiting: int, now: datetime, offers: int) -> None:
    assert rules.to_offer(places, taken, waiting, now, START) == offers


def test_an_offer_ends_at_the_first_date_at_the_latest() -> None:
    assert rules.offer_ends(NOW, 24, START) == NOW + 24 * HOUR
    assert rules.offer_ends(START - HOUR, 24, START) == START


@pytest.mark.parametrize(
    ("state", "now", "excused", "late"),
    [
        (ENROLLED, START - 24 * HOUR, False, False),
        (ENROLLED, START - 24 * HOUR + timedelta(seconds=1), False, True),
        (ENROLLED, START - HOUR, True, False),
        (WAITING, START - HOUR, False, False),
        (EnrolmentState.OFFERED, START - HOUR, False, False),
    ],
)
def test_when_withdrawing_is_late(state: EnrolmentState, now: datetime, excused: bool, late: bool) -> None:
    assert rules.is_late(state, START, 24, now, excused=excused) is late


DUE = START - 24 * HOUR


@pytest.mark.parametrize(
    ("decide_at", "decided_at", "enrolled", "now", "decision"),
    [
        (None, None, 0, START, Decision.NOT_YET),
        (DUE, None, 0, DUE - timedelta(seconds=1), Decision.NOT_YET),
        (DUE, None, 2, DUE, Decision.CANCELLED),
        (DUE, None, 3, DUE, Decision.HELD),
        (DUE, None, 2, START - timedelta(seconds=1), Decision.CANCELLED),
        (DUE, None, 2, START, Decision.HELD),
        (DUE, DUE, 2, DUE + HOUR, Decision.NOT_YET),
    ],
)
def test_whether_it_takes_place(
    decide_at: datetime | None, decided_at: datetime | None, enrolled: int, now: datetime, decision: Decision
) -> None:
    assert rules.decide(decide_at, decided_at, 3, enrolled, START, now) is decision


@pytest.mark.parametrize(
    ("reminded_at", "now", "due"),
    [
        (None, DUE - timedelta(seconds=1), False),
        (None, DUE, True),
        (None, START - timedelta(seconds=1), True),
        (None, START, False),
        (DUE, DUE + HOUR, False),
    ],
)
def test_when_one_is_reminded(reminded_at: datetime | None, now: datetime, due: bool) -> None:
    assert rules.reminder_due(START, reminded_at, 24, now) is due


def test_the_newest_tick_counts_and_the_same_one_changes_nothing() -> None:
    old, new = (NOW, "present"), (NOW + HOUR, "absent")
    assert rules.counts(None, old)
    assert rules.counts(old, new)
    assert not rules.counts(new, old)
    assert not rules.counts(new, new)
    assert rules.ticked_at(NOW + HOUR, NOW) == NOW
    assert rules.ticked_at(NOW - HOUR, NOW) == NOW - HOUR
