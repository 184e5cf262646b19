"""Searching for times: the nearest to a wanted one, all of some days, the earliest of several resources."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.certifications.rules import NOTHING
from fablab.reservations.rules import BookingFacts, Slot, booking_denials
from fablab.reservations.search import free_slots, instants, next_free, next_step, suggestions
from fablab.resources.rules import Calendar, ResourceFacts
from tests.reservations.rules_base import ALWAYS, BASE, END, HELD, LASER, NOW, PARIS, START, paris, slot


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


@pytest.mark.parametrize(
    ("at", "step", "expected"),
    [
        (paris(2026, 3, 2, 9), 15, paris(2026, 3, 2, 9)),
        (paris(2026, 3, 2, 9) + timedelta(microseconds=1), 15, paris(2026, 3, 2, 9, 15)),
        (paris(2026, 3, 2, 23, 50), 15, paris(2026, 3, 3)),
        (paris(2026, 3, 2, 23, 1), 50, paris(2026, 3, 2, 23, 20)),
        (paris(2026, 3, 2, 23, 21), 50, paris(2026, 3, 3)),
        (paris(2026, 3, 29, 0, 30), 240, paris(2026, 3, 29, 4)),
        (paris(2026, 3, 29, 8, 30), 120, paris(2026, 3, 29, 10)),
        (paris(2026, 3, 29, 1, 50), 30, paris(2026, 3, 29, 3)),
        (paris(2026, 10, 25, 0, 30), 240, paris(2026, 10, 25, 4)),
        (paris(2026, 10, 25, 2, 40), 30, paris(2026, 10, 25, 2, 0, fold=1)),
        (paris(2026, 3, 2, 0, 1), 1440, paris(2026, 3, 3)),
    ],
)
def test_the_next_step_is_what_the_clock_shows(at: datetime, step: int, expected: datetime) -> None:
    assert next_step(at, step, PARIS) == expected


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
    assert suggestions([replace(BASE, required=LASER)]) == []
    assert suggestions([replace(BASE, resource=ResourceFacts(False))]) == []


def test_it_suggests_an_earlier_slot_where_the_certification_ends() -> None:
    ending = replace(HELD, valid_until=START)
    (found,) = suggestions([replace(BASE, required=LASER, grants=[ending])], limit=1)
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
        required=draw(st.sampled_from([NOTHING, LASER])),
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
