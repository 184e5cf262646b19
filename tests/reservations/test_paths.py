"""Every way to hold time, found in the map of addresses: each asks the rules, and a refusal changes nothing.

Every unsafe address of bookings stands in one of the tables; a new one fails here until somebody says what it does.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations import policies, service
from fablab.reservations.models import LIVE, Allocation, PolicyLevel, Reservation, ReservationState, WaitingEntry
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from fablab.resources.service import take_out_of_service
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
TEN, ELEVEN = NOW + HOUR, NOW + 2 * HOUR
STAFF = system("cli")
PREFIX = "/api/v1"

HOLDS_TIME = {
    "POST /reservations",
    "PATCH /reservations/<int:reservation_id>",
    "POST /reservations/<int:reservation_id>/accept",
    "POST /reservations/<int:reservation_id>/accept-offer",
    "PATCH /series/<int:series_id>",
    "POST /series/<int:series_id>/skipped/<int:skipped_id>/add",
}
"""REST that can hold time which was free."""

PAGES_HOLD_TIME = {
    "POST /resources/<int:resource_id>/book",
    "POST /reservations/<int:reservation_id>/change",
    "POST /reservations/<int:reservation_id>/accept",
    "POST /reservations/<int:reservation_id>/accept-offer",
    "POST /series/<int:series_id>/change",
    "POST /series/<int:series_id>/skipped/<int:skipped_id>/add",
}
"""Pages that can; each goes through the service that REST goes through."""

HOLDS_NONE = {
    "DELETE /reservations/<int:reservation_id>",
    "PATCH /reservations/<int:reservation_id>/let",
    "POST /reservations/<int:reservation_id>/let/deposit",
    "POST /reservations/<int:reservation_id>/let/keys",
    "POST /reservations/<int:reservation_id>/let/notice",
    "POST /reservations/check",
    "POST /reservations/<int:reservation_id>/check",
    "POST /reservations/<int:reservation_id>/cancel",
    "POST /reservations/<int:reservation_id>/check-in",
    "POST /reservations/<int:reservation_id>/decline-offer",
    "POST /reservations/<int:reservation_id>/finish",
    "POST /reservations/<int:reservation_id>/reject",
    "POST /resources/<int:resource_id>/book/check",
    "POST /resources/<int:resource_id>/waiting",
    "POST /resources/<int:resource_id>/waiting/<int:entry_id>/leave",
    "POST /resources/<int:resource_id>/waitlist",
    "DELETE /resources/<int:resource_id>/waitlist",
    "POST /series/<int:series_id>/cancel",
}
"""What gives time back, asks, or stands in line."""


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


RULES_AND_FEEDS = {"api_policies", "routes_policies", "api_closures", "routes_closures", "routes_calendar"}
"""Modules of the package that are about booking rules, closures and calendars, and hold no time."""


def unsafe(app: Flask, *, api: bool) -> set[str]:
    """The unsafe addresses of bookings, series and waiting lists."""
    found = set()
    for rule in app.url_map.iter_rules():
        package, _, module = app.view_functions[rule.endpoint].__module__.rpartition(".")
        if package != "fablab.reservations" or module in RULES_AND_FEEDS or rule.rule.startswith(PREFIX) is not api:
            continue
        path = rule.rule.removeprefix(PREFIX)
        found |= {f"{method} {path}" for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}}
    return found


def test_every_unsafe_address_is_accounted_for(app: Flask) -> None:
    assert HOLDS_TIME <= unsafe(app, api=True) <= HOLDS_TIME | HOLDS_NONE
    assert PAGES_HOLD_TIME <= unsafe(app, api=False) <= PAGES_HOLD_TIME | HOLDS_NONE


class Shop:
    """A laser, Ada, and a manager; what is asked for becomes impossible when the laser is out of service."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.client, self.laser, self.other = client, make.make_machine("Laser"), make.make_machine("Other")
        self.ada, self.manager = make.make_person(), make.make_person(role=Role.MANAGER)
        self.program = Program(app, self.manager)

    def book(self, resource: Resource, person: Person | None = None, hour: int = 0) -> Reservation:
        who, shift = person or self.ada, hour * HOUR
        actor = make.make_actor(who)
        return service.book(actor, who.id, [resource.id], TEN + shift, ELEVEN + shift, Extras(), NOW)

    def request(self) -> Reservation:
        policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(self.laser.id), {"approval": True}, NOW)
        return self.book(self.laser)

    def offer(self) -> Reservation:
        taken = self.book(self.laser, make.make_person())
        path = f"/resources/{self.laser.id}/waitlist"
        wish = {"start": TEN.isoformat(), "end": ELEVEN.isoformat(), "person_id": str(self.ada.id)}
        assert self.program.ask("POST", path, wish).status_code == 201
        service.cancel(STAFF, taken.id, NOW)
        query = select(Reservation).where(Reservation.state == ReservationState.HELD)
        return db.session.scalars(query).one()

    def series(self) -> dict[str, Any]:
        """Two weeks, of which the second is skipped: somebody else has it, and gives it back."""
        week = timedelta(weeks=1)
        make.make_reservation(make.make_person(), [self.laser], TEN + week, ELEVEN + week)
        body = {"resource_id": str(self.laser.id), "start": TEN.isoformat(), "end": ELEVEN.isoformat()}
        made = self.program.ask("POST", "/reservations", body | {"recurrence": "FREQ=WEEKLY;COUNT=2"}).get_json()
        taken = db.session.scalars(select(Reservation).where(Reservation.starts_at == TEN + week)).one()
        service.cancel(STAFF, taken.id, NOW)
        return dict(made)


def held() -> list[tuple[int, Any, Any]]:
    """All that is held, and which entries wait."""
    db.session.rollback()
    rows = db.session.execute(select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at).where(LIVE))
    return sorted((row[0], row[1], row[2]) for row in rows)


def times(hour: int) -> dict[str, str]:
    return {"start": (TEN + hour * HOUR).isoformat(), "end": (ELEVEN + hour * HOUR).isoformat()}


Prepared = Callable[[], Any]


def by_rest(shop: Shop, path: str) -> Prepared:
    """Prepares one address of `HOLDS_TIME` and gives the call that would hold the laser."""
    ask = shop.program.ask
    if path == "POST /reservations":
        return lambda: ask("POST", "/reservations", {"resource_id": str(shop.laser.id), **times(0)})
    if path == "PATCH /reservations/<int:reservation_id>":
        booked = shop.book(shop.other)
        return lambda: ask("PATCH", f"/reservations/{booked.id}", {"resource_ids": [str(shop.laser.id)]})
    if path.endswith("/accept"):
        asked = shop.request()
        return lambda: ask("POST", f"/reservations/{asked.id}/accept")
    if path.endswith("/accept-offer"):
        offered = shop.offer()
        return lambda: ask("POST", f"/reservations/{offered.id}/accept-offer")
    series = shop.series()
    if path.startswith("PATCH /series"):
        first = series["reservations"][0]["id"] if "reservations" in series else series["booked"][0]["id"]
        body = {"reservation_id": first, "scope": "all", **times(2)}
        return lambda: ask("PATCH", f"/series/{series['id']}", body)
    skipped = series["skipped"][0]["id"]
    return lambda: ask("POST", f"/series/{series['id']}/skipped/{skipped}/add")


def by_page(shop: Shop, path: str) -> Prepared:
    """The same for `PAGES_HOLD_TIME`."""
    sign_in(shop.client, shop.manager, NOW)
    if path.endswith("/book"):
        form = {"day": "2026-03-02", "time": "10:00", "minutes": "60"}
        return lambda: post(shop.client, f"/resources/{shop.laser.id}/book", form)
    if path.endswith("/<int:reservation_id>/change"):
        booked = shop.book(shop.laser)
        form = {"day": "2026-03-02", "time": "13:00", "minutes": "60"}
        return lambda: post(shop.client, f"/reservations/{booked.id}/change", form)
    if path.endswith("/accept"):
        asked = shop.request()
        return lambda: post(shop.client, f"/reservations/{asked.id}/accept", page="/reservations/requests")
    if path.endswith("/accept-offer"):
        offered = shop.offer()
        return lambda: post(shop.client, f"/reservations/{offered.id}/accept-offer", page=f"/reservations/{offered.id}")
    series = shop.series()
    page = f"/series/{series['id']}"
    if path.endswith("/series/<int:series_id>/change"):
        first = series["reservations"][0]["id"] if "reservations" in series else series["booked"][0]["id"]
        form = {"reservation": first, "scope": "all", "time": "13:00", "day": "2026-03-02", "minutes": "60"}
        return lambda: post(shop.client, f"{page}/change", form, page=page)
    skipped = series["skipped"][0]["id"]
    return lambda: post(shop.client, f"{page}/skipped/{skipped}/add", page=page)


@pytest.mark.parametrize("path", sorted(HOLDS_TIME))
@pytest.mark.parametrize("allowed", [True, False])
def test_rest_asks_the_rules(app: Flask, client: FlaskClient, path: str, allowed: bool) -> None:
    _judged(Shop(app, client), by_rest, path, allowed)


@pytest.mark.parametrize("path", sorted(PAGES_HOLD_TIME))
@pytest.mark.parametrize("allowed", [True, False])
def test_pages_ask_the_rules(app: Flask, client: FlaskClient, path: str, allowed: bool) -> None:
    _judged(Shop(app, client), by_page, path, allowed)


def _judged(shop: Shop, prepare: Callable[[Shop, str], Prepared], path: str, allowed: bool) -> None:
    act = prepare(shop, path)
    if not allowed:
        take_out_of_service(STAFF, shop.laser.id, "the lens is broken", NOW)
    before, offers = held(), db.session.scalars(select(WaitingEntry.state)).all()
    answer = act()
    assert answer.status_code < 500
    states = db.session.scalars(select(Reservation.state)).all()
    if path.endswith("/accept-offer"):
        assert (ReservationState.BOOKED in states) is allowed
        assert (db.session.scalars(select(WaitingEntry.state)).all() == offers) is not allowed
    else:
        assert (held() != before) is allowed
