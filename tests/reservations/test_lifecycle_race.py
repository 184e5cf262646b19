"""Staff, jobs and people at once, in threads on both databases: each thing happens once, and nobody hangs."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied
from fablab.notices.models import Notice
from fablab.reservations import policies, presence, requests, service
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, PolicyLevel, Reservation, ReservationState
from fablab.reservations.wishes import Extras
from tests import factories as make
from tests.factories import NOW

ROUNDS = 6
HOUR = timedelta(hours=1)
TEN = NOW + HOUR
STAFF = system("cli")


def at_once(app: Flask, acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Does all at the same moment, each in a thread of its own; gives what each came to."""
    gate = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        with app.app_context():
            gate.wait(timeout=30)
            try:
                return act()
            except (Conflict, Denied) as error:
                return type(error).__name__
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def states() -> Counter[ReservationState]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Reservation.state)))


def told(message: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Notice).where(Notice.message == message)) or 0


@pytest.mark.parametrize("wanted", [2, 5])
def test_of_colliding_requests_accepted_at_once_one_wins(app: Flask, wanted: int) -> None:
    for number in range(ROUNDS):
        hall = make.make_machine("Hall")
        policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(hall.id), {"approval": True}, NOW)
        asked = []
        for _ in range(wanted):
            person = make.make_person()
            made = service.book(make.make_actor(person), person.id, [hall.id], TEN, TEN + HOUR, Extras(), NOW)
            asked.append(made.id)
        came_to = at_once(app, [partial(requests.accept, STAFF, ident, NOW) for ident in asked])
        assert sum(isinstance(one, Reservation) for one in came_to) == 1
        assert states() == {
            ReservationState.BOOKED: number + 1,
            ReservationState.REJECTED: (number + 1) * (wanted - 1),
        }
        held = select(Allocation.id).where(Allocation.resource_id == hall.id, LIVE)
        assert len(db.session.scalars(held).all()) == 1


def test_an_accepted_request_and_a_booking_at_once_never_share_the_time(app: Flask) -> None:
    staff = make.make_actor(make.make_person(role=Role.MANAGER))
    for _ in range(ROUNDS):
        hall, person = make.make_machine("Hall"), make.make_person()
        policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(hall.id), {"approval": True}, NOW)
        ident = service.book(make.make_actor(person), person.id, [hall.id], TEN, TEN + HOUR, Extras(), NOW).id
        begin = TEN + HOUR / 2
        came_to = at_once(
            app,
            [
                partial(requests.accept, STAFF, ident, NOW),
                partial(service.book, staff, staff.person_id or 0, [hall.id], begin, begin + HOUR, Extras(), NOW),
            ],
        )
        assert sum(isinstance(one, Reservation) for one in came_to) == 1, came_to


def test_jobs_that_run_at_once_release_each_no_show_once(app: Flask) -> None:
    laser = make.make_machine()
    for number in range(ROUNDS):
        begin = TEN + number * 2 * HOUR
        make.make_reservation(make.make_person(), [laser], begin, begin + HOUR)
    late = TEN + timedelta(hours=11, minutes=30)
    counted = at_once(app, [partial(presence.release_no_shows, late)] * 3)
    assert sum(counted) == ROUNDS
    assert states() == {ReservationState.RELEASED: ROUNDS}
    assert told("reservation_released") == ROUNDS


def test_who_comes_in_the_last_moment_keeps_the_time_or_is_released_never_both(app: Flask) -> None:
    laser = make.make_machine()
    for number in range(ROUNDS):
        begin = TEN + number * HOUR
        booked = make.make_reservation(make.make_person(), [laser], begin, begin + HOUR)
        late = begin + timedelta(minutes=15)
        came, released = at_once(
            app,
            [
                partial(presence.arrived, booked.id, late, ArrivedBy.USAGE, STAFF),
                partial(presence.release_no_shows, late),
            ],
        )
        db.session.rollback()
        found = db.session.get_one(Reservation, booked.id, populate_existing=True)
        assert (came, released) in {(True, 0), (False, 1)}
        assert found.state is (ReservationState.BOOKED if came else ReservationState.RELEASED)
        assert (found.started_at is not None) is came
