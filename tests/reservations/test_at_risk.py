"""Bookings whose certification is missing are marked and told; on both databases, late and twice."""

import pytest
from flask import Flask

from fablab.certifications import clocks, requirements, suspending
from fablab.certifications.models import Certification
from fablab.certifications.rules import Every, Held
from fablab.core import audit, outbox
from fablab.core.db import db, transaction
from fablab.reservations import at_risk
from fablab.reservations.models import ReservationState
from fablab.resources import service as resources
from fablab.resources.models import Kind, Resource, ResourceGroup
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.reservations.risk_lab import DAY, GRACE, HOUR, STAFF, TEN, Lab, found, kinds, marked, told

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def lab(app: Flask) -> Lab:
    return Lab()


def test_a_withdrawn_certification_puts_what_is_to_come_at_risk(lab: Lab) -> None:
    first, second, other = lab.book(1), lab.book(5), lab.book(2, [make.make_machine()])
    lab.revoke()
    assert [at_risk.judge(NOW + HOUR), at_risk.judge(NOW + HOUR), at_risk.judge(NOW + DAY)] == [2, 0, 0]
    assert marked(first, second, other) == [True, True, False]
    assert found(first).at_risk_since == NOW + HOUR
    assert found(first).state is ReservationState.BOOKED
    assert kinds() == ["reservation.at_risk"] * 2
    entry = audit.history("reservation", str(first))[0]
    assert (entry.action, entry.via) == ("reservation.at_risk", "job")
    assert (entry.after or {})["certification_ids"] == [str(lab.basics.id)]


def test_the_person_and_the_managers_are_told_once_of_all(lab: Lab) -> None:
    first, second = lab.book(1), lab.book(5)
    lab.revoke()
    at_risk.judge(NOW + HOUR)
    [(receiver, said)] = told("reservations_at_risk")
    assert receiver == lab.ada.id
    assert [one["reservation_id"] for one in said["risks"]] == [first, second]
    assert [one["release_at"] for one in said["risks"]] == [
        (TEN + DAY).isoformat().replace("+00:00", "Z"),
        (NOW + HOUR + GRACE).isoformat().replace("+00:00", "Z"),
    ]
    assert said["certifications"] == [lab.basics.name]
    [(receiver, said)] = told("reservations_at_risk_of")
    assert (receiver, said["person"], len(said["risks"])) == (lab.manager.id, "Ada", 2)


def test_what_has_begun_or_is_over_stays(lab: Lab) -> None:
    over, running = lab.book(-1), lab.book(0)
    lab.revoke()
    assert at_risk.judge(TEN) == 0
    assert marked(over, running) == [False, False]


def test_a_period_that_passes_puts_it_at_risk(lab: Lab) -> None:
    ident = lab.book(10)
    with transaction():
        db.session.merge(lab.grant).valid_until = NOW + 5 * DAY
    assert clocks.note_ends(NOW + 5 * DAY) == 1
    assert at_risk.judge(NOW + 5 * DAY) == 1
    assert marked(ident) == [True]


def test_who_holds_it_otherwise_is_not_at_risk(lab: Lab) -> None:
    ident = lab.book(10)
    make.make_grant(lab.ada, lab.basics)
    lab.revoke()
    assert at_risk.judge(NOW) == 0
    assert marked(ident) == [False]


def test_it_is_at_risk_where_the_other_grant_ends_before_it_begins(lab: Lab) -> None:
    soon, late = lab.book(1), lab.book(10)
    make.make_grant(lab.ada, lab.basics, valid_until=NOW + 5 * DAY)
    lab.revoke()
    assert at_risk.judge(NOW) == 1
    assert marked(soon, late) == [False, True]


def test_what_is_held_back_is_at_risk_until_it_counts_again(lab: Lab) -> None:
    ident = lab.book(3)
    held = suspending.suspend(STAFF, lab.basics.id, lab.ada.id, "a talk", NOW)
    assert at_risk.judge(NOW) == 1
    suspending.lift(STAFF, held.id, "", NOW + HOUR)
    assert at_risk.judge(NOW + HOUR) == 1
    assert marked(ident) == [False]
    assert found(ident).at_risk_since is None
    [(receiver, said)] = told("reservations_safe")
    assert (receiver, [one["reservation_id"] for one in said["risks"]]) == (lab.ada.id, [ident])


def test_another_requirement_puts_everybody_without_it_at_risk(lab: Lab) -> None:
    drill, safety = make.make_machine("Drill"), make.make_certification("Safety")
    eve = make.make_person()
    make.make_grant(eve, safety)
    mine, hers = lab.book(1, [drill]), lab.book(2, [drill], eve)
    requirements.require(STAFF, Resource, drill.id, Every((Held(safety.id),)), NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(mine, hers) == [True, False]
    requirements.require(STAFF, Resource, drill.id, Every(), NOW + HOUR)
    assert at_risk.judge(NOW + HOUR) == 1
    assert marked(mine) == [False]


def test_the_requirement_of_a_group_counts_too(lab: Lab) -> None:
    group = make.save(ResourceGroup(name=make.texts("Saws")))
    saw = make.make_machine("Saw", group_id=group.id)
    ident = lab.book(1, [saw])
    safety = make.make_certification("Safety")
    requirements.require(STAFF, ResourceGroup, group.id, Every((Held(safety.id),)), NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_a_machine_that_moves_to_another_group_asks_for_what_that_asks_for(lab: Lab) -> None:
    group, safety = make.save(ResourceGroup(name=make.texts("Saws"))), make.make_certification("Safety")
    requirements.require(STAFF, ResourceGroup, group.id, Every((Held(safety.id),)), NOW)
    saw = make.make_machine("Saw")
    ident = lab.book(1, [saw])
    resources.change(make.make_actor(lab.manager), saw.id, {"group_id": group.id}, NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_everybody_is_looked_at_where_the_row_names_nobody(lab: Lab) -> None:
    ident = lab.book(1)
    with transaction():
        db.session.delete(db.session.merge(lab.grant))
        outbox.put(at_risk.KIND, "all", {"person_id": None, "resource_id": None}, NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_what_a_whole_room_holds_along_is_not_asked_for(lab: Lab) -> None:
    place = make.make_place()
    hall = make.make_machine("Hall", kind=Kind.ROOM, place_id=place.id)
    saw = make.make_machine("Saw", place_id=place.id)
    make.require_certification(saw, make.make_certification("Saws"))
    begin = TEN + DAY
    ident = make.make_reservation(lab.ada, [hall, saw], begin, begin + HOUR, exclusive=True).id
    with transaction():
        outbox.put(at_risk.KIND, "all", {}, NOW)
    assert at_risk.judge(NOW) == 0
    assert marked(ident) == [False]


def test_requests_and_offers_are_judged_when_they_are_accepted(lab: Lab) -> None:
    for state in (ReservationState.REQUESTED, ReservationState.HELD):
        begin = TEN + DAY
        machine = make.make_machine()
        make.require_certification(machine, lab.basics)
        make.make_reservation(lab.ada, [machine], begin, begin + HOUR, state=state)
    lab.revoke()
    assert at_risk.judge(NOW) == 0


def test_the_questions_are_as_many_for_many_bookings_as_for_few(lab: Lab, count_queries: CountQueries) -> None:
    counts: list[int] = []
    for size in (2, 40):
        for number in range(size):
            lab.book(1 + number + 50 * len(counts))
        with transaction():
            outbox.put(at_risk.KIND, "all", {}, NOW)
        count_queries()
        assert at_risk.judge(NOW) == 0
        counts.append(count_queries())
    assert counts[1] <= counts[0]


def test_a_certification_that_is_required_in_two_places_is_named_once(lab: Lab) -> None:
    both: list[Certification] = [lab.basics, make.make_certification("Safety")]
    saw = make.make_machine("Saw")
    for one in both:
        make.require_certification(saw, one)
    make.make_grant(lab.ada, both[1], valid_until=NOW + HOUR)
    ident = lab.book(1, [lab.laser, saw])
    lab.revoke()
    at_risk.judge(NOW)
    names = [one.params["certification_name"]["en"] for one in at_risk.reasons([found(ident)])[ident]]
    assert names == ["Laser basics", "Safety"]
