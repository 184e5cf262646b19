"""Booking with a certification of level supervised: an instructor comes along, whatever the rules of the resource."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from fablab.certifications.rules import Level
from fablab.core.actor import Role
from fablab.core.errors import Denied
from fablab.reservations import finding, service
from fablab.reservations.policy import Supervision
from fablab.reservations.rules import CompanionFacts, Slot, booking_denials, hopeless, is_allowed
from fablab.reservations.wishes import Extras
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    make_reservation,
    require_certification,
)
from tests.reservations.rules_base import BASE, END, HELD, LASER, START

AT_LEVEL = replace(HELD, level=Level.SUPERVISED)
LEARNER = replace(BASE, required=LASER, grants=(AT_LEVEL,))
TEACHER = CompanionFacts(active=True, instructor=True)
CERTIFIED_TEACHER = replace(TEACHER, grants=(HELD,))
FRIEND = CompanionFacts(active=True, grants=(HELD,))

CASES: dict[str, tuple[Supervision, Sequence[CompanionFacts], list[tuple[str, str]]]] = {
    "alone": (Supervision.NONE, [], [("instructor", "nobody")]),
    "with a friend": (Supervision.NONE, [FRIEND], [("instructor", "wrong")]),
    "with an instructor": (Supervision.NONE, [TEACHER], []),
    "with an instructor who has left": (Supervision.NONE, [replace(TEACHER, active=False)], [("instructor", "wrong")]),
    "with a busy instructor": (
        Supervision.NONE,
        [replace(TEACHER, busy=[Slot(START, END)])],
        [("instructor", "busy")],
    ),
    "where an instructor is asked for anyway, it is said once": (
        Supervision.INSTRUCTOR,
        [],
        [("instructor", "nobody")],
    ),
    "where an instructor is asked for anyway, with one": (Supervision.INSTRUCTOR, [TEACHER], []),
    "where a buddy is asked for, alone": (
        Supervision.BUDDY,
        [],
        [("buddy", "nobody"), ("instructor", "nobody")],
    ),
    "where a buddy is asked for, with a friend": (Supervision.BUDDY, [FRIEND], [("instructor", "wrong")]),
    "where a buddy is asked for, with an uncertified instructor": (
        Supervision.BUDDY,
        [TEACHER],
        [("buddy", "uncertified")],
    ),
    "where a buddy is asked for, with a certified instructor": (Supervision.BUDDY, [CERTIFIED_TEACHER], []),
    "where a buddy is asked for, with a friend and an instructor": (Supervision.BUDDY, [FRIEND, TEACHER], []),
}


@pytest.mark.parametrize(("kind", "companions", "reasons"), CASES.values(), ids=CASES)
def test_an_instructor_comes_along(
    kind: Supervision, companions: Sequence[CompanionFacts], reasons: list[tuple[str, str]]
) -> None:
    facts = replace(LEARNER, companions=companions, policy=replace(BASE.policy, supervision=kind))
    found = booking_denials(facts)
    assert [(one.params["allowed"], one.params["why"]) for one in found] == reasons
    assert {one.code for one in found} <= {"needs_supervisor"}
    assert is_allowed(facts) is not bool(reasons)


def test_whoever_holds_another_certification_that_will_do_may_alone() -> None:
    assert booking_denials(replace(LEARNER, grants=(AT_LEVEL, HELD))) == []


def test_the_level_counts_at_the_start_and_at_the_end() -> None:
    ends_within = replace(HELD, valid_until=END - timedelta(minutes=1))
    [denial] = booking_denials(replace(LEARNER, grants=(AT_LEVEL, ends_within)))
    assert denial.code == "needs_supervisor"


def test_an_instructor_with_a_certification_of_level_supervised_is_no_exception() -> None:
    [denial] = booking_denials(replace(LEARNER, instructor=True))
    assert (denial.code, denial.params["level"]) == ("needs_supervisor", "supervised")
    assert "limit" not in denial.params, "no booking rule can be changed to allow it"


def test_no_other_time_helps() -> None:
    assert hopeless(booking_denials(LEARNER))


def test_booked_with_an_instructor_who_is_free_and_found_with_one(app: Flask) -> None:
    laser, basics = make_machine(), make_certification(level=Level.SUPERVISED)
    require_certification(laser, basics)
    maker, teacher = make_person(), make_person(role=Role.INSTRUCTOR)
    make_grant(maker, basics)
    actor, hour = make_actor(maker), timedelta(hours=1)

    def book(*companions: int) -> list[str]:
        try:
            along = Extras(companion_ids=companions)
            service.book(actor, maker.id, [laser.id], NOW + hour, NOW + 2 * hour, along, NOW)
        except Denied as error:
            return [str(one.params.get("why")) for one in error.denials]
        return []

    asked = finding.Asked(from_=NOW, to=NOW + 8 * hour, minutes=60, resource_ids=(laser.id,))
    assert finding.find(actor, maker.id, asked, NOW) == []
    [first, *_] = finding.find(actor, maker.id, replace(asked, with_instructor=True), NOW)
    assert first.with_instructor
    assert book() == ["nobody"]
    make_reservation(teacher, [make_machine("Saw")], NOW + hour, NOW + 2 * hour)
    assert book(teacher.id) == ["busy"]
    assert book(make_person(role=Role.INSTRUCTOR).id) == []
