"""A search honours every rule: what it gives can be booked, what it leaves out cannot, and nothing nearer exists."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.certifications.rules import NOTHING
from fablab.reservations import search
from fablab.reservations.limits import used
from fablab.reservations.policy import QuietWindow, Supervision
from fablab.reservations.rules import BookingFacts, CompanionFacts, Slot, all_denials, booking_denials, on_step
from fablab.reservations.search import SEARCH_DAYS, Choice, find_slots, free_slots, suggestions
from fablab.resources.rules import Calendar, Closed
from tests.reservations.rules_base import ALWAYS, BASE, END, HELD, LASER, NOW, PARIS, START, WEEK, paris, slot

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
SPRING = paris(2026, 3, 27, 9)
"""Two days before clocks go forward."""


def at(facts: BookingFacts, one: Slot) -> BookingFacts:
    return replace(facts, starts_at=one.starts_at, ends_at=one.ends_at, begun=False)


def test_it_honours_limits_notice_buffers_and_closures() -> None:
    policy = replace(
        BASE.policy, max_minutes_per_day=60, notice_minutes=26 * 60, buffer_after_minutes=30, step_minutes=30
    )
    own = [(paris(2026, 3, 3, 16), paris(2026, 3, 3, 17))]
    facts = replace(
        BASE,
        policy=policy,
        held=used(own, policy, PARIS, NOW),
        taken=[Slot(paris(2026, 3, 4, 9), paris(2026, 3, 4, 11))],
        calendar=Calendar(PARIS, WEEK, closures=[Closed(paris(2026, 3, 4, 13), paris(2026, 3, 4, 15))]),
    )
    found = suggestions([facts], limit=4)
    assert [one.starts_at for one in found] == [
        paris(2026, 3, 4, *clock) for clock in ((11, 30), (12, 0), (15, 0), (15, 30))
    ]


def test_it_searches_when_the_buddy_is_free() -> None:
    buddy = CompanionFacts(active=True, grants=[HELD], busy=[Slot(START, END + HOUR)])
    facts = replace(
        BASE,
        policy=replace(BASE.policy, supervision=Supervision.BUDDY),
        companions=[buddy],
        required=LASER,
        grants=[HELD],
    )
    assert [one.starts_at for one in suggestions([facts], limit=2)] == [START - HOUR, END + HOUR]


@pytest.mark.parametrize(
    "over",
    [
        {"capacity": 1, "party_size": 2},
        {"policy": replace(BASE.policy, supervision=Supervision.INSTRUCTOR)},
        {
            "policy": replace(BASE.policy, no_show_limit=1, no_show_days=30, no_show_block_days=30),
            "no_shows": [NOW - timedelta(days=1)],
        },
        {
            "policy": replace(BASE.policy, max_future_count=1),
            "held": used([(START, END)], BASE.policy, PARIS, NOW),
        },
    ],
)
def test_it_finds_nothing_where_no_time_helps(over: dict[str, Any]) -> None:
    facts = replace(BASE, **over)
    assert booking_denials(facts)
    assert suggestions([facts]) == []
    assert find_slots([facts], END + timedelta(days=5), 60, 5) == []


def test_a_length_off_the_step_is_made_longer() -> None:
    facts = replace(BASE, ends_at=START + timedelta(minutes=50))
    assert suggestions([facts], limit=1) == [Slot(START, END)]


def test_several_resources_are_searched_on_their_common_step() -> None:
    laser = replace(BASE, policy=replace(BASE.policy, step_minutes=20))
    saw = replace(BASE, policy=replace(BASE.policy, step_minutes=30), ends_at=START + timedelta(minutes=45))
    found = suggestions([replace(laser, ends_at=saw.ends_at), saw])
    assert found
    assert all(all_denials([at(laser, one), at(saw, one)]) == [] for one in found)


def test_it_finds_the_earliest_of_several_resources() -> None:
    begin = replace(BASE, **slot(START, 60))
    laser = replace(begin, resource_id=1, taken=[Slot(START, END)])
    other = replace(begin, resource_id=2, taken=[Slot(END, END + 3 * HOUR)])
    found = find_slots([laser, other], START + 5 * HOUR, 60, 3)
    assert found == [
        Choice(2, Slot(START, END)),
        Choice(1, Slot(END, END + HOUR)),
        Choice(1, Slot(END + HOUR, END + 2 * HOUR)),
    ]


def test_it_finds_only_while_somebody_is_there() -> None:
    begin = replace(BASE, resource_id=1)
    there = [
        Slot(START + 20 * timedelta(minutes=1), START + 90 * timedelta(minutes=1)),
        Slot(END + HOUR, END + 2 * HOUR),
    ]
    found = find_slots([begin], START + timedelta(days=2), 60, 5, there)
    assert [one.slot.starts_at for one in found] == [START + timedelta(minutes=30), END + HOUR]


def test_it_finds_over_midnight_and_in_the_hour_that_comes_twice() -> None:
    always = replace(
        BASE,
        calendar=Calendar(PARIS, ALWAYS),
        policy=replace(BASE.policy, step_minutes=60, horizon_days=400),
        **slot(paris(2026, 10, 24, 23), 120),
    )
    found = free_slots(always, paris(2026, 10, 25, 6), 120)
    starts = [
        paris(2026, 10, 24, 23),
        *(paris(2026, 10, 25, hour) for hour in (0, 1, 2)),
        paris(2026, 10, 25, 2, fold=1),
    ]
    assert [one.starts_at for one in found] == [*starts, paris(2026, 10, 25, 3), paris(2026, 10, 25, 4)]


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        ({"max_minutes_per_day": 30}, 0),
        ({"max_minutes_per_week": 30}, 0),
        ({"max_future_minutes": 30}, 0),
        ({"min_minutes": 120}, 0),
        ({"max_minutes": 45}, 0),
        ({"horizon_days": 1}, 2 * 2 * 9),
        ({"max_minutes_per_day": 30, "quiet_hours": (QuietWindow(frozenset({6}), time(3), time(4)),)}, 500),
    ],
)
def test_it_does_not_judge_what_a_rule_refuses_for_a_whole_day(
    monkeypatch: pytest.MonkeyPatch, rules: dict[str, Any], most: int
) -> None:
    """Two machines and two months, in which an hour may be booked never, or not often."""
    judged: list[Slot] = []
    fits = search.fits

    def note(choices: Sequence[BookingFacts], one: Slot) -> bool:
        judged.append(one)
        return fits(choices, one)

    monkeypatch.setattr(search, "fits", note)
    monkeypatch.setattr(search, "MOST_JUDGED", 500)
    policy = replace(BASE.policy, **rules)
    begin = replace(BASE, policy=policy, **slot(NOW, 60))
    found = find_slots([replace(begin, resource_id=number) for number in (1, 2)], NOW + timedelta(days=62), 60, 100)
    assert len(judged) <= most
    assert len(found) <= most


def test_what_is_taken_or_closed_costs_no_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_JUDGED", 1)
    end = NOW + timedelta(days=30)
    shut = Calendar(PARIS, ALWAYS, closures=[Closed(NOW + timedelta(days=10), end)])
    busy = replace(BASE, taken=[Slot(NOW, NOW + timedelta(days=10))], calendar=shut, **slot(NOW, 60))
    assert find_slots([busy], NOW + timedelta(days=62), 60, 1) == [Choice(0, Slot(end, end + HOUR))]


NIGHT = QuietWindow(frozenset(range(7)), time(20), time(8))


@st.composite
def some_facts(draw: st.DrawFn) -> BookingFacts:
    def times(most: int) -> list[Slot]:
        edges = sorted(draw(st.sets(st.integers(-60, 700), max_size=most)))
        return [
            Slot(now + QUARTER * one, now + QUARTER * two) for one, two in zip(edges[::2], edges[1::2], strict=False)
        ]

    now = draw(st.sampled_from([NOW, SPRING]))
    policy = replace(
        BASE.policy,
        step_minutes=draw(st.sampled_from([15, 30, 60, 90])),
        notice_minutes=draw(st.sampled_from([0, 600])),
        horizon_days=draw(st.sampled_from([3, 60])),
        buffer_before_minutes=draw(st.sampled_from([0, 20])),
        buffer_after_minutes=draw(st.sampled_from([0, 30])),
        max_minutes_per_day=draw(st.sampled_from([None, 120])),
        max_minutes_per_week=draw(st.sampled_from([None, 240])),
        max_future_count=draw(st.sampled_from([None, 3])),
        max_future_minutes=draw(st.sampled_from([None, 600])),
        gap_minutes=draw(st.sampled_from([0, 120])),
        quiet_hours=draw(st.sampled_from([(), (NIGHT,)])),
        supervision=draw(st.sampled_from([Supervision.NONE, Supervision.NONE, Supervision.BUDDY])),
    )
    own = [(one.starts_at, one.ends_at) for one in times(8)]
    closures = [Closed(one.starts_at, one.ends_at) for one in times(4)]
    return replace(
        BASE,
        now=now,
        **slot(now + QUARTER * draw(st.integers(-8, 500)), draw(st.sampled_from([15, 60, 90, 180, 400]))),
        policy=policy,
        calendar=Calendar(PARIS, draw(st.sampled_from([WEEK, ALWAYS])), closures=closures),
        held=used(own, policy, PARIS, now),
        taken=times(12),
        companions=[CompanionFacts(active=True, busy=times(4))],
        required=draw(st.sampled_from([NOTHING, LASER])),
        grants=[replace(HELD, valid_until=now + timedelta(days=4))],
    )


@settings(max_examples=150, deadline=None)
@given(some_facts())
def test_every_suggestion_can_be_booked_and_none_is_nearer(facts: BookingFacts) -> None:
    found = suggestions([facts])
    assert all(booking_denials(at(facts, one)) == [] for one in found)
    far = [abs(one.starts_at - facts.starts_at) for one in found]
    assert far == sorted(far)
    if found and booking_denials(facts):
        length = found[0].ends_at - found[0].starts_at
        reach = far[-1] if len(found) == 3 else timedelta(days=1)
        nearer = [one for one in every_start(facts, reach) if not booking_denials(at(facts, Slot(one, one + length)))]
        assert {one for one in nearer if abs(one - facts.starts_at) < reach} <= {one.starts_at for one in found}


def every_start(facts: BookingFacts, reach: timedelta) -> list[datetime]:
    """Every quarter of an hour around the wanted time that is on the step."""
    first = facts.starts_at - reach // QUARTER * QUARTER
    around = [first + QUARTER * number for number in range(2 * (reach // QUARTER) + 1)]
    return [one for one in around if on_step(one, facts.policy.step_minutes, PARIS)]


@settings(max_examples=100, deadline=None)
@given(some_facts(), st.sampled_from([30, 60, 120]))
def test_free_slots_are_all_that_can_be_booked(facts: BookingFacts, minutes: int) -> None:
    until = facts.starts_at + timedelta(days=3)
    found = {one.starts_at for one in free_slots(facts, until, minutes)}
    length = timedelta(minutes=minutes)
    for one in every_start(facts, timedelta(days=3)):
        inside = facts.starts_at <= one and one + length <= until
        assert (one in found) == (inside and not booking_denials(at(facts, Slot(one, one + length))))


@settings(max_examples=60, deadline=None)
@given(st.lists(some_facts(), min_size=1, max_size=3), st.sampled_from([30, 60]))
def test_what_is_found_can_be_booked_and_is_the_earliest(many: list[BookingFacts], minutes: int) -> None:
    begin = max(one.starts_at for one in many)
    choices = [
        replace(one, resource_id=number, now=many[0].now, starts_at=begin, ends_at=begin + HOUR)
        for number, one in enumerate(many, start=1)
    ]
    found = find_slots(choices, begin + timedelta(days=SEARCH_DAYS), minutes, 4)
    order = [(one.slot.starts_at, one.resource_id) for one in found]
    assert order == sorted(order)
    assert all(booking_denials(at(choices[one.resource_id - 1], one.slot)) == [] for one in found)
    for facts in choices:
        mine = [one.slot for one in found if one.resource_id == facts.resource_id]
        assert all(one.ends_at <= two.starts_at for one, two in zip(mine, mine[1:], strict=False))
        free = free_slots(facts, begin + timedelta(days=SEARCH_DAYS), minutes)
        if mine:
            assert mine[0] == free[0]
        elif free and len(found) == 4:
            assert free[0].starts_at >= found[-1].slot.starts_at
