"""Who books, moves or cancels is told once, and his calendar follows."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Denied
from fablab.notices.models import Notice
from fablab.reservations import service
from fablab.reservations.wishes import Extras
from tests.factories import NOW, make_actor, make_machine, make_person

HOUR = timedelta(hours=1)


def told() -> list[tuple[str, int, str]]:
    """Message, sequence and status of each notice, oldest first."""
    found = db.session.scalars(select(Notice).order_by(Notice.id))
    return [(one.message, one.calendar["sequence"], one.calendar["status"]) for one in found if one.calendar]


def test_a_calendar_follows_from_the_booking_to_its_end(app: Flask) -> None:
    ada, staff, laser = make_person(), make_person(role=Role.MANAGER), make_machine()
    acting = make_actor(ada)
    booked = service.book(acting, ada.id, [laser.id], NOW + HOUR, NOW + 2 * HOUR, Extras(), NOW)
    service.change(acting, booked.id, NOW, ends_at=NOW + 3 * HOUR)
    service.change(make_actor(staff), booked.id, NOW, starts_at=NOW + 2 * HOUR)
    service.cancel(acting, booked.id, NOW, "ill")
    assert told() == [
        ("reservation_confirmed", 0, "CONFIRMED"),
        ("reservation_changed", 1, "CONFIRMED"),
        ("reservation_moved_by_staff", 2, "CONFIRMED"),
        ("reservation_cancelled", 3, "CANCELLED"),
    ]


def test_another_note_tells_nobody(app: Flask) -> None:
    ada, laser = make_person(), make_machine()
    booked = service.book(make_actor(ada), ada.id, [laser.id], NOW + HOUR, NOW + 2 * HOUR, Extras(), NOW)
    service.change(make_actor(ada), booked.id, NOW, note="Plywood")
    assert len(told()) == 1


def test_who_is_refused_is_not_told_of_a_booking(app: Flask) -> None:
    ada, laser = make_person(), make_machine()
    with pytest.raises(Denied):
        service.book(make_actor(ada), ada.id, [laser.id], NOW - 2 * HOUR, NOW - HOUR, Extras(), NOW)
    assert told() == []
