"""Waiting lists, further: what freed time costs, own bookings in the way, clocks that change, entries that end."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core import audit
from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict
from fablab.core.events import Event
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import policies, service, waiting
from fablab.reservations.models import PolicyLevel, Reservation, WaitingEntry, WaitingState
from fablab.resources.models import OpeningRule, Resource
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN, TWELVE = NOW + HOUR, NOW + 3 * HOUR


def wait(
    person: Person, resource: Resource, starts_at: datetime = TEN, ends_at: datetime = TWELVE, minutes: int = 120
) -> WaitingEntry:
    return waiting.join(make.make_actor(person), person.id, resource.id, starts_at, ends_at, minutes, NOW)


def stand(resource: Resource, starts_at: datetime, ends_at: datetime, minutes: int) -> WaitingEntry:
    """Somebody in line, whatever the rules say."""
    return make.save(
        WaitingEntry(
            person_id=make.make_person().id,
            resource_id=resource.id,
            starts_at=starts_at,
            ends_at=ends_at,
            minutes=minutes,
            created_at=NOW,
        )
    )


def give_back(reservation: Reservation, now: datetime = NOW) -> list[Reservation]:
    """Cancels it without telling anybody, to count what the waiting list asks."""
    with transaction():
        row = db.session.get_one(Reservation, reservation.id)
        for one in row.allocations:
            one.live = False
        return waiting.freed([one.resource_id for one in row.allocations], row.starts_at, row.ends_at, now)


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


# -- what it costs ----------------------------------------------------------------------------------------------------


def asked(count_queries: CountQueries, number: int) -> int:
    """How many statements it takes to give a time back, for which so many wait who cannot have it: the wish of all
    but one is for more than is free, and that one gets it."""
    laser, ada = make.make_machine(), make.make_person()
    booked = make.make_reservation(ada, [laser], TEN, TWELVE)
    make.make_reservation(ada, [laser], TWELVE, TWELVE + 2 * HOUR)
    for _ in range(number):
        stand(laser, TEN, TWELVE + 2 * HOUR, 180)
        stand(laser, TEN + HOUR, TWELVE + HOUR, 120)
    stand(laser, TEN, TWELVE, 120)
    for _ in range(number):
        stand(laser, TEN, TWELVE, 15)
    count_queries()
    (offer,) = give_back(booked)
    assert (offer.starts_at, offer.ends_at) == (TEN, TWELVE)
    return count_queries()


def test_who_waits_for_more_than_is_free_costs_nothing(app: Flask, count_queries: CountQueries) -> None:
    few = asked(count_queries, 1)
    assert asked(count_queries, 10) == few


def test_a_cancelled_booking_asks_as_much_however_many_wait(app: Flask, count_queries: CountQueries) -> None:
    counts = []
    for number in (2, 12):
        laser, ada = make.make_machine(), make.make_person()
        booked = make.make_reservation(ada, [laser], TEN, TWELVE)
        make.make_reservation(ada, [laser], TWELVE, TWELVE + HOUR)
        for _ in range(number):
            stand(laser, TEN, TWELVE + HOUR, 150)
        actor, ident = make.make_actor(ada), booked.id
        count_queries()
        service.cancel(actor, ident, NOW)
        counts.append(count_queries())
    assert counts[0] == counts[1]


def test_who_may_not_have_it_is_asked_about_once(app: Flask, count_queries: CountQueries) -> None:
    counts = []
    for number in (1, 5):
        laser = make.make_machine()
        make.require_certification(laser, make.make_certification())
        booked = make.make_reservation(make.make_person(), [laser], TEN, TWELVE)
        for _ in range(number):
            stand(laser, TEN, TWELVE, 120)
        count_queries()
        assert give_back(booked) == []
        counts.append(count_queries())
    assert counts[1] - counts[0] <= 4 * 6


# -- what one holds oneself -------------------------------------------------------------------------------------------


def test_nobody_waits_for_what_he_holds_himself(laser: Resource) -> None:
    ada, bob = make.make_person(), make.make_person()
    make.make_reservation(ada, [laser], TEN, TWELVE)
    for minutes in (120, 60):
        with force_locale("en"), pytest.raises(Conflict, match="yourself"):
            wait(ada, laser, minutes=minutes)
    with force_locale("en"), pytest.raises(Conflict, match="yourself"):
        wait(ada, laser, TEN + HOUR, TWELVE + HOUR, 120)
    wait(bob, laser)
    make.make_reservation(bob, [laser], TWELVE, TWELVE + 2 * HOUR)
    wait(ada, laser, TEN, TWELVE + 2 * HOUR, 60)
    wait(bob, laser, TWELVE - HOUR, TWELVE + 2 * HOUR, 60)


# -- when clocks change -----------------------------------------------------------------------------------------------


def test_the_rest_of_a_slot_begins_on_the_step_when_clocks_change(laser: Resource) -> None:
    """Sunday, 29 March 2026: after 01:59 comes 03:00 in Paris; four-hour steps are 00:00 and 04:00."""
    with transaction() as session:
        session.get_one(Resource, laser.id).opening = OpeningRule.ALWAYS
    rules = {"step_minutes": 240, "min_minutes": 240, "horizon_days": 60}
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(laser.id), rules, NOW)
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    booked = make.make_reservation(make.make_person(), [laser], midnight, midnight + 11 * HOUR)
    entry = stand(laser, midnight, midnight + 11 * HOUR, 660)
    (offer,) = give_back(booked, midnight + 30 * MINUTE)
    assert offer.starts_at == midnight + 3 * HOUR
    assert db.session.get_one(WaitingEntry, entry.id).state is WaitingState.OFFERED


# -- entries that end -------------------------------------------------------------------------------------------------


def test_who_waited_in_vain_is_told_once(laser: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [stand(laser, TEN, TWELVE, 120) for _ in range(3)]
    left = stand(laser, TEN, TWELVE, 60)
    waiting.leave(system("cli"), left.id, NOW)
    later = stand(laser, TEN, TWELVE + MINUTE, 60)
    monkeypatch.setattr(waiting, "AT_ONCE", 2)
    assert waiting.end_stale(TWELVE - MINUTE) == 0
    assert [waiting.end_stale(TWELVE) for _ in range(3)] == [2, 1, 0]
    assert db.session.get_one(WaitingEntry, later.id).state is WaitingState.WAITING
    told = db.session.scalars(select(Notice).where(Notice.message == "waiting_ended").order_by(Notice.id)).all()
    assert [one.person_id for one in told] == [one.person_id for one in entries]
    assert [audit.history("waiting_entry", str(one.id))[0].action for one in entries] == ["waiting.expired"] * 3
    gone = db.session.scalars(select(Event).where(Event.kind == "waiting.expired").order_by(Event.id)).all()
    assert [one.data["entry_id"] for one in gone] == [str(one.id) for one in entries]
