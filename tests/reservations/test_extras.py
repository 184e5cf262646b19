"""What a booking may say beside who, what and when: whole rooms, people, lets, lateness, other resources."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid
from fablab.people.models import Person
from fablab.reservations import policies, presence, requests, service, showing
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, Let, PolicyLevel, Reservation, ReservationState
from fablab.reservations.wishes import Extras, LetTerms
from fablab.resources.models import Kind, OpeningRule, Resource
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
TEN, TWELVE = NOW + HOUR, NOW + 3 * HOUR
STAFF = system("cli")


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person()


@pytest.fixture
def lab(app: Flask) -> dict[str, Resource]:
    """A hall with a laser in it and a saw in its side room, and a mill elsewhere."""
    hall, elsewhere = make.make_place("Hall"), make.make_place("Yard")
    side = make.make_place("Side room", parent_id=hall.id)
    return {
        "hall": make.make_machine("Hall", kind=Kind.ROOM, place_id=hall.id),
        "laser": make.make_machine("Laser", place_id=hall.id),
        "saw": make.make_machine("Saw", place_id=side.id),
        "mill": make.make_machine("Mill", place_id=elsewhere.id),
    }


def book(person: Person, resources: Sequence[Resource], extras: Extras | None = None, hour: int = 0) -> Reservation:
    ids, shift = [one.id for one in resources], hour * HOUR
    actor = make.make_actor(person)
    return service.book(actor, person.id, ids, TEN + shift, TWELVE + shift, extras or Extras(), NOW)


def held(resource: Resource) -> int:
    db.session.rollback()
    return len(db.session.scalars(select(Allocation.id).where(Allocation.resource_id == resource.id, LIVE)).all())


def fresh(reservation: Reservation) -> Reservation:
    return db.session.get_one(Reservation, reservation.id, populate_existing=True)


def codes(refused: pytest.ExceptionInfo[Denied]) -> list[str]:
    return [denial.code for denial in refused.value.denials]


def test_a_whole_room_holds_what_is_in_it_and_nothing_else(ada: Person, lab: dict[str, Resource]) -> None:
    made = book(ada, [lab["hall"]], Extras(exclusive=True))
    assert [held(lab[name]) for name in ("hall", "laser", "saw", "mill")] == [1, 1, 1, 0]
    for name in ("laser", "saw"):
        with pytest.raises(Denied) as refused:
            book(make.make_person(), [lab[name]])
        assert codes(refused) == ["slot_taken"]
    book(make.make_person(), [lab["mill"]])
    service.cancel(make.make_actor(ada), made.id, NOW)
    assert [held(lab[name]) for name in ("hall", "laser", "saw")] == [0, 0, 0]


@pytest.mark.parametrize("taken", ["laser", "saw", "hall"])
def test_a_room_is_not_had_whole_while_something_in_it_is_held(
    ada: Person, lab: dict[str, Resource], taken: str
) -> None:
    book(make.make_person(), [lab[taken]])
    with pytest.raises(Denied) as refused:
        book(ada, [lab["hall"]], Extras(exclusive=True))
    assert set(codes(refused)) == {"slot_taken"}
    assert [held(lab[name]) for name in ("hall", "laser", "saw")].count(1) == 1


def test_a_room_shared_leaves_its_machines_to_others(ada: Person, lab: dict[str, Resource]) -> None:
    book(ada, [lab["hall"]])
    book(make.make_person(), [lab["laser"]])
    with pytest.raises(Invalid):
        book(ada, [lab["mill"]], Extras(exclusive=True))


def test_several_are_booked_all_or_none(ada: Person, lab: dict[str, Resource]) -> None:
    book(make.make_person(), [lab["saw"]])
    with pytest.raises(Denied):
        book(ada, [lab["laser"], lab["saw"], lab["mill"]])
    assert [held(lab[name]) for name in ("laser", "mill")] == [0, 0]
    book(ada, [lab["laser"], lab["mill"]])
    assert [held(lab[name]) for name in ("laser", "mill")] == [1, 1]


def test_a_booking_moves_to_another_resource(ada: Person, lab: dict[str, Resource]) -> None:
    made = book(ada, [lab["laser"]])
    book(make.make_person(), [lab["saw"]])
    actor = make.make_actor(ada)
    with pytest.raises(Denied):
        service.change(actor, made.id, NOW, resource_ids=[lab["saw"].id])
    assert held(lab["laser"]) == 1
    service.change(actor, made.id, NOW, resource_ids=[lab["mill"].id])
    assert [held(lab["laser"]), held(lab["mill"])] == [0, 1]


@pytest.mark.parametrize(
    ("hours", "who", "reason", "late"),
    [
        (0, "own", "", False),
        (1, "own", "", False),
        (2, "own", "", True),
        (2, "own", "ill", True),
        (2, "staff", "", True),
        (2, "staff", "the machine broke", False),
    ],
)
def test_late_cancellations_are_counted(
    ada: Person, lab: dict[str, Resource], hours: int, who: str, reason: str, late: bool
) -> None:
    policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(lab["laser"].id), {"cancel_hours": hours}, NOW)
    made = book(ada, [lab["laser"]])
    actor = make.make_actor(ada if who == "own" else make.make_person(role=Role.INSTRUCTOR))
    service.cancel(actor, made.id, NOW, reason)
    assert db.session.get_one(Reservation, made.id, populate_existing=True).late_cancelled is late


def test_staff_let_an_office_for_months_with_keys_and_deposit(ada: Person, lab: dict[str, Resource]) -> None:
    office = make.make_machine("Office", kind=Kind.OFFICE, opening=OpeningRule.ALWAYS)
    rules: dict[str, Any] = {"max_minutes": 365 * 1440, "horizon_days": 366}
    policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(office.id), rules, NOW)
    terms = Extras(let=LetTerms("key 12", 40_000, 30), on_behalf_reason="contract 7")
    end = TEN + timedelta(days=90)
    with pytest.raises(Forbidden):
        service.book(make.make_actor(ada), ada.id, [office.id], TEN, end, terms, NOW)
    staff = make.make_actor(make.make_person(role=Role.MANAGER))
    made = service.book(staff, ada.id, [office.id], TEN, end, terms, NOW)
    assert made.let is not None
    assert (made.let.keys, made.let.deposit, made.let.notice_days) == ("key 12", 40_000, 30)
    assert made.on_behalf_reason == "contract 7"
    with pytest.raises(Denied) as refused:
        service.book(staff, ada.id, [office.id], TEN + timedelta(days=40), end, Extras(), NOW)
    assert "slot_taken" in codes(refused)


def test_a_machine_named_beside_its_whole_room_is_held_along(ada: Person, lab: dict[str, Resource]) -> None:
    made = book(ada, [lab["laser"], lab["hall"]], Extras(exclusive=True))
    assert [one.resource_id for one in made.allocations] == [lab[name].id for name in ("hall", "laser", "saw")]
    moved = service.change(make.make_actor(ada), made.id, NOW, starts_at=TEN + HOUR, ends_at=TWELVE + HOUR)
    assert [one.resource_id for one in moved.allocations] == [lab[name].id for name in ("hall", "laser", "saw")]


@pytest.mark.parametrize(
    ("came", "at", "starts", "ends", "allowed"),
    [
        (False, NOW, HOUR, HOUR, True),
        (False, TEN, HOUR, HOUR, False),
        (True, TEN - HOUR / 4, timedelta(1), timedelta(1), False),
        (True, TEN + HOUR, timedelta(0), HOUR, True),
        (True, TEN + HOUR, timedelta(0), -HOUR / 2, True),
    ],
    ids=["before", "begun", "checked in", "longer", "shorter"],
)
def test_what_has_begun_keeps_its_start(
    ada: Person, lab: dict[str, Resource], came: bool, at: datetime, starts: timedelta, ends: timedelta, allowed: bool
) -> None:
    made, actor = book(ada, [lab["laser"]]), make.make_actor(ada)
    if came:
        presence.arrived(made.id, TEN - HOUR / 4, ArrivedBy.PAGE, actor)

    def act() -> Reservation:
        return service.change(actor, made.id, at, starts_at=TEN + starts, ends_at=TWELVE + ends)

    if allowed:
        assert act().ends_at == TWELVE + ends
        return
    with pytest.raises(Conflict):
        act()


def test_what_was_used_is_finished_and_not_cancelled(ada: Person, lab: dict[str, Resource]) -> None:
    made, actor = book(ada, [lab["laser"]]), make.make_actor(ada)
    presence.arrived(made.id, TEN, ArrivedBy.USAGE, STAFF)
    with pytest.raises(Conflict):
        service.cancel(actor, made.id, TEN + HOUR)
    assert showing.acts(actor, fresh(made), TEN + HOUR) == {showing.Act.CHANGE, showing.Act.FINISH}
    service.cancel(STAFF, made.id, TEN + HOUR, "booked by mistake")


def test_a_tenant_gives_notice_and_the_staff_changes_a_let(ada: Person, lab: dict[str, Resource]) -> None:
    made, actor = book(ada, [lab["mill"]]), make.make_actor(ada)
    make.save(Let(reservation_id=made.id, notice_days=30))
    db.session.expire_all()
    acts: list[Callable[[], Any]] = [
        lambda: service.change(actor, made.id, NOW, ends_at=TWELVE + HOUR),
        lambda: service.change(actor, made.id, NOW, resource_ids=[lab["saw"].id]),
        lambda: service.cancel(actor, made.id, TEN + HOUR),
        lambda: presence.finish(actor, made.id, TEN + HOUR),
    ]
    for act in acts:
        with pytest.raises(Conflict):
            act()
    assert service.change(actor, made.id, NOW, note="the window sticks").note == "the window sticks"
    assert service.change(STAFF, made.id, NOW, ends_at=TWELVE + HOUR).ends_at == TWELVE + HOUR
    assert presence.finish_past(TWELVE + 2 * HOUR) == 1


def test_more_people_than_were_approved_are_a_request_again(ada: Person, lab: dict[str, Resource]) -> None:
    policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(lab["hall"].id), {"approval": True}, NOW)
    made, actor = book(ada, [lab["hall"]], Extras(party_size=4)), make.make_actor(ada)
    requests.accept(STAFF, made.id, NOW)
    assert service.change(actor, made.id, NOW, party_size=3).state is ReservationState.BOOKED
    assert service.change(actor, made.id, NOW, party_size=40).state is ReservationState.REQUESTED
    assert held(lab["hall"]) == 0
