"""Waiting lists: who may stand in line, who is offered time that becomes free, what becomes of an offer."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core import audit
from fablab.core.actor import Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import offers, waiting
from fablab.reservations.models import Allocation, Reservation, ReservationState, WaitingEntry, WaitingState
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW


def hour(number: int) -> datetime:
    """Full hours of that Monday, local time."""
    return NOW + timedelta(hours=number - 9)


TEN, TWELVE = hour(10), hour(12)


def free(reservation: Reservation, now: datetime = NOW, from_: datetime | None = None) -> list[Reservation]:
    """Gives the time of a reservation back, from an instant on, as the services do."""
    with transaction():
        row = db.session.get_one(Reservation, reservation.id)
        begin = from_ or row.starts_at
        for one in row.allocations:
            if begin > one.starts_at:
                one.ends_at = begin
            else:
                one.live = False
        ids = [one.resource_id for one in row.allocations]
        row.state = ReservationState.CANCELLED
        return waiting.freed(ids, begin, row.ends_at, now)


def wait(
    person: Person, resource: Resource, starts_at: datetime = TEN, ends_at: datetime = TWELVE, minutes: int = 120
) -> WaitingEntry:
    return waiting.join(make.make_actor(person), person.id, resource.id, starts_at, ends_at, minutes, NOW)


def state_of(entry: WaitingEntry) -> WaitingState:
    return db.session.get_one(WaitingEntry, entry.id, populate_existing=True).state


@pytest.fixture(autouse=True)
def _english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


@pytest.fixture
def taken(laser: Resource) -> Reservation:
    return make.make_reservation(make.make_person(), [laser], TEN, TWELVE)


# -- the line ---------------------------------------------------------------------------------------------------------


def test_who_stands_in_line_has_a_place_and_is_seen(laser: Resource, taken: Reservation) -> None:
    first, second, third = (make.make_person() for _ in range(3))
    wait(first, laser)
    wait(second, laser, minutes=60)
    entry = wait(third, laser, hour(11), minutes=60)
    assert [(one.entry.person_id, one.position) for one in waiting.line(laser.id)] == [
        (first.id, 1),
        (second.id, 2),
        (third.id, 3),
    ]
    assert [(one.entry.id, one.position) for one in waiting.mine(third.id)] == [(entry.id, 3)]
    assert audit.history("waiting_entry", str(entry.id))[0].action == "waiting.joined"
    assert db.session.scalars(select(Event.kind).where(Event.kind.like("waiting.%"))).all() == ["waiting.joined"] * 3


def test_only_those_before_who_want_a_time_that_overlaps_count(laser: Resource, taken: Reservation) -> None:
    make.make_reservation(taken.person, [laser], hour(13), hour(14))
    morning, afternoon = make.make_person(), make.make_person()
    wait(morning, laser)
    wait(afternoon, laser, hour(13), hour(14), 60)
    assert [one.position for one in waiting.line(laser.id)] == [1, 1]


def test_ones_own_list_takes_two_queries(laser: Resource, taken: Reservation, count_queries: Callable[[], int]) -> None:
    person = make.make_person()
    for number in range(4):
        wait(make.make_person(), laser)
        wait(person, laser, minutes=30 * (number + 1))
    person_id = person.id
    count_queries()
    found = waiting.mine(person_id)
    assert [one.entry.resource.name["en"] for one in found] == ["Laser"] * 4
    assert count_queries() == 2


def test_nobody_waits_for_free_time(laser: Resource) -> None:
    person = make.make_person()
    with pytest.raises(Conflict, match="free"):
        wait(person, laser)
    with pytest.raises(Conflict, match="free"):
        wait(person, laser, TEN, hour(14), 30)


def test_nobody_waits_in_vain(laser: Resource, taken: Reservation) -> None:
    make.require_certification(laser, make.make_certification())
    with pytest.raises(Denied) as refused:
        wait(make.make_person(), laser)
    assert [one.code for one in refused.value.denials] == ["not_certified"]
    with pytest.raises(Denied) as refused:
        wait(make.make_person(), laser, minutes=30)
    assert [one.code for one in refused.value.denials] == ["not_certified"]


def test_the_same_wish_stands_once(laser: Resource, taken: Reservation) -> None:
    person = make.make_person()
    wait(person, laser)
    with pytest.raises(Conflict, match="already"):
        wait(person, laser)
    wait(person, laser, minutes=60)


def test_a_person_does_not_stand_in_endless_lines(laser: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_ENTRIES", 1)
    make.make_reservation(make.make_person(), [laser], TEN, TWELVE)
    person = make.make_person()
    wait(person, laser)
    with pytest.raises(Conflict, match="1"):
        wait(person, laser, minutes=60)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "minutes", "field"),
    [
        (TWELVE, TEN, 60, "end"),
        (TEN, TEN + timedelta(days=63), 60, "end"),
        (TEN, TWELVE, 121, "minutes"),
        (TEN, TWELVE, 0, "minutes"),
        (NOW - timedelta(hours=2), NOW, 60, "end"),
        (TEN + timedelta(days=4000), TWELVE + timedelta(days=4000), 60, "start"),
    ],
)
def test_an_impossible_wish_is_refused_by_field(
    laser: Resource, starts_at: datetime, ends_at: datetime, minutes: int, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        wait(make.make_person(), laser, starts_at, ends_at, minutes)
    assert list(refused.value.fields) == [field]


def test_only_staff_put_others_in_line_or_out_of_it(laser: Resource, taken: Reservation) -> None:
    person, other = make.make_person(), make.make_person()
    staff = make.make_actor(make.make_person(role=Role.INSTRUCTOR))
    with pytest.raises(Forbidden):
        waiting.join(make.make_actor(other), person.id, laser.id, TEN, TWELVE, 120, NOW)
    entry = waiting.join(staff, person.id, laser.id, TEN, TWELVE, 120, NOW)
    with pytest.raises(NotFound):
        waiting.leave(make.make_actor(other), entry.id, NOW)
    waiting.leave(staff, entry.id, NOW)
    assert state_of(entry) is WaitingState.LEFT
    with pytest.raises(Conflict):
        waiting.leave(staff, entry.id, NOW)
    with pytest.raises(NotFound):
        waiting.leave(staff, 999, NOW)


def test_unknown_or_retired_things_have_no_line(app: Flask) -> None:
    person = make.make_person()
    retired = make.make_machine(retired_at=NOW)
    for ident in (retired.id, 999):
        with pytest.raises(NotFound):
            waiting.join(make.make_actor(person), person.id, ident, TEN, TWELVE, 120, NOW)
    with pytest.raises(Invalid):
        waiting.join(system("cli"), 999, retired.id, TEN, TWELVE, 120, NOW)


# -- time that becomes free -------------------------------------------------------------------------------------------


def test_the_first_in_line_gets_a_hold_and_is_told(laser: Resource, taken: Reservation) -> None:
    first, second = make.make_person(), make.make_person()
    entry, later = wait(first, laser), wait(second, laser)
    (offer,) = free(taken)
    assert (offer.person_id, offer.state) == (first.id, ReservationState.HELD)
    assert (offer.starts_at, offer.ends_at, offer.held_until) == (TEN, TWELVE, NOW + timedelta(hours=1))
    assert [one.live for one in offer.allocations] == [True]
    assert [state_of(one) for one in (entry, later)] == [WaitingState.OFFERED, WaitingState.WAITING]
    notice = db.session.scalars(select(Notice).where(Notice.message == "reservation_offered")).one()
    assert notice.person_id == first.id
    assert notice.params is not None
    assert notice.params["accept_path"] == f"/reservations/{offer.id}"
    with pytest.raises(Conflict, match="accept or decline"):
        waiting.leave(make.make_actor(first), entry.id, NOW)
    assert [one.position for one in waiting.mine(first.id)] == [None]


def test_a_hold_stands_for_its_minutes_but_not_beyond_its_start(laser: Resource) -> None:
    booked = make.make_reservation(make.make_person(), [laser], hour(15), hour(16))
    wait(make.make_person(), laser, hour(15), hour(16), 60)
    (offer,) = free(booked)
    assert offer.held_until == NOW + timedelta(minutes=120)


def test_who_may_not_have_it_is_passed_over_but_stays_in_line(laser: Resource, taken: Reservation) -> None:
    first, second = make.make_person(), make.make_person()
    passed, entry = wait(first, laser), wait(second, laser)
    make.require_certification(laser, certification := make.make_certification())
    make.make_grant(second, certification)
    (offer,) = free(taken)
    assert offer.person_id == second.id
    assert [state_of(one) for one in (passed, entry)] == [WaitingState.WAITING, WaitingState.OFFERED]


def test_a_long_time_serves_several_and_free_time_beside_it_counts(laser: Resource) -> None:
    booked = make.make_reservation(make.make_person(), [laser], hour(12), hour(14))
    other = make.make_reservation(make.make_person(), [laser], hour(10), hour(12))
    one, two, three, four = (make.make_person() for _ in range(4))
    wait(one, laser, hour(11), hour(14), 90)
    wait(two, laser, hour(10), hour(14), 60)
    wait(three, laser, hour(10), hour(14), 60)
    wait(four, laser, hour(10), hour(12), 120)
    offered = free(booked)
    assert [(found.person_id, found.starts_at, found.ends_at) for found in offered] == [
        (one.id, hour(12), hour(13) + timedelta(minutes=30)),
    ]
    again = free(other)
    assert [(found.person_id, found.starts_at) for found in again] == [(two.id, hour(10)), (three.id, hour(11))]


def test_several_resources_are_offered_each_to_its_line(laser: Resource) -> None:
    saw = make.make_machine("Saw")
    booked = make.make_reservation(make.make_person(), [laser, saw], TEN, TWELVE)
    people = [make.make_person(), make.make_person()]
    wait(people[0], saw)
    wait(people[1], laser)
    assert [one.person_id for one in free(booked)] == [one.id for one in people]


def test_of_a_slot_that_has_begun_the_rest_is_offered(laser: Resource, taken: Reservation) -> None:
    entry = wait(make.make_person(), laser)
    now = TEN + timedelta(minutes=16)
    (offer,) = free(taken, now)
    assert (offer.starts_at, offer.ends_at) == (TEN + timedelta(minutes=30), TWELVE)
    assert offer.held_until == offer.starts_at
    assert state_of(entry) is WaitingState.OFFERED


def test_what_is_over_is_offered_to_nobody(laser: Resource, taken: Reservation) -> None:
    entry = wait(make.make_person(), laser)
    assert free(taken, TWELVE) == []
    assert state_of(entry) is WaitingState.WAITING
    assert waiting.end_stale(TWELVE - timedelta(seconds=1)) == 0
    assert waiting.end_stale(TWELVE) == 1
    assert waiting.end_stale(TWELVE) == 0
    assert state_of(entry) is WaitingState.EXPIRED


def test_nobody_in_line_costs_two_queries(
    laser: Resource, taken: Reservation, count_queries: Callable[[], int]
) -> None:
    ident = laser.id
    with transaction():
        count_queries()
        assert waiting.freed([ident], TEN, TWELVE, NOW) == []
        assert count_queries() == 2


# -- what becomes of an offer -----------------------------------------------------------------------------------------


@pytest.fixture
def offered(laser: Resource, taken: Reservation) -> tuple[Reservation, WaitingEntry, WaitingEntry]:
    """An offer, its entry, and the next one in line."""
    entry, later = wait(make.make_person(), laser), wait(make.make_person(), laser)
    (offer,) = free(taken)
    return offer, entry, later


def owner(reservation: Reservation) -> Person:
    return db.session.get_one(Person, reservation.person_id)


def test_an_accepted_offer_is_a_booking(offered: tuple[Reservation, WaitingEntry, WaitingEntry]) -> None:
    offer, entry, later = offered
    person = owner(offer)
    made = offers.accept_hold(make.make_actor(person), offer.id, NOW + timedelta(minutes=5))
    assert (made.state, made.held_until, [one.live for one in made.allocations]) == (
        ReservationState.BOOKED,
        None,
        [True],
    )
    assert [state_of(one) for one in (entry, later)] == [WaitingState.ACCEPTED, WaitingState.WAITING]
    told = db.session.scalars(select(Notice.message).where(Notice.person_id == person.id).order_by(Notice.id)).all()
    assert told == ["reservation_offered", "reservation_confirmed"]
    with pytest.raises(Conflict):
        offers.accept_hold(make.make_actor(person), offer.id, NOW)
    with pytest.raises(Conflict):
        offers.decline_hold(make.make_actor(person), offer.id, NOW)
    assert offers.expire_holds(NOW + timedelta(days=1)) == 0


def test_a_declined_offer_is_passed_on(offered: tuple[Reservation, WaitingEntry, WaitingEntry]) -> None:
    offer, entry, later = offered
    offers.decline_hold(make.make_actor(owner(offer)), offer.id, NOW)
    assert [state_of(one) for one in (entry, later)] == [WaitingState.DECLINED, WaitingState.OFFERED]
    following = db.session.get_one(Reservation, db.session.get_one(WaitingEntry, later.id).offer_id)
    assert (following.person_id, following.state) == (later.person_id, ReservationState.HELD)
    live = db.session.scalars(select(Allocation.reservation_id).where(Allocation.live)).all()
    assert live == [following.id]


def test_an_offer_nobody_answers_is_passed_on_once(offered: tuple[Reservation, WaitingEntry, WaitingEntry]) -> None:
    offer, entry, later = offered
    until = offer.held_until
    assert until is not None
    assert offers.expire_holds(until - timedelta(seconds=1)) == 0
    assert offers.expire_holds(until) == 1
    assert offers.expire_holds(until) == 0
    assert [state_of(one) for one in (entry, later)] == [WaitingState.EXPIRED, WaitingState.OFFERED]
    with pytest.raises(Conflict):
        offers.accept_hold(make.make_actor(owner(offer)), offer.id, until)


def test_a_late_answer_is_too_late_even_before_the_job_runs(
    offered: tuple[Reservation, WaitingEntry, WaitingEntry],
) -> None:
    offer, entry, _ = offered
    until = offer.held_until
    assert until is not None
    with pytest.raises(Conflict, match="next person"):
        offers.accept_hold(make.make_actor(owner(offer)), offer.id, until)
    assert state_of(entry) is WaitingState.OFFERED


def test_only_the_person_and_staff_answer(offered: tuple[Reservation, WaitingEntry, WaitingEntry]) -> None:
    offer, _, _ = offered
    other = make.make_actor(make.make_person())
    for answer in (offers.accept_hold, offers.decline_hold):
        with pytest.raises(NotFound):
            answer(other, offer.id, NOW)
        with pytest.raises(NotFound):
            answer(other, 999, NOW)
    staff = make.make_actor(make.make_person(role=Role.INSTRUCTOR))
    assert offers.accept_hold(staff, offer.id, NOW).state is ReservationState.BOOKED


def test_accepting_asks_the_rules_again(
    laser: Resource, offered: tuple[Reservation, WaitingEntry, WaitingEntry]
) -> None:
    offer, entry, _ = offered
    make.require_certification(laser, make.make_certification())
    with pytest.raises(Denied) as refused:
        offers.accept_hold(make.make_actor(owner(offer)), offer.id, NOW)
    assert [one.code for one in refused.value.denials] == ["not_certified"]
    assert state_of(entry) is WaitingState.OFFERED
