"""Finding a slot across resources, also while an instructor is there, on both databases and over REST."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Forbidden, Invalid
from fablab.people.models import Person
from fablab.reservations import finding, service
from fablab.reservations.finding import Asked
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Companion, Let, PolicyLevel, PolicyOverride
from fablab.reservations.rules import Slot, all_denials
from fablab.reservations.search import Choice
from fablab.reservations.wishes import Extras, Wish
from fablab.resources.models import Kind, OpeningRule, Resource, ResourceGroup, ServiceState
from tests import factories as make
from tests.api_helpers import Program
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.web_helpers import sign_in

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def find(person: Person, **over: Any) -> list[Choice]:
    person_id, limit = over.pop("person_id", person.id), over.pop("limit", 10)
    return finding.find(make.make_actor(person), person_id, asked(**over), NOW, limit)


def asked(**over: Any) -> Asked:
    """Two hours on any machine, within a week."""
    values: dict[str, Any] = {"minutes": 120, "from_": NOW, "to": NOW + 7 * DAY, "kind": Kind.MACHINE}
    return Asked(**values | over)


@pytest.mark.usefixtures("app")
def test_the_earliest_of_all_that_fit() -> None:
    person, other = make.make_person(), make.make_person()
    laser, twin = make.make_machine(), make.make_machine("Twin")
    make.make_machine("Broken", service_state=ServiceState.OUT_OF_SERVICE)
    make.make_machine("Room", kind=Kind.ROOM)
    make.require_certification(make.make_machine("Saw"), make.make_certification())
    make.make_reservation(other, [laser], NOW, NOW + 3 * HOUR)
    make.make_reservation(other, [twin], NOW + HOUR, NOW + 8 * HOUR)
    found = find(person, limit=3)
    assert found == [
        Choice(laser.id, Slot(NOW + 3 * HOUR, NOW + 5 * HOUR)),
        Choice(laser.id, Slot(NOW + 5 * HOUR, NOW + 7 * HOUR)),
        Choice(laser.id, Slot(NOW + 7 * HOUR, NOW + 9 * HOUR)),
    ]
    (short,) = find(person, minutes=60, limit=1, resource_ids=[twin.id])
    assert short == Choice(twin.id, Slot(NOW, NOW + HOUR))


@pytest.mark.usefixtures("app")
def test_any_of_a_group() -> None:
    group = make.save(ResourceGroup(name=make.texts("Lasers")))
    make.make_machine("Saw")
    laser = make.make_machine(group_id=group.id)
    assert {one.resource_id for one in find(make.make_person(), kind=None, group_id=group.id)} == {laser.id}


@pytest.mark.usefixtures("app")
def test_everything_found_can_be_booked() -> None:
    person, other = make.make_person(), make.make_person()
    rules = {"max_minutes_per_day": 240, "buffer_after_minutes": 30, "notice_minutes": 90, "step_minutes": 30}
    make.save(PolicyOverride(level=PolicyLevel.KIND, target="machine", rules=rules, changed_at=NOW))
    machines = [make.make_machine() for _ in range(3)]
    for number, machine in enumerate(machines):
        make.make_reservation(other, [machine], NOW + number * HOUR, NOW + (number + 2) * HOUR)
    make.make_reservation(person, [machines[0]], NOW + 5 * HOUR, NOW + 7 * HOUR)
    found = find(person, limit=30)
    assert len(found) == 30
    for one in found:
        wish = Wish(person.id, (one.resource_id,), one.slot.starts_at, one.slot.ends_at, NOW)
        assert all_denials(booking_facts(wish)) == []


@pytest.mark.usefixtures("app")
def test_an_instructor_is_there_when_a_booking_says_so() -> None:
    person, laser, desk = make.make_person(), make.make_machine(), make.make_machine("Desk", kind=Kind.DESK)
    instructor = make.make_person(role=Role.INSTRUCTOR)
    assert find(person, with_instructor=True) == []
    make.make_reservation(instructor, [desk], NOW + 4 * HOUR, NOW + 5 * HOUR)
    course = make.make_reservation(make.make_person(), [desk], NOW + 5 * HOUR, NOW + 6 * HOUR)
    make.make_reservation(make.make_person(), [desk], NOW + 6 * HOUR, NOW + 8 * HOUR)
    make.save(Companion(reservation_id=course.id, person_id=instructor.id))
    make.make_reservation(instructor, [desk], NOW + DAY, NOW + 5 * DAY, let=Let())
    assert finding.instructor_there(NOW, NOW + 9 * DAY) == [Slot(NOW + 4 * HOUR, NOW + 6 * HOUR)]
    assert find(person, with_instructor=True) == [Choice(laser.id, Slot(NOW + 4 * HOUR, NOW + 6 * HOUR))]


@pytest.mark.usefixtures("app")
def test_an_advisor_is_there_in_his_hours_and_when_booked() -> None:
    hours = {"tuesday": ["10:00-12:00"]}
    make.make_machine("Ada", kind=Kind.ADVISOR, opening=OpeningRule.OWN, opening_hours=hours)
    other = make.make_machine("Bob", kind=Kind.ADVISOR)
    make.make_reservation(make.make_person(), [other], NOW + 2 * HOUR, NOW + 3 * HOUR)
    tuesday = NOW + DAY + HOUR
    assert finding.instructor_there(NOW, NOW + 5 * DAY) == [
        Slot(NOW + 2 * HOUR, NOW + 3 * HOUR),
        Slot(tuesday, tuesday + 2 * HOUR),
    ]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"minutes": 0}, "minutes"),
        ({"to": NOW}, "to"),
        ({"to": NOW + 63 * DAY}, "to"),
        ({"from_": NOW + 9000 * DAY, "to": NOW + 9001 * DAY}, "from"),
        ({"limit": 101}, "limit"),
    ],
)
def test_it_refuses_what_makes_no_sense(over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        find(make.make_person(), **over)
    assert list(error.value.fields) == [field]


@pytest.mark.usefixtures("app")
def test_only_staff_look_for_others() -> None:
    person = make.make_person()
    make.make_machine()
    with pytest.raises(Forbidden):
        find(make.make_person(), person_id=person.id)
    assert find(make.make_person(role=Role.INSTRUCTOR), person_id=person.id)


@pytest.mark.usefixtures("app")
def test_nothing_that_fits_and_nothing_in_the_past() -> None:
    person = make.make_person()
    assert find(person) == []
    make.make_machine()
    assert find(person, from_=NOW - 2 * DAY, to=NOW) == []
    assert find(person, from_=NOW - DAY)[0].slot.starts_at == NOW


def test_queries_do_not_grow(app: Flask, count_queries: CountQueries) -> None:
    person = make.make_person()
    few = counted(person, count_queries, 2)
    assert counted(person, count_queries, 20) == few <= 14


def counted(person: Person, count_queries: CountQueries, more: int) -> int:
    for _ in range(more):
        laser = make.make_machine()
        make.make_reservation(make.make_person(role=Role.INSTRUCTOR), [laser], NOW, NOW + 3 * HOUR)
    actor, ident = make.make_actor(person), person.id
    db.session.execute(select(1))
    count_queries()
    finding.find(actor, ident, asked(with_instructor=True), NOW)
    return count_queries()


def test_over_rest(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    person, other, laser = make.make_person(), make.make_person(), make.make_machine()
    program = Program(app, person)
    week = "from=2026-03-02T09:00:00%2B01:00&to=2026-03-09T09:00:00%2B01:00"
    answer = program.get(f"/slots?{week}&minutes=120&kind=machine&limit=1")
    assert answer.get_json() == {
        "items": [
            {
                "resource_id": str(laser.id),
                "start": "2026-03-02T08:00:00Z",
                "end": "2026-03-02T10:00:00Z",
                "with_instructor": False,
            }
        ],
        "next": None,
        "denials": [],
    }
    found = answer.get_json()["items"][0]
    made = program.ask("POST", "/reservations", {name: found[name] for name in ("resource_id", "start", "end")})
    assert made.status_code == 201
    assert program.get(f"/slots?{week}&with_instructor=true").get_json()["items"] == []
    assert program.get(f"/slots?{week}&person_id={other.id}").status_code == 403
    assert program.get(f"/slots?{week}&minutes=x").status_code == 422
    assert program.get(f"/slots?{week}&colour=red").status_code == 422
    assert program.get("/slots?from=2026-03-02T09:00:00Z&to=2026-03-02T09:00:00Z").status_code == 422


# -- where somebody must be booked along ------------------------------------------------------------------------------


def supervise(resource: Resource, kind: str = "instructor") -> None:
    rules = {"supervision": kind}
    make.save(PolicyOverride(level=PolicyLevel.RESOURCE, target=str(resource.id), rules=rules, changed_at=NOW))


@pytest.mark.usefixtures("app")
def test_what_takes_an_instructor_is_found_for_who_asks_for_one() -> None:
    person, ann, bob = make.make_person(), *(make.make_person(role=Role.INSTRUCTOR) for _ in range(2))
    laser = make.make_machine()
    supervise(laser)
    make.make_reservation(ann, [make.make_machine("Desk", kind=Kind.DESK)], NOW, NOW + 3 * HOUR)
    assert find(person, limit=1) == []
    (found,) = find(person, limit=1, with_instructor=True)
    assert found == Choice(laser.id, Slot(NOW, NOW + 2 * HOUR), with_instructor=True)
    for instructor, begin in ((ann, NOW + 3 * HOUR), (bob, NOW)):
        extras = Extras(companion_ids=(instructor.id,))
        for with_instructor in (True, False):
            (named,) = find(person, limit=1, with_instructor=with_instructor, extras=extras)
            assert named == Choice(laser.id, Slot(begin, begin + 2 * HOUR))
    slot = found.slot
    actor, along = make.make_actor(person), Extras(companion_ids=(bob.id,))
    assert service.book(actor, person.id, [laser.id], slot.starts_at, slot.ends_at, along, NOW)


@pytest.mark.usefixtures("app")
def test_it_says_why_nothing_is_found() -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    actor = make.make_actor(person)
    make.require_certification(laser, make.make_certification())
    supervise(saw)

    def why(**over: Any) -> list[tuple[str, str | None]]:
        found = finding.against(actor, person.id, asked(**over), NOW)
        return [(one.code, one.params.get("resource_id")) for one in found]

    assert why() == [("not_certified", str(laser.id)), ("needs_supervisor", str(saw.id))]
    assert why(with_instructor=True) == [("not_certified", str(laser.id))]
    assert why(minutes=1000) == [
        ("not_certified", str(laser.id)),
        ("too_long", None),
        ("needs_supervisor", str(saw.id)),
    ]
    assert why(kind=Kind.DESK) == []
    with pytest.raises(Forbidden):
        finding.against(actor, make.make_person().id, asked(), NOW)


def test_over_rest_it_says_why_and_takes_who_comes_along(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    person, ann, laser = make.make_person(), make.make_person(role=Role.INSTRUCTOR), make.make_machine()
    supervise(laser)
    program = Program(app, person)
    query = "/slots?from=2026-03-02T09:00:00%2B01:00&to=2026-03-09T09:00:00%2B01:00&minutes=60&limit=1"
    nothing = program.get(query).get_json()
    assert nothing["items"] == []
    assert [one["code"] for one in nothing["denials"]] == ["needs_supervisor"]
    assert program.get(f"{query}&with_instructor=true").get_json()["items"][0]["with_instructor"] is True
    (named,) = program.get(f"{query}&companion_id={ann.id}").get_json()["items"]
    assert (named["start"], named["with_instructor"]) == ("2026-03-02T08:00:00Z", False)
    assert program.get(f"{query}&companion_id={make.make_person().id}").status_code == 422


def test_the_page_asks_who_comes_and_says_why(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    make.make_person(role=Role.INSTRUCTOR)
    laser = make.make_machine()
    supervise(laser)
    sign_in(client, make.make_person(), NOW)
    question = f"/find?what=resource:{laser.id}&minutes=60&within=week"
    assert 'data-code="needs_supervisor"' in client.get(question).get_data(as_text=True)
    text = client.get(f"{question}&instructor=1").get_data(as_text=True)
    (link,) = re.findall(r'href="(/resources/\d+/book\?slot=[^"]+)#field-companion_name"', text)[:1]
    assert "Choose who comes along" in client.get(link).get_data(as_text=True)
    assert f'action="/resources/{laser.id}/book"' not in text
