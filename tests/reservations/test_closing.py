"""Closing where people have booked: who is hit, who is told, what is cancelled; over REST too."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import Denied, Invalid
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import closing, service, waiting
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.wishes import Extras
from fablab.resources.closures import Closing
from fablab.resources.models import Closure, OpeningException, Resource
from tests import factories as make
from tests.api_helpers import Program
from tests.conftest import CountQueries
from tests.factories import NOW

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def boss() -> Actor:
    return make.make_actor(make.make_person(role=Role.MANAGER))


def span(resource: Resource | None, begin: int, end: int) -> closing.Span:
    """A time from `begin` to `end` hours from now."""
    ident = None if resource is None else resource.id
    return closing.Span("test", ident, NOW + begin * HOUR, NOW + end * HOUR, {"en": "Works"})


def booked(resource: Resource, begin: int, end: int, person: Person | None = None, **over: object) -> Reservation:
    who = person or make.make_person()
    return make.make_reservation(who, [resource], NOW + begin * HOUR, NOW + end * HOUR, **over)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("begin", "end", "hit"), [(1, 2, []), (2, 3, ["in"]), (0, 9, ["in", "later"]), (3, 4, []), (4, 9, ["later"])]
)
def test_who_is_hit(begin: int, end: int, hit: list[str]) -> None:
    laser, saw = make.make_machine("Laser"), make.make_machine("Saw")
    booked(laser, 2, 3, note="in")
    booked(laser, 4, 12, note="later")
    booked(saw, 2, 3, note="elsewhere")
    cancelled = booked(laser, 0, 2, note="cancelled", state=ReservationState.CANCELLED, allocations=[])
    make.save(
        Allocation(reservation_id=cancelled.id, resource_id=laser.id, starts_at=NOW, ends_at=NOW + 2 * HOUR, live=False)
    )
    assert [one.note for one in closing.hit_by(span(laser, begin, end), NOW)] == hit


@pytest.mark.usefixtures("app")
def test_what_is_over_is_not_hit_and_the_whole_lab_is_everything() -> None:
    laser, saw = make.make_machine("Laser"), make.make_machine("Saw")
    booked(laser, -3, -1)
    running, coming = booked(laser, -1, 1), booked(saw, 2, 3)
    assert {one.id for one in closing.hit_by(span(None, -9, 9), NOW)} == {running.id, coming.id}


def test_the_list_costs_the_same_for_one_and_for_many(app: Flask, count_queries: CountQueries) -> None:
    laser = make.make_machine()
    booked(laser, 0, 1)
    closing.hit_by(span(laser, 0, 50), NOW)
    db.session.rollback()
    count_queries()
    for one in closing.hit_by(span(laser, 0, 50), NOW):
        _shown = one.person.name, [held.resource.name for held in one.allocations]
    few = count_queries()
    for number in range(1, 12):
        booked(make.make_machine(), number, number + 1)
        booked(laser, number, number + 1)
    db.session.rollback()
    count_queries()
    for one in closing.hit_by(span(laser, 0, 50), NOW):
        _shown = one.person.name, [held.resource.name for held in one.allocations]
    assert count_queries() <= few


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("cancel", [False, True])
def test_all_who_are_hit_are_told_once(cancel: bool) -> None:
    laser, other = make.make_machine("Laser"), make.make_machine("Saw")
    ada, bob, carl = make.make_person(), make.make_person(language="fr"), make.make_person()
    hit = [booked(laser, 2, 3, ada), booked(laser, 4, 5, bob)]
    booked(other, 2, 3, carl)
    wanted = Closing(laser.id, NOW + HOUR, NOW + 9 * HOUR, make.texts("Works"))
    _closure, count = closing.close(boss(), wanted, NOW, cancel=cancel)
    assert count == 2
    db.session.expire_all()
    state = ReservationState.CANCELLED if cancel else ReservationState.BOOKED
    assert [one.state for one in hit] == [state, state]
    assert [one.end_reason for one in hit] == (["Works", "Works (fr)"] if cancel else ["", ""])
    message = "reservation_cancelled" if cancel else "reservation_in_closure"
    told = db.session.execute(select(Notice.person_id, Notice.message)).all()
    assert sorted(told) == [(ada.id, message), (bob.id, message)]


@pytest.mark.usefixtures("app")
def test_a_closure_that_is_refused_tells_nobody() -> None:
    laser = make.make_machine()
    booked(laser, 2, 3)
    with pytest.raises(Invalid):
        closing.close(boss(), Closing(laser.id, NOW + HOUR, NOW + 9 * HOUR, {}), NOW, cancel=True)
    assert db.session.scalars(select(Notice)).all() == []
    assert db.session.scalars(select(Closure)).all() == []


@pytest.mark.usefixtures("app")
def test_holidays_deal_with_bookings_as_closures_do() -> None:
    laser = make.make_machine()
    hit = booked(laser, 24, 25)
    day = (NOW + DAY).date()
    made, count = closing.close_days(boss(), {day: {"en": "Holiday"}, day - DAY * 30: {"en": "Past"}}, NOW)
    assert (len(made), count) == (2, 1)
    again, none = closing.close_days(boss(), {day: {"en": "Holiday"}}, NOW, cancel=True)
    assert (again, none) == ([], 0)
    db.session.expire_all()
    assert hit.state == "booked"
    _day, count = closing.set_day(boss(), laser.id, day, [], {"en": "Repair"}, NOW, cancel=True)
    assert count == 1
    db.session.expire_all()
    assert hit.state == "cancelled"


def waits(resource: Resource, begin: int, end: int) -> Person:
    """Somebody who waits for this time."""
    person = make.make_person()
    times = NOW + begin * HOUR, NOW + end * HOUR
    waiting.join(make.make_actor(person), person.id, resource.id, *times, (end - begin) * 60, NOW)
    return person


def offers() -> list[int]:
    """Whom something is offered to."""
    held = select(Reservation.person_id).where(Reservation.state == ReservationState.HELD)
    return list(db.session.scalars(held.order_by(Reservation.id)))


@pytest.mark.usefixtures("app")
def test_what_a_closure_frees_is_offered_only_once_it_is_over() -> None:
    laser, manager = make.make_machine(), boss()
    booked(laser, 2, 3)
    waiting_one = waits(laser, 2, 3)
    wanted = Closing(laser.id, NOW + HOUR, NOW + 9 * HOUR, make.texts("Works"))
    made, count = closing.close(manager, wanted, NOW, cancel=True)
    assert (count, offers()) == (1, []), "nobody is offered a time that is closed"
    closing.reopen(manager, made.id, NOW)
    assert offers() == [waiting_one.id]


@pytest.mark.usefixtures("app")
def test_a_day_that_gets_its_hours_back_is_offered() -> None:
    laser, manager = make.make_machine(), boss()
    booked(laser, 2, 3)
    waiting_one = waits(laser, 2, 3)
    day, _count = closing.set_day(manager, laser.id, NOW.date(), [], {"en": "Repair"}, NOW, cancel=True)
    assert offers() == []
    closing.usual_day(manager, day.id, NOW)
    assert offers() == [waiting_one.id]


@pytest.mark.usefixtures("app")
def test_a_closure_made_longer_tells_only_those_it_hits_anew() -> None:
    laser, manager = make.make_machine(), boss()
    first, second = booked(laser, 2, 3), booked(laser, 4, 5)
    made, _count = closing.close(manager, Closing(laser.id, NOW + HOUR, NOW + 3 * HOUR, make.texts("Works")), NOW)
    closing.change(manager, made.id, {"ends_at": NOW + 6 * HOUR}, NOW)
    told = db.session.scalars(select(Notice.person_id).order_by(Notice.id)).all()
    assert told == [first.person_id, second.person_id]


@pytest.mark.usefixtures("app")
def test_cancelling_needs_a_reason() -> None:
    with pytest.raises(Invalid):
        closing.set_day(boss(), None, NOW.date(), [], {}, NOW, cancel=True)


def test_closing_and_booking_at_the_same_moment_never_wait_in_a_ring(app: Flask) -> None:
    machines, manager = [make.make_machine(str(number)) for number in range(3)], boss()
    person = make.make_person()
    ids, actor, failures = [one.id for one in machines], make.make_actor(person), list[BaseException]()

    def work(act: Callable[[int], None]) -> None:
        with app.app_context():
            try:
                for number in range(12):
                    act(number)
            except (OperationalError, AssertionError) as error:
                failures.append(error)
            finally:
                db.session.remove()

    def book(number: int) -> None:
        with suppress(Denied):
            service.book(
                actor, actor.person_id or 0, ids, NOW + number * HOUR, NOW + (number + 1) * HOUR, Extras(), NOW
            )

    def close(_number: int) -> None:
        wanted = Closing(ids[1], NOW, NOW + 12 * HOUR, {"en": "Works"})
        made, _count = closing.close(manager, wanted, NOW, cancel=True)
        closing.reopen(manager, made.id, NOW)

    threads = [Thread(target=work, args=(act,)) for act in (book, close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert not [thread for thread in threads if thread.is_alive()]


# -- REST -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(app: Flask) -> Program:
    """A manager's program."""
    return Program(app, make.make_person(role=Role.MANAGER))


def test_closures_over_rest(app: Flask, program: Program) -> None:
    laser = make.make_machine()
    body = {
        "resource_id": str(laser.id),
        "start": "2126-08-03T00:00:00+02:00",
        "end": "2126-08-17T00:00:00+02:00",
        "reason": {"en": "Works", "fr": "Travaux"},
        "danger": True,
    }
    soon = body | {"start": "2027-08-03T00:00:00+02:00", "end": "2027-08-17T00:00:00+02:00"}
    assert [one["field"] for one in program.ask("POST", "/closures", body).get_json()["errors"]] == ["end"]
    made = program.ask("POST", "/closures", soon)
    assert made.status_code == 201
    shown = made.get_json()
    assert (shown["resource_id"], shown["start"], shown["reservations_hit"]) == (
        str(laser.id),
        "2027-08-02T22:00:00Z",
        0,
    )
    path = f"/closures/{shown['id']}"
    changed = program.ask("PATCH", path, {"danger": False, "reason": "Fini"}).get_json()
    assert (changed["danger"], changed["reasons"], changed["end"]) == (False, {"fr": "Fini"}, "2027-08-16T22:00:00Z")
    assert len(program.get(f"/closures?resource_id={laser.id}").get_json()["items"]) == 1
    assert program.get("/closures?from=2028-01-01T00:00:00Z").get_json()["items"] == []
    assert program.get("/closures?from=2026").status_code == 422
    assert program.ask("DELETE", path).status_code == 204
    assert program.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"day": "2027-02-30"}, "day"),
        ({"day": 5}, "day"),
        ({"day": "2027-02-03", "hours": ["x"]}, "hours"),
        ({"day": "2027-02-03", "reason": {"xx": "y"}}, "reason"),
        ({"day": "2027-02-03", "resource_id": "99"}, "resource_id"),
        ({"day": "2027-02-03", "open": True}, "open"),
    ],
)
def test_a_day_that_makes_no_sense_over_rest(program: Program, body: dict[str, object], field: str) -> None:
    answer = program.ask("POST", "/opening-exceptions", body)
    assert answer.status_code == 422
    assert [one["field"].partition(".")[0] for one in answer.get_json()["errors"]][0] == field


def test_days_and_holidays_over_rest(program: Program) -> None:
    body = {"day": "2027-12-24", "hours": ["09:00-12:30"], "reason": "Noël"}
    made = program.ask("POST", "/opening-exceptions", body).get_json()
    assert (made["day"], made["hours"], made["reasons"]) == ("2027-12-24", ["09:00-12:30"], {"fr": "Noël"})
    wanted = {"country": "FR", "region": "57", "year": 2027}
    found = program.ask("POST", "/opening-exceptions/holidays", wanted).get_json()
    assert len(found["items"]) == 13
    assert program.ask("POST", "/opening-exceptions/holidays", wanted).get_json()["items"] == []
    assert program.ask("POST", "/opening-exceptions/holidays", wanted | {"country": "XX"}).status_code == 422
    listed = program.get("/opening-exceptions?from=2027-12-20&limit=500").get_json()["items"]
    assert [one["day"] for one in listed] == ["2027-12-24", "2027-12-25", "2027-12-26"]
    assert program.ask("DELETE", f"/opening-exceptions/{made['id']}").status_code == 204
    assert len(db.session.scalars(select(OpeningException)).all()) == 13


def test_booking_rules_over_rest(app: Flask, program: Program) -> None:
    laser, maker = make.make_machine(), Program(app, make.make_person())
    path = f"/booking-rules/resource/{laser.id}"
    window = {"days": ["sunday"], "from": "00:00", "until": "24:00"}
    rules = {"max_minutes": 120, "max_future_count": None, "quiet_hours": [window]}
    kept = program.ask("PATCH", path, {"rules": rules}).get_json()["rules"]
    assert kept == rules | {"quiet_hours": [window | {"until": "00:00"}]}
    assert maker.get(path).get_json() == {"level": "resource", "target": str(laser.id), "rules": kept}
    assert maker.ask("PATCH", path, {"rules": rules}).status_code == 403
    counted = maker.get(f"/resources/{laser.id}/booking-rules").get_json()["rules"]
    assert counted["max_minutes"] == {"value": 120, "origin": "resource"}
    assert counted["step_minutes"] == {"value": 15, "origin": "config"}
    assert len(maker.get("/booking-rules").get_json()["items"]) == 1
    assert maker.get("/booking-rules?level=kind").get_json()["items"] == []
    wrong = program.ask("PATCH", path, {"rules": {"max_minutes": 1, "speed": 2}})
    assert (wrong.status_code, [one["field"] for one in wrong.get_json()["errors"]]) == (422, ["speed"])
    assert program.ask("PATCH", path, {"reset": ["max_minutes"]}).get_json()["rules"].keys() == kept.keys() - {
        "max_minutes"
    }
    assert program.ask("DELETE", path).status_code == 204
    assert maker.get("/booking-rules").get_json()["items"] == []
    assert program.get("/booking-rules/nothing/1").status_code == 404


@pytest.mark.parametrize("path", ["/resource-groups", "/membership-plans"])
def test_groups_and_plans_over_rest(app: Flask, program: Program, path: str) -> None:
    made = program.ask("POST", path, {"name": {"en": "Students", "fr": "Étudiants"}}).get_json()
    assert made["names"] == {"en": "Students", "fr": "Étudiants"}
    here = f"{path}/{made['id']}"
    assert program.ask("PATCH", here, {"name": "Élèves"}).get_json()["names"] == {"fr": "Élèves"}
    assert [one["id"] for one in program.get(path).get_json()["items"]] == [made["id"]]
    wrong: list[object] = ["", {}, {"xx": "y"}, "x" * 101, None]
    for name in wrong:
        assert program.ask("POST", path, {"name": name}).status_code == 422
    if path == "/resource-groups":
        laser = make.make_machine()
        used = program.ask("PATCH", f"/resources/{laser.id}", {"group_id": made["id"]})
        freed = ("PATCH", f"/resources/{laser.id}", {"group_id": None})
    else:
        person = make.make_person()
        used = program.ask("PATCH", f"/people/{person.id}", {"plan_id": made["id"]})
        freed = ("PATCH", f"/people/{person.id}", {"plan_id": None})
    assert made["id"] in (used.get_json().get("group_id"), used.get_json().get("plan_id"))
    assert program.ask("DELETE", here).status_code == 409
    assert program.ask(*freed).status_code == 200
    assert program.ask("DELETE", here).status_code == 204
    assert program.get(here).status_code == 404
