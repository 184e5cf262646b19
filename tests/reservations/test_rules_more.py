"""Notice, steps, buffers, capacity, suspension, supervision, closures, overrides: a table for each rule."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.people.rules import PersonFacts
from fablab.reservations.policy import Supervision
from fablab.reservations.rules import (
    BookingFacts,
    CompanionFacts,
    Slot,
    all_denials,
    booking_denials,
    is_allowed,
    needs_approval,
)
from fablab.resources.rules import Calendar, Closed, Opening, ResourceFacts
from tests.reservations.rules_base import ALWAYS, BASE, END, HELD, LASER, NOW, PARIS, SAW, START, WEEK, paris, slot

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def codes(facts: BookingFacts) -> list[str]:
    return [denial.code for denial in booking_denials(facts)]


def ruled(facts: BookingFacts = BASE, **rules: Any) -> BookingFacts:
    return replace(facts, policy=replace(facts.policy, **rules))


# -- notice -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "notice", "expected"),
    [
        pytest.param(NOW + HOUR, 60, [], id="exactly so long before"),
        pytest.param(NOW + 45 * MINUTE, 60, ["too_soon"], id="later than that"),
        pytest.param(NOW, 0, [], id="no notice"),
        pytest.param(NOW, 15, ["too_soon"], id="this very instant"),
        pytest.param(NOW - HOUR, 60, ["in_past", "outside_opening_hours"], id="the past is only the past"),
    ],
)
def test_notice(start: datetime, notice: int, expected: list[str]) -> None:
    assert codes(ruled(replace(BASE, **slot(start, 60)), notice_minutes=notice)) == expected


def test_notice_says_when_the_earliest_start_is() -> None:
    (denial,) = booking_denials(ruled(replace(BASE, **slot(NOW, 60)), notice_minutes=90))
    assert denial.params == {
        "limit": "notice_minutes",
        "allowed": 90,
        "value": 0,
        "notice_minutes": 90,
        "earliest": "2026-03-02T09:30:00+00:00",
    }


def test_one_that_keeps_its_start_needs_no_notice() -> None:
    assert codes(ruled(replace(BASE, **slot(NOW, 60), begun=True), notice_minutes=90)) == []


# -- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "minutes", "step", "expected"),
    [
        pytest.param(START, 60, 60, [], id="whole hours"),
        pytest.param(START + 15 * MINUTE, 60, 60, ["off_step"], id="start and end off"),
        pytest.param(START, 45, 60, ["off_step"], id="end off"),
        pytest.param(START + timedelta(seconds=1), 60, 5, ["off_step"], id="a second off"),
        pytest.param(paris(2026, 3, 3, 12), 240, 240, [], id="four hours from midnight"),
        pytest.param(paris(2026, 3, 3, 10), 120, 240, ["off_step"], id="not four hours from midnight"),
    ],
)
def test_steps(start: datetime, minutes: int, step: int, expected: list[str]) -> None:
    assert codes(ruled(replace(BASE, **slot(start, minutes)), step_minutes=step)) == expected


def test_steps_follow_the_clock_when_it_changes() -> None:
    night = ruled(replace(BASE, calendar=Calendar(PARIS, ALWAYS)), horizon_days=400, max_minutes=600, step_minutes=240)
    assert codes(replace(night, starts_at=paris(2026, 3, 29, 0), ends_at=paris(2026, 3, 29, 4))) == []
    assert codes(replace(night, starts_at=paris(2026, 10, 25, 0), ends_at=paris(2026, 10, 25, 4))) == []


def test_one_that_keeps_its_start_may_have_begun_off_the_step() -> None:
    begun = replace(BASE, starts_at=START + 7 * MINUTE, begun=True)
    assert codes(begun) == []
    (denial,) = booking_denials(replace(begun, ends_at=END + 7 * MINUTE))
    assert (denial.code, denial.params["value"]) == ("off_step", "2026-03-03T10:07:00+00:00")


# -- buffers ----------------------------------------------------------------------------------------------------------


BEFORE, AFTER = Slot(START - 2 * HOUR, START - 30 * MINUTE), Slot(END + 30 * MINUTE, END + 2 * HOUR)


@pytest.mark.parametrize(
    ("before", "after", "taken", "expected"),
    [
        pytest.param(30, 30, [BEFORE, AFTER], [], id="exactly so long, not doubled"),
        pytest.param(31, 0, [BEFORE, AFTER], ["too_close", "too_close"], id="setting up takes longer"),
        pytest.param(0, 31, [BEFORE, AFTER], ["too_close", "too_close"], id="cleaning takes longer"),
        pytest.param(10, 31, [AFTER], ["too_close"], id="the longer of both, after"),
        pytest.param(31, 10, [BEFORE], ["too_close"], id="the longer of both, before"),
        pytest.param(15, 15, [Slot(START - HOUR, START)], ["too_close"], id="touching"),
        pytest.param(0, 0, [Slot(START - HOUR, START)], [], id="touching without buffers"),
        pytest.param(15, 0, [Slot(START, END)], ["slot_taken"], id="taken is taken, not close"),
        pytest.param(
            60,
            0,
            [
                Slot(START - HOUR, START - 45 * MINUTE),
                Slot(START - 30 * MINUTE, START - 15 * MINUTE),
                Slot(END, END + HOUR),
            ],
            ["too_close", "too_close", "too_close"],
            id="all that are too close",
        ),
        pytest.param(
            60, 0, [Slot(START - HOUR, START - 30 * MINUTE), Slot(START, END)], ["slot_taken", "too_close"], id="both"
        ),
    ],
)
def test_buffers(before: int, after: int, taken: list[Slot], expected: list[str]) -> None:
    facts = ruled(replace(BASE, taken=taken), buffer_before_minutes=before, buffer_after_minutes=after)
    assert codes(facts) == expected


def test_buffers_name_the_neighbour_and_what_is_needed() -> None:
    (denial,) = booking_denials(ruled(replace(BASE, taken=[AFTER]), buffer_after_minutes=45))
    assert denial.params == {
        "limit": "buffer_minutes",
        "allowed": 45,
        "value": 30,
        "starts_at": "2026-03-03T10:30:00+00:00",
        "ends_at": "2026-03-03T12:00:00+00:00",
    }


# -- capacity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capacity", "party", "companions", "expected"),
    [(None, 500, 0, []), (4, 4, 0, []), (4, 5, 0, ["over_capacity"]), (2, 1, 1, []), (1, 1, 1, ["over_capacity"])],
)
def test_capacity(capacity: int | None, party: int, companions: int, expected: list[str]) -> None:
    people = [CompanionFacts(active=True)] * companions
    facts = replace(BASE, capacity=capacity, party_size=party, companions=people)
    assert codes(facts) == expected
    assert [one.params for one in booking_denials(facts)] == [
        {"limit": "capacity", "allowed": capacity, "value": max(party, 1 + companions)} for _ in expected
    ]


# -- suspension -------------------------------------------------------------------------------------------------------


def days_ago(*days: float) -> list[datetime]:
    return [NOW - timedelta(days=one) for one in days]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param(days_ago(1, 2), [], id="below the limit"),
        pytest.param(days_ago(3, 2, 1), ["suspended"], id="the limit"),
        pytest.param(days_ago(35, 20, 5), [], id="too far apart"),
        pytest.param(days_ago(32, 20, 3), ["suspended"], id="just near enough"),
        pytest.param(days_ago(17, 16, 15), [], id="served"),
        pytest.param(days_ago(16, 15, 14), [], id="over at this instant"),
        pytest.param(days_ago(16, 15, 13.9), ["suspended"], id="not quite over"),
        pytest.param(days_ago(60, 50, 40, 2, 1), [], id="old ones do not count"),
        pytest.param(days_ago(15, 14.5, 13, 12, 1), ["suspended"], id="more than the limit"),
    ],
)
def test_suspension(missed: list[datetime], expected: list[str]) -> None:
    facts = ruled(replace(BASE, no_shows=missed), no_show_limit=3, no_show_days=30, no_show_block_days=14)
    assert codes(facts) == expected
    assert codes(ruled(facts, no_show_limit=None)) == []


def test_suspension_says_until_when() -> None:
    facts = ruled(replace(BASE, no_shows=days_ago(5, 4, 3)), no_show_limit=2, no_show_days=30, no_show_block_days=14)
    (denial,) = booking_denials(facts)
    until = (NOW + timedelta(days=11)).isoformat()
    assert denial.params == {"limit": "no_show_limit", "allowed": 2, "value": 3, "until": until}


# -- supervision ------------------------------------------------------------------------------------------------------

INSTRUCTOR = CompanionFacts(active=True, instructor=True)
BUDDY = CompanionFacts(active=True, grants=[HELD])
ANYBODY = CompanionFacts(active=True)
ELSEWHERE = [Slot(START - HOUR, START + MINUTE)]


@pytest.mark.parametrize(
    ("kind", "companions", "why"),
    [
        pytest.param("none", [], None, id="nobody is needed"),
        pytest.param("instructor", [], "nobody", id="nobody came"),
        pytest.param("instructor", [INSTRUCTOR], None, id="an instructor"),
        pytest.param("instructor", [BUDDY], "wrong", id="a buddy is no instructor"),
        pytest.param("instructor", [replace(INSTRUCTOR, active=False)], "wrong", id="a disabled one"),
        pytest.param("instructor", [replace(INSTRUCTOR, busy=ELSEWHERE)], "busy", id="an instructor elsewhere"),
        pytest.param("instructor", [replace(INSTRUCTOR, busy=[Slot(END, END + HOUR)])], None, id="elsewhere after it"),
        pytest.param("instructor", [replace(INSTRUCTOR, busy=ELSEWHERE), INSTRUCTOR], None, id="one of two is enough"),
        pytest.param("buddy", [BUDDY], None, id="a certified buddy"),
        pytest.param("buddy", [ANYBODY], "unfit", id="a buddy who is not certified"),
        pytest.param(
            "buddy",
            [replace(BUDDY, grants=[replace(HELD, valid_until=END - MINUTE)])],
            "unfit",
            id="not to the end",
        ),
        pytest.param("buddy", [replace(BUDDY, grants=[replace(HELD, valid_until=END)])], None, id="to the end"),
        pytest.param("buddy", [replace(BUDDY, busy=ELSEWHERE)], "unfit", id="a buddy elsewhere: nobody learns why"),
        pytest.param(
            "buddy",
            [replace(BUDDY, instructor=True, busy=ELSEWHERE)],
            "busy",
            id="an instructor elsewhere, as a buddy",
        ),
        pytest.param("buddy", [INSTRUCTOR], "uncertified", id="an instructor who is not certified"),
    ],
)
def test_supervision(kind: str, companions: Sequence[CompanionFacts], why: str | None) -> None:
    facts = replace(BASE, companions=companions, required=LASER, grants=[HELD])
    found = booking_denials(ruled(facts, supervision=Supervision(kind)))
    assert [(one.code, one.params["why"]) for one in found] == ([("needs_supervisor", why)] if why else [])


def test_an_instructor_needs_no_instructor_but_a_buddy() -> None:
    alone = replace(BASE, instructor=True)
    assert codes(ruled(alone, supervision=Supervision.INSTRUCTOR)) == []
    assert codes(ruled(alone, supervision=Supervision.BUDDY)) == ["needs_supervisor"]


# -- opening and closures ---------------------------------------------------------------------------------------------


def closed(start: datetime, end: datetime, **over: Any) -> Closed:
    return Closed(start, end, {"en": "works"}, **over)


@pytest.mark.parametrize(
    ("closures", "expected"),
    [
        pytest.param([closed(START - HOUR, START)], [], id="touching before"),
        pytest.param([closed(END, END + HOUR)], [], id="touching after"),
        pytest.param([closed(END - MINUTE, END + HOUR)], ["blocked"], id="overlapping"),
        pytest.param(
            [closed(START - HOUR, END), closed(START, END, lab=True)], ["blocked", "blocked"], id="each of them"
        ),
    ],
)
def test_closures(closures: list[Closed], expected: list[str]) -> None:
    assert codes(replace(BASE, calendar=Calendar(PARIS, WEEK, closures=closures))) == expected


def test_exceptions_count_before_the_week() -> None:
    day = START.astimezone(PARIS).date()
    shut = replace(BASE, calendar=Calendar(PARIS, WEEK, exceptions={day: ()}, reasons={day: {"en": "Easter"}}))
    (denial,) = booking_denials(shut)
    assert (denial.code, denial.params["why"]) == ("lab_closed", {"en": "Easter"})
    late = Opening(paris(2026, 3, 3, 12).astimezone(PARIS).time(), paris(2026, 3, 3, 14).astimezone(PARIS).time())
    other = replace(BASE, calendar=Calendar(PARIS, WEEK, exceptions={day: (late,)}))
    assert codes(other) == ["outside_opening_hours"]
    assert codes(replace(other, **slot(paris(2026, 3, 3, 12), 120))) == []


# -- several resources ------------------------------------------------------------------------------------------------


def test_of_several_resources_each_reason_says_which_it_is_about() -> None:
    laser = ruled(replace(BASE, resource_id=1, resource_name={"en": "Laser"}), max_minutes=30)
    saw = replace(BASE, resource_id=2, resource_name={"en": "Saw"}, person=PersonFacts(False, None))
    laser = replace(laser, person=PersonFacts(False, None))
    assert [(one.code, one.params.get("resource_id")) for one in all_denials([laser, saw])] == [
        ("person_disabled", None),
        ("too_long", "1"),
    ]
    assert all_denials([laser, saw])[1].params["resource_name"] == {"en": "Laser"}
    assert [one.params.get("resource_name") for one in all_denials([laser])] == [None, None]


def test_what_is_only_held_along_must_be_free_and_nothing_else() -> None:
    along = replace(ruled(BASE, max_minutes=15), along=True, resource=ResourceFacts(False), required=SAW)
    assert booking_denials(along) == []
    assert codes(replace(along, taken=[Slot(START, END)])) == ["slot_taken"]


def test_approval_is_asked_of_what_was_wished_for() -> None:
    asks = ruled(BASE, approval=True)
    assert needs_approval([BASE, asks])
    assert not needs_approval([BASE, replace(asks, along=True)])


# -- whatever the facts -----------------------------------------------------------------------------------------------

QUARTERS = st.integers(-20, 200)


@st.composite
def some_facts(draw: st.DrawFn) -> BookingFacts:
    edges = sorted(draw(st.sets(QUARTERS, max_size=10)))
    at = [START + 15 * MINUTE * one for one in edges]
    taken = [Slot(one, two) for one, two in zip(at[::2], at[1::2], strict=False)]
    closures = [closed(START + HOUR, START + 2 * HOUR)] if draw(st.booleans()) else []
    rules = {
        "notice_minutes": draw(st.sampled_from([0, 60, 3000])),
        "buffer_before_minutes": draw(st.sampled_from([0, 15, 40])),
        "buffer_after_minutes": draw(st.sampled_from([0, 30])),
        "supervision": draw(st.sampled_from(list(Supervision))),
        "no_show_limit": draw(st.sampled_from([None, 2])),
        "max_minutes_per_day": draw(st.sampled_from([None, 60])),
    }
    return replace(
        ruled(BASE, **rules),
        **slot(START + draw(QUARTERS) * 15 * MINUTE, draw(st.sampled_from([15, 20, 60, 300]))),
        taken=taken,
        calendar=Calendar(PARIS, draw(st.sampled_from([WEEK, ALWAYS])), {date(2026, 3, 5)}, closures=closures),
        capacity=draw(st.sampled_from([None, 1, 3])),
        party_size=draw(st.integers(1, 4)),
        companions=draw(st.lists(st.sampled_from([INSTRUCTOR, BUDDY, ANYBODY]), max_size=2)),
        no_shows=draw(st.sampled_from([[], days_ago(1, 2)])),
        begun=draw(st.booleans()),
        along=draw(st.booleans()),
        resource_id=draw(st.sampled_from([0, 1])),
    )


@settings(max_examples=300, deadline=None)
@given(some_facts())
def test_the_quick_answer_is_the_whole_answer(facts: BookingFacts) -> None:
    assert is_allowed(facts) == (booking_denials(facts) == [])


@settings(max_examples=200, deadline=None)
@given(some_facts())
def test_every_reason_has_plain_params_and_an_allowed_value(facts: BookingFacts) -> None:
    for denial in all_denials([facts]):
        assert ("limit" in denial.params) == ("allowed" in denial.params)
        assert all(isinstance(one, str | int | bool | list | dict) or one is None for one in denial.params.values())


@settings(max_examples=200, deadline=None)
@given(some_facts())
def test_two_bookings_next_to_each_other_agree_on_their_distance(facts: BookingFacts) -> None:
    """Whichever of two is booked first, the other is refused or allowed just the same."""
    for other in facts.taken:
        one = replace(facts, taken=[other], along=False)
        swapped = replace(
            one, starts_at=other.starts_at, ends_at=other.ends_at, taken=[Slot(facts.starts_at, facts.ends_at)]
        )
        close = {"too_close", "slot_taken"}
        assert {*codes(one)} & close == {*codes(swapped)} & close
