"""A late cancellation cannot be evaded: who gives time back late and cancels afterwards is counted all the same."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale

from fablab.core import audit, clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations import policies, policy_words, service
from fablab.reservations.models import PolicyLevel, Reservation, ReservationState
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.wishes import Extras
from fablab.resources.models import OpeningRule, Resource
from tests import factories as make
from tests.factories import NOW
from tests.web_helpers import sign_in

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN, END = NOW + 20 * HOUR, NOW + 26 * HOUR
"""The booking of each case: it begins within the 24 hours in which cancelling is late and ends after them."""
FAR: Mapping[str, Any] = {"starts_at": BEGIN + 7 * DAY, "ends_at": END + 7 * DAY}


def machine(**rules: Any) -> Resource:
    made = make.make_machine(opening=OpeningRule.ALWAYS)
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(made.id), {"cancel_hours": 24, **rules}, NOW)
    return made


@pytest.fixture
def laser(app: Flask) -> Resource:
    return machine()


def book(person: Person, laser: Resource, begin: timedelta = 20 * HOUR, end: timedelta = 26 * HOUR) -> Reservation:
    return service.book(make.make_actor(person), person.id, [laser.id], NOW + begin, NOW + end, Extras(), NOW)


def is_late(reservation: Reservation) -> bool:
    return db.session.get_one(Reservation, reservation.id, populate_existing=True).late_cancelled


CASES: Mapping[str, tuple[tuple[float, float], tuple[Mapping[str, Any], ...], bool]] = {
    "moved far": ((20, 26), (FAR,), True),
    "moved far in two steps": ((20, 26), ({"starts_at": NOW + 25 * HOUR, "ends_at": NOW + 31 * HOUR}, FAR), True),
    "moved far and back, then far": (
        (20, 26),
        (FAR, {"starts_at": BEGIN, "ends_at": END}, FAR),
        True,
    ),
    "start made later": ((20, 26), ({"starts_at": NOW + 25 * HOUR},), True),
    "made shorter within the hours, then moved": ((20, 23), ({"ends_at": NOW + 21 * HOUR}, FAR), True),
    "moved in good time": ((24, 26), (FAR,), False),
    "moved one step too late": ((23.75, 26), (FAR,), True),
    "made shorter at an end beyond the hours": ((24, 28), ({"ends_at": NOW + 25 * HOUR},), False),
    "made longer": ((24, 26), ({"ends_at": NOW + 28 * HOUR},), False),
    "only another note": ((24, 26), ({"note": "x"},), False),
}


@pytest.mark.parametrize(("times", "changes", "late"), CASES.values(), ids=CASES)
def test_moving_does_not_make_a_late_cancellation_free(
    laser: Resource, times: tuple[float, float], changes: tuple[Mapping[str, Any], ...], late: bool
) -> None:
    ada = make.make_person()
    made = book(ada, laser, *(one * HOUR for one in times))
    for change in changes:
        service.change(make.make_actor(ada), made.id, NOW, **change)
    service.cancel(make.make_actor(ada), made.id, NOW)
    assert is_late(made) is late


@pytest.mark.parametrize(
    ("moved", "cancelled", "late"),
    [
        (("staff", "the room is needed"), ("own", ""), False),
        (("staff", ""), ("own", ""), True),
        (("own", "ill"), ("own", "ill"), True),
        (("own", ""), ("staff", ""), True),
        (("own", ""), ("staff", "the machine broke"), False),
    ],
)
def test_the_staff_with_a_reason_is_not_counted(
    laser: Resource, moved: tuple[str, str], cancelled: tuple[str, str], late: bool
) -> None:
    ada = make.make_person()
    actors = {"own": make.make_actor(ada), "staff": make.make_actor(make.make_person(role=Role.INSTRUCTOR))}
    made = book(ada, laser)
    service.change(actors[moved[0]], made.id, NOW, **FAR, reason=moved[1])
    service.cancel(actors[cancelled[0]], made.id, NOW, cancelled[1])
    assert is_late(made) is late


def test_other_resources_and_what_became_a_request_count_too(laser: Resource) -> None:
    ada, other, asked = make.make_person(), machine(cancel_hours=0), machine(cancel_hours=0, approval=True)
    for resource in (other, asked):
        made = book(ada, laser)
        service.change(make.make_actor(ada), made.id, NOW, resource_ids=[resource.id], **FAR)
        service.cancel(make.make_actor(ada), made.id, NOW)
        assert is_late(made)
    free = book(ada, other)
    service.change(make.make_actor(ada), free.id, NOW, resource_ids=[laser.id], **FAR)
    service.cancel(make.make_actor(ada), free.id, NOW)
    assert not is_late(free)


def test_who_moves_it_and_comes_is_not_counted(laser: Resource) -> None:
    ada = make.make_person()
    made = book(ada, laser)
    service.change(make.make_actor(ada), made.id, NOW, starts_at=BEGIN + 2 * HOUR, ends_at=END + 2 * HOUR)
    found = db.session.get_one(Reservation, made.id, populate_existing=True)
    assert (found.state, found.late_cancelled, found.given_back_late) == (ReservationState.BOOKED, False, True)
    after = audit.history("reservation", str(made.id))[0].after
    assert after is not None
    assert after["given_back_late"] is True


def test_the_page_and_the_rules_say_so(client: FlaskClient, laser: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    ada = make.make_person()
    made = book(ada, laser)
    service.change(make.make_actor(ada), made.id, NOW, **FAR)
    sign_in(client, ada, NOW)
    page = client.get(f"/reservations/{made.id}").get_data(as_text=True)
    assert "cancelling it still counts as late" in page
    with force_locale("en"):
        assert "move or shorten" in policy_words.sentence("cancel_hours", BookingPolicy(cancel_hours=24))
