"""What the rules are told: read with few queries, and only what a rule asks."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.core.errors import Invalid
from fablab.people.models import Person
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Companion, Let, PolicyLevel, PolicyOverride, ReservationState
from fablab.reservations.record import no_shows, own_bookings, people_busy
from fablab.reservations.rules import booking_denials
from fablab.reservations.wishes import Extras, LetTerms, Wish
from fablab.resources.models import Closure, OpeningException, OpeningRule, Resource, ResourceGroup
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

HOUR = timedelta(hours=1)
START, END = NOW + 24 * HOUR, NOW + 25 * HOUR


def rule(resource: Resource | None = None, **rules: Any) -> None:
    """Sets booking rules at a resource, or for all machines."""
    level = PolicyLevel.KIND if resource is None else PolicyLevel.RESOURCE
    target = "machine" if resource is None else str(resource.id)
    make.save(PolicyOverride(level=level, target=target, rules=rules, changed_at=NOW))


def wish(person: Person, *resources: Resource, **over: Any) -> Wish:
    values: dict[str, Any] = {"starts_at": START, "ends_at": END, "now": NOW} | over
    return Wish(person.id, tuple(one.id for one in resources), **values)


def codes(asked: Wish) -> list[str]:
    return [denial.code for facts in booking_facts(asked) for denial in booking_denials(facts)]


LIMITS: dict[str, Any] = {"max_minutes_per_day": 60}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("state", "counts"),
    [(state, state.value in {"requested", "held", "booked", "finished"}) for state in ReservationState],
)
def test_what_counts_towards_limits(state: ReservationState, counts: bool) -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    rule(**LIMITS)
    until = {"held_until": END} if state is ReservationState.HELD else {}
    make.make_reservation(person, [saw], START, START + HOUR / 2, state=state, **until)
    assert codes(wish(person, laser)) == (["quota_exceeded"] if counts else [])


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("scope", "same", "near", "far"), [("resource", 1, 0, 0), ("group", 1, 1, 0), ("lab", 1, 1, 1)]
)
def test_the_scope_of_limits(scope: str, same: int, near: int, far: int) -> None:
    group = make.save(ResourceGroup(name=make.texts("Lasers")))
    laser, twin = make.make_machine(group_id=group.id), make.make_machine(group_id=group.id)
    saw, later = make.make_machine("Saw"), START + 3 * HOUR
    rule(**LIMITS, limit_scope=scope)
    for held, expected in ((laser, same), (twin, near), (saw, far)):
        person = make.make_person()
        make.make_reservation(person, [held], later, later + HOUR)
        assert len(codes(wish(person, laser))) == expected
        db.session.expire_all()
        later += HOUR


@pytest.mark.usefixtures("app")
def test_a_group_limit_of_what_is_in_no_group_is_its_own() -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    rule(**LIMITS, limit_scope="group")
    make.make_reservation(person, [saw], START, END)
    assert codes(wish(person, laser)) == []
    assert codes(wish(person, saw, starts_at=END, ends_at=END + HOUR)) == ["quota_exceeded"]


@pytest.mark.usefixtures("app")
def test_limits_leave_out_lets_the_one_that_is_changed_and_time_given_back() -> None:
    person, laser, office = make.make_person(), make.make_machine(), make.make_machine("Office")
    rule(**LIMITS)
    make.make_reservation(person, [office], START - 100 * HOUR, END + 100 * HOUR, let=Let())
    mine = make.make_reservation(person, [laser], START + 2 * HOUR, START + 3 * HOUR)
    assert codes(wish(person, laser, ignore=mine.id)) == []
    assert codes(wish(person, laser)) == ["quota_exceeded"]
    assert codes(wish(person, laser, extras=Extras(let=LetTerms()))) == []
    (own,) = own_bookings(person.id, NOW)
    assert own.span == (START + 2 * HOUR, START + 3 * HOUR)
    early = make.make_reservation(person, [office], END + 200 * HOUR, END + 202 * HOUR, state=ReservationState.FINISHED)
    with transaction():
        early.allocations[0].ends_at = END + 201 * HOUR
    assert own_bookings(person.id, END + 150 * HOUR)[0].span == (END + 200 * HOUR, END + 201 * HOUR)


@pytest.mark.usefixtures("app")
def test_a_reservation_of_several_resources_counts_once() -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    rule(max_minutes_per_day=120, max_future_count=2)
    make.make_reservation(person, [laser, saw], START + 2 * HOUR, START + 3 * HOUR)
    assert codes(wish(person, laser)) == []


@pytest.mark.usefixtures("app")
def test_limits_differ_by_role_and_plan() -> None:
    laser = make.make_machine()
    rule(max_minutes=30)
    make.save(PolicyOverride(level=PolicyLevel.ROLE, target="instructor", rules={"max_minutes": 600}, changed_at=NOW))
    assert codes(wish(make.make_person(), laser)) == ["too_long"]
    assert codes(wish(make.make_person(role=Role.INSTRUCTOR), laser)) == []


@pytest.mark.usefixtures("app")
def test_no_shows_count_by_their_starts() -> None:
    person, laser = make.make_person(), make.make_machine()
    for days in (1, 2, 300):
        at = NOW - timedelta(days=days)
        make.make_reservation(person, [laser], at, at + HOUR, state=ReservationState.RELEASED)
    assert sorted(no_shows(person.id, NOW - timedelta(days=30))) == [NOW - timedelta(days=2), NOW - timedelta(days=1)]
    rule(no_show_limit=2, no_show_days=30, no_show_block_days=5)
    assert codes(wish(person, laser)) == ["suspended"]
    assert codes(wish(make.make_person(), laser)) == []


@pytest.mark.usefixtures("app")
def test_a_buddy_must_be_certified_and_free() -> None:
    person, buddy, laser, saw = make.make_person(), make.make_person(), make.make_machine(), make.make_machine("Saw")
    certification = make.make_certification()
    make.require_certification(laser, certification)
    make.make_grant(person, certification)
    rule(laser, supervision="buddy")
    along = Extras(companion_ids=(buddy.id,))
    assert codes(wish(person, laser)) == ["needs_supervisor"]
    assert codes(wish(person, laser, extras=Extras(companion_ids=(person.id,)))) == ["needs_supervisor"]
    assert codes(wish(person, laser, extras=along)) == ["needs_supervisor"]
    make.make_grant(buddy, certification)
    assert codes(wish(person, laser, extras=along)) == []
    mine = make.make_reservation(make.make_person(), [saw], START, END)
    make.save(Companion(reservation_id=mine.id, person_id=buddy.id))
    assert codes(wish(person, laser, extras=along)) == ["needs_supervisor"]
    assert codes(wish(person, laser, extras=along, ignore=mine.id)) == []
    assert people_busy([buddy.id], START, END) == {buddy.id: [(START, END)]}
    assert people_busy([buddy.id], END, END + HOUR) == {}


@pytest.mark.usefixtures("app")
def test_an_instructor_comes_along() -> None:
    person, laser = make.make_person(), make.make_machine()
    instructor = make.make_person(role=Role.INSTRUCTOR)
    rule(laser, supervision="instructor")
    assert codes(wish(person, laser, extras=Extras(companion_ids=(instructor.id,)))) == []
    assert codes(wish(instructor, laser)) == []
    with pytest.raises(Invalid) as error:
        codes(wish(person, laser, extras=Extras(companion_ids=(999,))))
    assert list(error.value.fields) == ["companion_ids"]


@pytest.mark.usefixtures("app")
def test_hours_exceptions_and_closures_of_the_resource_and_of_the_lab() -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    night = make.make_machine("Printer", opening=OpeningRule.ALWAYS)
    late = {"starts_at": START + 14 * HOUR, "ends_at": START + 15 * HOUR}
    assert codes(wish(person, laser, **late)) == ["outside_opening_hours"]
    assert codes(wish(person, night, **late)) == []
    make.save(Closure(resource_id=laser.id, starts_at=START, ends_at=END, reason={}, danger=True, created_at=NOW))
    assert codes(wish(person, laser, saw)) == ["blocked"]
    make.save(Closure(resource_id=None, starts_at=START, ends_at=END, reason={}, created_at=NOW))
    assert codes(wish(person, laser, saw, night)) == ["blocked"] * 4
    day = (START + timedelta(days=1)).date()
    make.save(OpeningException(resource_id=None, day=day, hours=[], reason=make.texts("Easter")))
    tomorrow = {"starts_at": START + 24 * HOUR, "ends_at": END + 24 * HOUR}
    assert codes(wish(person, laser, **tomorrow)) == ["lab_closed"]


@pytest.mark.usefixtures("app")
def test_buffers_see_both_neighbours() -> None:
    person, laser = make.make_person(), make.make_machine()
    rule(laser, buffer_after_minutes=30)
    before = make.make_reservation(person, [laser], START - HOUR, START - HOUR / 4)
    make.make_reservation(person, [laser], END + HOUR / 4, END + HOUR)
    assert codes(wish(person, laser)) == ["too_close", "too_close"]
    assert codes(wish(person, laser, ignore=before.id)) == ["too_close"]


@pytest.mark.usefixtures("app")
def test_what_is_held_along_must_be_free() -> None:
    person, room = make.make_person(), make.make_machine("Room")
    laser, saw = make.make_machine(), make.make_machine("Saw", capacity=1)
    rule(laser, max_minutes=15)
    asked = wish(person, room, along=(laser.id, saw.id), extras=Extras(party_size=20))
    assert codes(asked) == []
    make.make_reservation(person, [saw], START, END)
    assert codes(asked) == ["slot_taken"]


def test_queries_are_few_whatever_is_asked(app: Flask, count_queries: CountQueries) -> None:
    person, buddy = make.make_person(), make.make_person()
    machines = [make.make_machine() for _ in range(3)]
    ids = (person.id, buddy.id, [one.id for one in machines])
    plain = asked(ids, count_queries, 1)
    assert asked(ids, count_queries, 3) == plain <= 8
    certification = make.make_certification()
    for machine in machines:
        make.require_certification(machine, certification)
    rule(supervision="buddy", no_show_limit=1, buffer_after_minutes=15, **LIMITS)
    everything = asked(ids, count_queries, 1)
    assert asked(ids, count_queries, 3) == everything <= plain + 6


def asked(ids: tuple[int, int, list[int]], count_queries: CountQueries, resources: int) -> int:
    """How many statements it takes to read the facts of so many resources."""
    db.session.expire_all()
    db.session.execute(select(1))  # the transaction has begun
    count_queries()
    extras = Extras(companion_ids=(ids[1],))
    booking_facts(Wish(ids[0], tuple(ids[2][:resources]), START, END, NOW, extras=extras))
    return count_queries()
