"""The interlock's decisions with the database: who may, what is written down, what ends."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.certifications import suspending
from fablab.certifications.models import Certification
from fablab.certifications.rules import Level
from fablab.core import badges, events
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.core.errors import NotFound
from fablab.devices.models import Device
from fablab.interlock import alarms, gather, service
from fablab.interlock.models import AccessDecision
from fablab.people.models import Badge, Person
from fablab.reservations.models import Allocation, ArrivedBy, Companion, Reservation
from fablab.resources.models import Closure, OpeningException, OpeningRule, Resource
from tests.conftest import CountQueries
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_device,
    make_grant,
    make_machine,
    make_person,
    make_reservation,
    require_certification,
    save,
)

UID = "04A2246AB15C80"


class Lab:
    """A laser that asks for a certification, Ada who holds it, and her badge."""

    def __init__(self) -> None:
        self.ada: Person = make_person(name="Ada Lovelace")
        self.laser: Resource = make_machine("Laser")
        certification = make_certification()
        require_certification(self.laser, certification)
        self.grant = make_grant(self.ada, certification)
        save(Badge(person_id=self.ada.id, uid_hash=badges.uid_hash(UID), issued_at=NOW))
        self.device: Device = make_device(self.laser, dialect="fablab_v1", base="fablab/v1/lab1/laser-1")

    def tap(self, number: int, seconds: float = 0, **over: object) -> service.Answer:
        values = {
            "device_id": self.device.id,
            "resource_id": self.laser.id,
            "at": NOW + timedelta(seconds=seconds),
            "rid": f"1-aa:{number}",
            "boot": "1-aa",
            "uid": UID,
        }
        return service.badge_in(service.Tap(**values | over))  # type: ignore[arg-type]  # overrides of any field


@pytest.fixture
def lab(app: Flask) -> Lab:
    return Lab()


def codes(lab: Lab) -> list[str]:
    return [denial.code for denial in service.check_access(lab.ada.id, lab.laser.id, NOW)]


def test_the_question_of_the_api_is_the_decision_of_the_reader(lab: Lab) -> None:
    assert codes(lab) == []
    assert lab.tap(1).granted


def test_unknown_person_or_resource_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        service.check_access(999, lab.laser.id, NOW)
    with pytest.raises(NotFound):
        service.check_access(lab.ada.id, 999, NOW)


def test_a_machine_that_somebody_else_has_booked_is_not_opened(lab: Lab) -> None:
    other = make_person()
    make_reservation(other, [lab.laser], NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert codes(lab) == ["reserved_by_other"]
    make_reservation(lab.ada, [lab.laser], NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    later = service.check_access(lab.ada.id, lab.laser.id, NOW + timedelta(hours=1))
    assert later == []


def test_a_decision_is_written_down_with_all_reasons(lab: Lab) -> None:
    with transaction() as session:
        session.merge(lab.grant).revoked_at = NOW
        session.get_one(Person, lab.ada.id).active = False
    answer = lab.tap(1)
    assert (answer.granted, answer.code) == (False, "person_disabled")
    row = db.session.scalars(select(AccessDecision)).one()
    assert [one["code"] for one in row.denials] == ["person_disabled", "certification_revoked"]
    assert [event.kind for event in events.since(0)] == ["access.denied"]


def test_the_same_request_within_a_minute_is_the_same_answer_later_it_is_stale(lab: Lab) -> None:
    first = lab.tap(1)
    assert lab.tap(1, 59) == first
    assert lab.tap(1, 61).code == service.STALE
    assert len(db.session.scalars(select(AccessDecision)).all()) == 1


def test_a_request_that_was_used_up_opens_nothing_again(lab: Lab) -> None:
    assert lab.tap(1).act == "start"
    assert lab.tap(2, 10).act == "end"
    repeated = lab.tap(1, 12)
    assert (repeated.granted, repeated.code) == (False, service.STALE)


def test_a_stale_tap_is_written_down_and_refused(lab: Lab) -> None:
    assert lab.tap(1, stale=True).code == service.STALE
    assert service.running_grants() == []


def test_a_reader_without_a_machine_and_an_ambiguous_card_open_nothing(lab: Lab) -> None:
    assert lab.tap(1, resource_id=None).code == "blocked"
    assert lab.tap(2, ambiguous=True).code == "blocked"
    assert lab.tap(3, uid=None).code == "badge_unknown"
    assert lab.tap(4, uid="94D8FC5F").code == "badge_unknown"


def test_a_cloaked_number_is_the_same_badge(lab: Lab) -> None:
    assert lab.tap(1, uid=badges.cloak(UID)).person_id == lab.ada.id


def test_lease_numbers_only_rise(lab: Lab) -> None:
    first = lab.tap(1)
    running = service.running_grants(device_id=lab.device.id)[0]
    second, seconds = service.renew(running, NOW)
    third = service.end_use(running, NOW, "certification_revoked")
    fourth = lab.tap(2, 5)
    numbers = [first.lid, second, third, fourth.lid]
    assert numbers == sorted({number for number in numbers if number is not None})
    assert seconds == 60


def test_who_lost_the_right_may_still_switch_off(lab: Lab) -> None:
    assert lab.tap(1).act == "start"
    with transaction() as session:
        session.get_one(Person, lab.ada.id).active = False
    assert [one.code for one in service.renewal_denials(service.running_grants()[0], NOW)] == ["person_disabled"]
    assert lab.tap(2, 5).act == "end"


def test_an_alarm_is_open_once_until_it_is_ended(lab: Lab) -> None:
    assert alarms.raise_alarm(lab.device.id, lab.laser.id, "does_not_obey", NOW)
    assert not alarms.raise_alarm(lab.device.id, lab.laser.id, "does_not_obey", NOW)
    alarms.end_alarms(lab.device.id, ("does_not_obey",), NOW)
    assert alarms.open_alarms() == []
    assert alarms.raise_alarm(lab.device.id, lab.laser.id, "does_not_obey", NOW)


def test_the_display_gets_the_end_of_the_free_time(lab: Lab) -> None:
    closing = lab.tap(1).until
    assert closing is not None
    assert closing.hour == 18, "19:00 in Paris"
    lab.tap(2, 1)
    make_reservation(make_person(), [lab.laser], NOW + timedelta(hours=2), NOW + timedelta(hours=3))
    assert lab.tap(3, 2).until == NOW + timedelta(hours=2)


def closure(lab: Lab, from_h: int, to_h: int, **over: object) -> None:
    values = {"resource_id": lab.laser.id, "danger": True, "reason": {"en": "Smoke"}, "created_at": NOW} | over
    save(Closure(starts_at=NOW + timedelta(hours=from_h), ends_at=NOW + timedelta(hours=to_h), **values))


def test_danger_keeps_the_machine_shut_and_works_do_not(lab: Lab) -> None:
    closure(lab, -1, 1, danger=False)
    closure(lab, 0, 1, resource_id=make_machine("Saw").id)
    closure(lab, 1, 2)
    assert codes(lab) == []
    closure(lab, -1, 1)
    closure(lab, -1, 1, resource_id=None)
    assert codes(lab) == ["blocked", "blocked"]
    assert lab.tap(1).code == "blocked"


def test_a_use_goes_on_until_the_danger_begins(lab: Lab) -> None:
    closure(lab, 2, 3)
    closure(lab, 1, 3, danger=False)
    assert gather.use_until(lab.laser.id, lab.ada.id, NOW) == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("opening", "day", "expected"),
    [
        (OpeningRule.LAB, None, []),
        (OpeningRule.LAB, [], ["lab_closed"]),
        (OpeningRule.LAB, ["10:00-11:00"], ["outside_opening_hours"]),
        (OpeningRule.OWN, None, ["outside_opening_hours"]),
        (OpeningRule.ALWAYS, [], []),
    ],
)
def test_the_hours_are_those_of_the_machine(
    lab: Lab, opening: OpeningRule, day: list[str] | None, expected: list[str]
) -> None:
    with transaction() as session:
        laser = session.get_one(Resource, lab.laser.id)
        laser.opening, laser.opening_hours = opening, {"monday": ["14:00-15:00"]}
    if day is not None:
        save(OpeningException(day=NOW.date(), hours=day, reason={}))
    assert codes(lab) == expected


@pytest.mark.parametrize(
    ("begins", "whose", "came"),
    [(0, "own", True), (10, "own", True), (20, "own", False), (-30, "along", True), (-30, "other", False)],
)
def test_the_badge_checks_in_to_the_booking(lab: Lab, begins: int, whose: str, came: bool) -> None:
    start = NOW + timedelta(minutes=begins)
    owner = lab.ada if whose == "own" else make_person()
    companions = [Companion(person_id=lab.ada.id)] if whose == "along" else []
    booked = make_reservation(owner, [lab.laser], start, start + timedelta(hours=1), companions=companions)
    assert lab.tap(1).granted is (whose != "other")
    found = db.session.get_one(Reservation, booked.id, populate_existing=True)
    assert (found.started_at, found.arrived_by) == ((NOW, ArrivedBy.BADGE) if came else (None, None))


def test_a_badge_at_a_plain_reader_checks_in_too(lab: Lab) -> None:
    booked = make_reservation(lab.ada, [lab.laser], NOW, NOW + timedelta(hours=1))
    tap = service.Tap(device_id=lab.device.id, resource_id=lab.laser.id, at=NOW, rid="1-aa:9", boot="1-aa", uid=UID)
    assert service.note_tap(tap)
    assert db.session.get_one(Reservation, booked.id, populate_existing=True).arrived_by is ArrivedBy.BADGE


# -- with an instructor only ------------------------------------------------------------------------------------------


def at_level(lab: Lab, level: Level) -> None:
    with transaction() as session:
        session.get_one(Certification, lab.grant.certification_id).level = level


def booked(lab: Lab, owner: Person, along: list[Person], from_h: int = -1, to_h: int = 1, **over: Any) -> None:
    times = (NOW + timedelta(hours=from_h), NOW + timedelta(hours=to_h))
    companions = [Companion(person_id=one.id) for one in along]
    make_reservation(owner, [lab.laser], *times, companions=companions, **over)


ALONG = {
    "no booking": (None, ["needs_supervisor"]),
    "alone": (("ada", []), ["needs_supervisor"]),
    "with an instructor": (("ada", ["instructor"]), []),
    "with a manager": (("ada", ["manager"]), []),
    "with a friend": (("ada", ["maker"]), ["needs_supervisor"]),
    "with a friend and an instructor": (("ada", ["maker", "instructor"]), []),
    "with an instructor who has left": (("ada", ["gone"]), ["needs_supervisor"]),
    "along with an instructor": (("instructor", ["ada"]), []),
    "along with a friend who brings an instructor": (("maker", ["ada", "instructor"]), []),
    "along with a friend": (("maker", ["ada"]), ["needs_supervisor"]),
}


@pytest.mark.parametrize(("case", "expected"), ALONG.values(), ids=ALONG)
def test_at_level_supervised_the_badge_opens_with_an_instructor_only(
    lab: Lab, case: tuple[str, list[str]] | None, expected: list[str]
) -> None:
    at_level(lab, Level.SUPERVISED)
    people = {
        "ada": lab.ada,
        "maker": make_person(),
        "instructor": make_person(role=Role.INSTRUCTOR),
        "manager": make_person(role=Role.MANAGER),
        "gone": make_person(role=Role.INSTRUCTOR, active=False),
    }
    if case is not None:
        booked(lab, people[case[0]], [people[one] for one in case[1]])
    assert codes(lab) == expected
    answer = lab.tap(1)
    assert (answer.granted, answer.code) == ((True, None) if not expected else (False, "needs_supervisor"))


@pytest.mark.parametrize(("from_h", "to_h", "expected"), [(-2, 0, True), (1, 2, True), (0, 1, False), (-1, 1, False)])
def test_the_booking_with_the_instructor_must_run(lab: Lab, from_h: int, to_h: int, expected: bool) -> None:
    at_level(lab, Level.SUPERVISED)
    booked(lab, lab.ada, [make_person(role=Role.INSTRUCTOR)], from_h, to_h)
    assert ("needs_supervisor" in codes(lab)) is expected


def test_a_booking_of_another_machine_or_a_cancelled_one_brings_no_instructor(lab: Lab) -> None:
    at_level(lab, Level.SUPERVISED)
    teacher = make_person(role=Role.INSTRUCTOR)
    times = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    make_reservation(lab.ada, [make_machine("Saw")], *times, companions=[Companion(person_id=teacher.id)])
    booked(lab, lab.ada, [teacher])
    with transaction() as session:
        for one in session.scalars(select(Allocation).where(Allocation.resource_id == lab.laser.id)):
            one.live = False
    assert codes(lab) == ["needs_supervisor"]


def test_what_staff_set_aside_for_the_booking_counts_at_the_machine(lab: Lab) -> None:
    at_level(lab, Level.SUPERVISED)
    booked(lab, lab.ada, [], overrides=[{"code": "needs_supervisor", "reason": "I am next door"}])
    assert codes(lab) == []


def test_a_running_use_ends_with_the_supervision(lab: Lab) -> None:
    at_level(lab, Level.SUPERVISED)
    booked(lab, lab.ada, [make_person(role=Role.INSTRUCTOR)], 0, 1)
    assert lab.tap(1).act == "start"
    [running] = service.running_grants()
    assert service.renewal_denials(running, NOW + timedelta(minutes=59)) == []
    after = service.renewal_denials(running, NOW + timedelta(hours=1))
    assert [one.code for one in after] == ["needs_supervisor"]


def test_only_for_who_needs_an_instructor_it_is_asked_whether_one_is_there(
    lab: Lab, count_queries: CountQueries
) -> None:
    counts: dict[Level, int] = {}
    for level in Level:
        at_level(lab, level)
        db.session.rollback()
        person = db.session.get_one(Person, lab.ada.id)
        count_queries()
        gather.access_facts(person, lab.laser.id, NOW)
        counts[level] = count_queries()
    assert counts[Level.AUTONOMOUS] == counts[Level.INSTRUCTOR] == counts[Level.SUPERVISED] - 1


# -- at other times ---------------------------------------------------------------------------------------------------


def test_the_past_is_judged_as_it_was(lab: Lab) -> None:
    manager = make_actor(make_person(role=Role.MANAGER))
    held = suspending.suspend(manager, lab.grant.certification_id, lab.ada.id, "talk", NOW - timedelta(days=7))
    suspending.lift(manager, held.id, "", NOW - timedelta(days=4))

    def then(days: float) -> list[str]:
        found = service.check_access(lab.ada.id, lab.laser.id, NOW - timedelta(days=days), NOW)
        return [one.code for one in found]

    assert then(40) == ["not_certified", *then(39)[1:]]
    assert "certification_suspended" in then(7)
    assert "certification_suspended" in then(4.1)
    assert "certification_suspended" not in then(7.1)
    assert "certification_suspended" not in then(4)
    assert codes(lab) == []


def test_who_used_it_then_counts_then_and_not_at_another_time(lab: Lab) -> None:
    bob = make_person()
    lab.tap(1)
    lab.tap(2, 3600)
    hour = timedelta(hours=1)

    def of_bob(at: float, now: float) -> list[str]:
        found = service.check_access(bob.id, lab.laser.id, NOW + at * hour, NOW + now * hour)
        return [one.code for one in found if one.code != "not_certified"]

    assert [of_bob(at, 2) for at in (0.5, 1, 1.5)] == [["blocked"], [], []]
    lab.tap(3, 7200)
    assert [of_bob(at, 2.5) for at in (2.5, 3)] == [["blocked"], []], "of the future nobody knows"
