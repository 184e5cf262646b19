"""Somebody is anonymised: what is to come is free for others, what was typed is gone, what was used stays."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.people import service as people
from fablab.people.models import Person
from fablab.reservations import series, waiting
from fablab.reservations.models import (
    Companion,
    Reservation,
    ReservationSeries,
    ReservationState,
    WaitingEntry,
    WaitingState,
)
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
TEN, ELEVEN = NOW + HOUR, NOW + 2 * HOUR
SECRET = "call Ada Lovelace, 0612345678"
TYPED = {"note": SECRET, "end_reason": SECRET, "on_behalf_reason": SECRET}


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person(name="Ada Lovelace")


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


@pytest.fixture
def manager(app: Flask) -> Actor:
    return make.make_actor(make.make_person(role=Role.MANAGER))


def fresh(reservation: Reservation) -> Reservation:
    return db.session.get_one(Reservation, reservation.id, populate_existing=True)


def test_what_was_typed_is_erased(ada: Person, laser: Resource, manager: Actor) -> None:
    past = {"state": ReservationState.FINISHED, **TYPED}
    used = make.make_reservation(ada, [laser], NOW - 2 * HOUR, NOW - HOUR, **past)
    comes = make.make_reservation(ada, [laser], TEN, ELEVEN, **TYPED)
    other = make.make_reservation(
        make.make_person(), [laser], ELEVEN, ELEVEN + HOUR, note="stays", companions=[Companion(person_id=ada.id)]
    )
    db.session.rollback()
    people.anonymise(manager, ada.id, NOW)
    for one in (used, comes):
        found = fresh(one)
        assert (found.note, found.end_reason, found.on_behalf_reason) == ("", "", "")
    assert fresh(used).state is ReservationState.FINISHED
    assert fresh(other).note == "stays"


def test_how_others_called_him_is_erased(ada: Person, laser: Resource, manager: Actor) -> None:
    along = [Companion(person_id=ada.id, called="ada@example.org")]
    made = make.make_reservation(make.make_person(), [laser], TEN, ELEVEN, companions=along)
    people.anonymise(manager, ada.id, NOW)
    assert [one.called for one in fresh(made).companions] == [""]


def test_the_note_of_a_series_is_erased_and_its_dates_are_free(ada: Person, laser: Resource, manager: Actor) -> None:
    made = series.book_series(
        make.make_actor(ada), ada.id, [laser.id], TEN, ELEVEN, "FREQ=DAILY;COUNT=3", Extras(note=SECRET), NOW
    )
    people.anonymise(manager, ada.id, NOW)
    assert db.session.get_one(ReservationSeries, made.series.id, populate_existing=True).note == ""
    assert {fresh(one).state for one in made.booked} == {ReservationState.CANCELLED}


@pytest.mark.parametrize("state", [ReservationState.BOOKED, ReservationState.REQUESTED, ReservationState.HELD])
def test_what_is_to_come_is_given_back(ada: Person, laser: Resource, manager: Actor, state: ReservationState) -> None:
    made = make.make_reservation(ada, [laser], TEN, ELEVEN, state=state)
    runs = make.make_reservation(ada, [make.make_machine()], NOW - HOUR, TEN, started_at=NOW - HOUR)
    people.anonymise(manager, ada.id, NOW)
    assert fresh(made).state is ReservationState.CANCELLED
    assert [one.live for one in fresh(made).allocations] == [False]
    assert fresh(runs).state is ReservationState.BOOKED, "what runs is in use: it ends as it would"
    assert db.session.scalar(select(Notice).where(Notice.person_id == ada.id)) is None


def test_it_is_offered_to_who_waits_and_not_to_who_left(ada: Person, laser: Resource, manager: Actor) -> None:
    bob = make.make_person(name="Bob")
    make.make_reservation(ada, [laser], TEN, ELEVEN)
    other = make.make_reservation(make.make_person(), [laser], ELEVEN, ELEVEN + HOUR)
    waiting.join(make.make_actor(bob), bob.id, laser.id, TEN, ELEVEN, 60, NOW)
    own = waiting.join(make.make_actor(ada), ada.id, laser.id, ELEVEN, ELEVEN + HOUR, 60, NOW)
    entry_id = own.id
    people.anonymise(manager, ada.id, NOW)
    held = db.session.scalars(select(Reservation).where(Reservation.state == ReservationState.HELD)).all()
    assert [(one.person_id, one.starts_at) for one in held] == [(bob.id, TEN)]
    assert db.session.get_one(WaitingEntry, entry_id).state is WaitingState.LEFT
    assert fresh(other).state is ReservationState.BOOKED
