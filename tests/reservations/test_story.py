"""The history of a reservation in words, and what can be done with it at which moment."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from fablab.core.actor import Actor, Role
from fablab.core.audit import AuditEntry
from fablab.core.denials import CODES
from fablab.reservations import lateness, showing, story
from fablab.reservations.models import Let, Reservation, ReservationState
from fablab.reservations.overriding import OVERRIDABLE
from fablab.reservations.showing import Act
from tests.factories import NOW

HOUR = timedelta(hours=1)
TEN, ELEVEN = "2026-03-02T09:00:00+00:00", "2026-03-02T10:00:00+00:00"
OWNER, OTHER = Actor(1, Role.MAKER, "web"), Actor(2, Role.MAKER, "web")
STAFF = Actor(3, Role.INSTRUCTOR, "web")


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        (
            "created",
            {},
            {"state": "booked", "starts_at": TEN, "ends_at": ELEVEN},
            "Booked: Monday 2 March, 10:00–11:00",
        ),
        ("created", {}, {"state": "requested"}, "Asked for"),
        ("created", {}, {"state": "held"}, "Held for the first in the waiting list"),
        (
            "changed",
            {"starts_at": TEN, "ends_at": ELEVEN, "note": ""},
            {"starts_at": ELEVEN, "ends_at": ELEVEN, "note": ""},
            "Moved from Monday 2 March, 10:00–11:00 to Monday 2 March, 11:00–11:00",
        ),
        ("changed", {"note": ""}, {"note": "x"}, "Note changed"),
        ("changed", {"party_size": 1}, {"party_size": 4}, "Now for 4 people"),
        ("changed", {"resource_ids": ["1"]}, {"resource_ids": ["2"]}, "Other machines or rooms chosen"),
        ("changed", {}, {}, "Changed"),
        ("cancelled", {}, {"late_cancelled": True}, "Cancelled late"),
        ("cancelled", {}, {}, "Cancelled"),
        ("arrived", {}, {"arrived_by": "badge"}, "Came: badge at the machine"),
        ("finished", {}, {"ended_at": ELEVEN}, "Finished at 11:00"),
        ("released", {}, {}, "Given back, because nobody came"),
        ("offer_expired", {}, {}, "The offer ended without an answer"),
        ("something_new", {}, {}, "Changed"),
    ],
)
def test_each_act_has_its_words(app: Flask, action: str, before: Any, after: Any, words: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert story.told(action, before, after) == words


def test_a_reason_for_a_rule_that_was_set_aside_stays_with_the_staff() -> None:
    entry = AuditEntry(after={"overrides": [{"code": "too_long", "reason": "secret"}], "reason": "the lens is broken"})
    assert story.reason_of(entry) == "the lens is broken"
    assert story.reason_of(AuditEntry(after={"overrides": [{"code": "too_long", "reason": "secret"}]})) == ""
    assert story.reason_of(AuditEntry(after=None)) == ""


def test_every_rule_that_can_be_set_aside_has_a_name(app: Flask) -> None:
    assert set().union(*OVERRIDABLE.values()) <= set(story.RULES) <= set(CODES)
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert story.rule_name("too_long") == "Longest time"
        assert story.rule_name("new_one") == "new_one"


def reservation(state: ReservationState = ReservationState.BOOKED, **over: Any) -> Reservation:
    values = {"person_id": 1, "state": state, "starts_at": NOW, "ends_at": NOW + HOUR, "started_at": None, "let": None}
    return Reservation(**values | over)


@pytest.mark.parametrize(
    ("found", "at", "acts", "more"),
    [
        (reservation(), NOW - 2 * HOUR, {Act.CHANGE, Act.CANCEL}, set()),
        (reservation(), NOW - HOUR / 2, {Act.CHANGE, Act.CANCEL, Act.CHECK_IN}, set()),
        (reservation(), NOW, {Act.CHANGE, Act.CANCEL, Act.CHECK_IN, Act.FINISH}, set()),
        (reservation(started_at=NOW), NOW, {Act.CHANGE, Act.FINISH}, {Act.CANCEL}),
        (reservation(), NOW + HOUR, set(), set()),
        (reservation(let=Let()), NOW - HOUR / 2, {Act.CANCEL}, {Act.CHANGE}),
        (reservation(ReservationState.REQUESTED), NOW - HOUR, {Act.CHANGE, Act.CANCEL}, {Act.DECIDE}),
        (reservation(ReservationState.HELD, held_until=NOW), NOW - HOUR, {Act.ANSWER}, set()),
        (reservation(ReservationState.HELD, held_until=NOW), NOW, set(), set()),
        (reservation(ReservationState.CANCELLED), NOW - HOUR, set(), set()),
    ],
)
def test_what_its_person_may_do_at_which_moment_and_what_the_staff_besides(
    found: Reservation, at: datetime, acts: set[Act], more: set[Act]
) -> None:
    assert showing.acts(OWNER, found, at) == acts
    assert showing.acts(OTHER, found, at) == frozenset()
    assert showing.acts(STAFF, found, at) == acts | more


@pytest.mark.parametrize(("hours", "at", "late"), [(24, -25, False), (24, -24, False), (24, -23, True), (0, 0, False)])
def test_when_cancelling_is_late(hours: int, at: int, late: bool) -> None:
    assert lateness.is_late(reservation(), hours, NOW + at * HOUR) is late
