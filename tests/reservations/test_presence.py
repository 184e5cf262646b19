"""Who came and who did not: jobs that run late, twice or not for a day do the same once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from fablab.core import audit
from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, NotFound
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import policies, presence, waiting
from fablab.reservations.models import ArrivedBy, Let, PolicyLevel, Reservation, ReservationState, WaitingEntry
from fablab.resources.models import Closure, Resource
from fablab.usage import overruns
from fablab.usage.models import UsageSession
from fablab.usage.overruns import warn_overruns
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN, TWELVE = NOW + HOUR, NOW + 3 * HOUR
STAFF = system("cli")


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person()


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


@pytest.fixture
def booked(ada: Person, laser: Resource) -> Reservation:
    """From ten to twelve."""
    return make.make_reservation(ada, [laser], TEN, TWELVE, created_at=NOW - timedelta(days=3))


def fresh(reservation: Reservation) -> Reservation:
    return db.session.get_one(Reservation, reservation.id, populate_existing=True)


def state_of(reservation: Reservation) -> ReservationState:
    return fresh(reservation).state


def set_rules(resource: Resource, **rules: Any) -> None:
    policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(resource.id), rules, NOW)


def told(kind: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Notice).where(Notice.message == kind)) or 0


def actions(reservation: Reservation) -> list[str]:
    return [entry.action for entry in audit.history("reservation", str(reservation.id))]


@pytest.mark.parametrize(
    ("late", "released"),
    [(5 * MINUTE, 0), (15 * MINUTE - timedelta(seconds=1), 0), (15 * MINUTE, 1), (HOUR, 1), (timedelta(days=2), 1)],
)
def test_who_does_not_come_in_time_is_released_once(booked: Reservation, late: timedelta, released: int) -> None:
    assert presence.release_no_shows(TEN + late) == released
    assert presence.release_no_shows(TEN + late) == 0
    assert state_of(booked) is (ReservationState.RELEASED if released else ReservationState.BOOKED)
    assert fresh(booked).allocations[0].live is not bool(released)
    assert told("reservation_released") == (released if late < timedelta(days=1) else 0)


@pytest.mark.parametrize("case", ["came", "no check-in", "let", "longer grace"])
def test_who_is_never_a_no_show(booked: Reservation, laser: Resource, case: str) -> None:
    if case == "came":
        presence.arrived(booked.id, TEN, ArrivedBy.BADGE, STAFF)
    if case == "no check-in":
        set_rules(laser, check_in=False)
    if case == "longer grace":
        set_rules(laser, grace_minutes=60)
    if case == "let":
        make.save(Let(reservation_id=booked.id))
    assert presence.release_no_shows(TEN + 30 * MINUTE) == 0
    assert state_of(booked) is ReservationState.BOOKED


def test_the_released_time_is_offered_to_who_waits(booked: Reservation, laser: Resource) -> None:
    bob = make.make_person()
    waiting.join(make.make_actor(bob), bob.id, laser.id, TEN, TWELVE, 60, NOW)
    presence.release_no_shows(TEN + 20 * MINUTE)
    offer = db.session.scalars(select(Reservation).where(Reservation.person_id == bob.id)).one()
    assert offer.state is ReservationState.HELD
    assert offer.starts_at >= TEN + 20 * MINUTE


def test_coming_counts_once(booked: Reservation, ada: Person) -> None:
    assert presence.arrived(booked.id, TEN, ArrivedBy.PAGE, make.make_actor(ada))
    assert not presence.arrived(booked.id, TEN + HOUR, ArrivedBy.USAGE, STAFF)
    found = fresh(booked)
    assert (found.started_at, found.arrived_by) == (TEN, ArrivedBy.PAGE)
    assert actions(booked).count("reservation.arrived") == 1


def test_an_early_end_frees_the_rest_for_others(booked: Reservation, ada: Person, laser: Resource) -> None:
    presence.arrived(booked.id, TEN, ArrivedBy.PAGE, STAFF)
    presence.finish(make.make_actor(ada), booked.id, TEN + HOUR)
    found = fresh(booked)
    assert (found.state, found.ends_at, found.allocations[0].ends_at) == (ReservationState.FINISHED, TWELVE, TEN + HOUR)
    make.make_reservation(make.make_person(), [laser], TEN + HOUR, TWELVE)
    with pytest.raises(Conflict):
        presence.finish(make.make_actor(ada), booked.id, TEN + HOUR)


def test_what_has_not_begun_is_not_finished_and_others_booking_is_not_found(booked: Reservation, ada: Person) -> None:
    with pytest.raises(Conflict):
        presence.finish(make.make_actor(ada), booked.id, NOW)
    with pytest.raises(NotFound):
        presence.finish(make.make_actor(make.make_person()), booked.id, TEN + HOUR)
    assert state_of(booked) is ReservationState.BOOKED


@pytest.mark.parametrize(
    ("came", "check_in", "after", "state"),
    [
        (True, True, HOUR, ReservationState.FINISHED),
        (True, True, MINUTE, ReservationState.BOOKED),
        (True, True, timedelta(days=30), ReservationState.FINISHED),
        (False, False, HOUR, ReservationState.FINISHED),
        (False, True, HOUR, ReservationState.BOOKED),
    ],
)
def test_what_is_over_is_finished_once(
    booked: Reservation, laser: Resource, came: bool, check_in: bool, after: timedelta, state: ReservationState
) -> None:
    set_rules(laser, check_in=check_in)
    if came:
        presence.arrived(booked.id, TEN, ArrivedBy.USAGE, STAFF)
    done = state is ReservationState.FINISHED
    assert [presence.finish_past(TWELVE + after) for _ in range(2)] == [int(done), 0]
    assert state_of(booked) is state


@pytest.mark.parametrize(
    ("at", "hours", "made", "reminded"),
    [
        (TEN - 24 * HOUR, 24, NOW - timedelta(days=3), 1),
        (TEN - 24 * HOUR - MINUTE, 24, NOW - timedelta(days=3), 0),
        (TEN - MINUTE, 24, NOW - timedelta(days=3), 1),
        (TEN + MINUTE, 24, NOW - timedelta(days=3), 0),
        (TEN - HOUR, 0, NOW - timedelta(days=3), 0),
        (TEN - HOUR, 24, NOW - 2 * HOUR, 0),
    ],
)
def test_one_is_reminded_once(
    ada: Person, laser: Resource, at: datetime, hours: int, made: datetime, reminded: int
) -> None:
    make.make_reservation(ada, [laser], TEN, TWELVE, created_at=made)
    set_rules(laser, reminder_hours=hours)
    assert [presence.remind(at) for _ in range(2)] == [reminded, 0]
    assert told("reservation_reminder") == reminded


def running(booked: Reservation, laser: Resource) -> None:
    """A use of the booking that has not ended."""
    presence.arrived(booked.id, TEN, ArrivedBy.USAGE, STAFF)
    values = {"key": "1", "flags": [], "started_at": TEN, "updated_at": TEN}
    make.save(UsageSession(resource_id=laser.id, reservation_id=booked.id, **values))


def test_a_machine_that_still_runs_gets_more_time_where_nobody_is_next(booked: Reservation, laser: Resource) -> None:
    set_rules(laser, overrun_extend_minutes=30)
    running(booked, laser)
    assert [warn_overruns(TWELVE + MINUTE) for _ in range(2)] == [1, 0]
    assert fresh(booked).allocations[0].ends_at == fresh(booked).ends_at == TWELVE + 30 * MINUTE
    assert presence.finish_past(TWELVE + 10 * MINUTE) == 0


def danger(laser: Resource) -> None:
    values = {"starts_at": TWELVE, "ends_at": TWELVE + HOUR, "reason": {}, "danger": True, "created_at": NOW}
    make.save(Closure(resource_id=laser.id, **values))


def next_one(laser: Resource, minutes: int) -> None:
    start = TWELVE + minutes * MINUTE
    make.make_reservation(make.make_person(), [laser], start, start + HOUR)


def somebody_waits(laser: Resource) -> None:
    bob = make.make_person()
    values = {"starts_at": TWELVE, "ends_at": TWELVE + HOUR, "minutes": 60, "created_at": NOW}
    make.save(WaitingEntry(person_id=bob.id, resource_id=laser.id, **values))


@pytest.mark.parametrize(
    ("rules", "against"),
    [
        ({}, lambda laser: next_one(laser, 20)),
        ({"buffer_after_minutes": 30}, lambda laser: next_one(laser, 45)),
        ({}, danger),
        ({}, somebody_waits),
    ],
    ids=["next", "buffer", "danger", "waiting"],
)
def test_more_time_is_given_only_where_the_rules_let_it(
    booked: Reservation, laser: Resource, rules: dict[str, Any], against: Callable[[Resource], None]
) -> None:
    set_rules(laser, overrun_extend_minutes=30, **rules)
    against(laser)
    running(booked, laser)
    warn_overruns(TWELVE + MINUTE)
    assert fresh(booked).ends_at == TWELVE


def test_more_time_is_given_once_and_a_running_machine_keeps_its_booking_open(
    booked: Reservation, laser: Resource
) -> None:
    set_rules(laser, overrun_extend_minutes=30)
    running(booked, laser)
    assert [warn_overruns(TWELVE + minutes * MINUTE) for minutes in (1, 31, 61)] == [1, 0, 0]
    assert fresh(booked).ends_at == TWELVE + 30 * MINUTE
    assert overruns.finish_past(TWELVE + 2 * HOUR) == 0
    next_one(laser, 130)
    assert [warn_overruns(TWELVE + 2 * HOUR) for _ in range(2)] == [1, 0]
    with transaction():
        db.session.execute(update(UsageSession).values(ended_at=TWELVE + 2 * HOUR))
    assert overruns.finish_past(TWELVE + 2 * HOUR) == 1


def test_who_is_next_is_warned_once(booked: Reservation, laser: Resource) -> None:
    set_rules(laser, overrun_extend_minutes=30)
    following = make.make_reservation(make.make_person(), [laser], TWELVE + 15 * MINUTE, TWELVE + HOUR)
    running(booked, laser)
    assert [warn_overruns(TWELVE + MINUTE) for _ in range(2)] == [1, 0]
    assert fresh(booked).ends_at == TWELVE
    warned = db.session.scalars(select(Notice).where(Notice.message == "overrun_warning")).one()
    assert warned.person_id == following.person_id


@pytest.mark.parametrize(
    ("at", "allowed"), [(TEN - HOUR, False), (TEN - 30 * MINUTE, True), (TEN + HOUR, True), (TWELVE, False)]
)
def test_one_checks_in_shortly_before_the_start_until_the_end_once(
    booked: Reservation, ada: Person, at: datetime, allowed: bool
) -> None:
    actor = make.make_actor(ada)
    if allowed:
        presence.check_in(actor, booked.id, at)
        assert (fresh(booked).started_at, fresh(booked).arrived_by) == (at, ArrivedBy.PAGE)
    with pytest.raises(Conflict):
        presence.check_in(actor, booked.id, at)


def test_the_jobs_ask_the_rules_once_however_many_bookings(ada: Person, count_queries: CountQueries) -> None:
    machine = make.make_machine()

    def asked(first: int) -> int:
        for number in range(first, first + 10):
            start = TEN + timedelta(days=number)
            make.make_reservation(ada, [machine], start, start + HOUR, created_at=NOW)
        count_queries()
        assert presence.remind(NOW) == 0
        return count_queries()

    assert asked(1) == asked(11)


def test_who_came_early_and_leaves_before_the_start_gives_all_of_it_back(
    booked: Reservation, ada: Person, laser: Resource
) -> None:
    actor = make.make_actor(ada)
    presence.check_in(actor, booked.id, TEN - 20 * MINUTE)
    presence.finish(actor, booked.id, TEN - 10 * MINUTE)
    assert (state_of(booked), fresh(booked).allocations[0].live) == (ReservationState.FINISHED, False)
    make.make_reservation(make.make_person(), [laser], TEN, TWELVE)
