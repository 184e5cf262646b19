"""The wall's cards: what they say of machines, whose names they hold back, how many queries they cost."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from fablab.interlock.models import AccessDecision, Alarm
from fablab.pages import service
from fablab.pages.rules import VISITOR, State, Viewer
from fablab.resources.models import Kind, Resource, ServiceState
from fablab.usage.models import UsageSession
from tests.conftest import CountQueries
from tests.factories import NOW, make_device, make_machine, make_person, make_place, make_reservation, save

HOUR = timedelta(hours=1)
STAFF = Viewer(person_id=0, staff=True)


def make_session(resource: Resource, **over: Any) -> UsageSession:
    """An open use since half an hour ago."""
    values: dict[str, Any] = {
        "key": f"session of {resource.id}",
        "resource_id": resource.id,
        "started_at": NOW - HOUR / 2,
        "job": "vase.gcode",
        "flags": [],
        "updated_at": NOW,
    }
    return save(UsageSession(**values | over))


def card_of(resource: Resource) -> service.Card:
    return next(one for one in service.cards(NOW) if one.id == resource.id)


@pytest.mark.usefixtures("app")
def test_a_machine_with_nothing_on_it_is_free() -> None:
    assert card_of(make_machine()).state is State.FREE


@pytest.mark.usefixtures("app")
def test_a_working_printer_tells_job_progress_power_and_when_it_will_be_done() -> None:
    printer, ada = make_machine("Printer"), make_person()
    make_device(printer, online=True, live={"state": "working", "progress": 25.0, "power_w": 118.0}, last_seen_at=NOW)
    make_session(printer, person_id=ada.id)
    card = card_of(printer)
    assert (card.state, card.job, card.progress, card.power_w) == (State.WORKING, "vase.gcode", 25.0, 118.0)
    assert card.until == NOW + 1.5 * HOUR
    assert card.until_is_estimate
    assert card.by is not None
    assert card.by.name == ada.name


@pytest.mark.usefixtures("app")
def test_the_end_cannot_be_told_from_the_first_per_cents() -> None:
    printer = make_machine("Printer")
    make_session(printer, progress=1.0)
    assert card_of(printer).until is None


@pytest.mark.usefixtures("app")
def test_what_an_offline_plug_measured_last_is_not_shown_as_now() -> None:
    saw = make_machine("Saw")
    make_device(saw, online=False, live={"state": "offline", "power_w": 900.0}, last_seen_at=NOW - HOUR)
    card = card_of(saw)
    assert (card.state, card.power_w, card.heard_at) == (State.OFFLINE, None, NOW - HOUR)


@pytest.mark.usefixtures("app")
def test_a_badge_that_opened_a_machine_tells_by_whom() -> None:
    laser, ada = make_machine(), make_person()
    device = make_device(laser, online=True)
    granted = {"rid": "r1", "granted": True, "act": "start", "denials": []}
    save(AccessDecision(at=NOW, device_id=device.id, resource_id=laser.id, person_id=ada.id, **granted))
    card = card_of(laser)
    assert card.state is State.IDLE
    assert card.by is not None
    assert card.by.id == ada.id


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("kind", "state"), [("relay_on_without_grant", State.ERROR), ("fault", State.ERROR), ("records_lost", State.FREE)]
)
def test_an_alarm_that_presses_makes_a_machine_one_to_look_at(kind: str, state: State) -> None:
    laser = make_machine()
    device = make_device(laser, online=True)
    save(Alarm(at=NOW, device_id=device.id, resource_id=laser.id, kind=kind))
    assert card_of(laser).state is state


@pytest.mark.usefixtures("app")
def test_bookings_show_as_held_now_and_as_the_next_within_a_day() -> None:
    laser, ada = make_machine(), make_person()
    make_reservation(ada, [laser], NOW - HOUR, NOW + HOUR)
    make_reservation(ada, [laser], NOW + 3 * HOUR, NOW + 4 * HOUR)
    make_reservation(ada, [laser], NOW + 30 * HOUR, NOW + 31 * HOUR)
    card = card_of(laser)
    assert card.state is State.RESERVED
    assert card.until == NOW + HOUR
    assert card.next is not None
    assert card.next.starts_at == NOW + 3 * HOUR


@pytest.mark.usefixtures("app")
def test_a_retired_machine_is_gone_and_a_closed_one_says_why() -> None:
    make_machine("Old", retired_at=NOW)
    make_machine("Broken", service_state=ServiceState.OUT_OF_SERVICE, service_note="The lens is cracked.")
    assert [(one.state, one.note) for one in service.cards(NOW)] == [(State.OUT_OF_SERVICE, "The lens is cracked.")]


@pytest.mark.usefixtures("app")
def test_others_see_neither_name_nor_job() -> None:
    laser, ada = make_machine(), make_person()
    make_session(laser, person_id=ada.id, job="letter to my doctor.svg")
    make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR)
    card = card_of(laser)
    for viewer in (VISITOR, Viewer(person_id=ada.id + 1)):
        seen = repr(service.seen_by(card, viewer))
        assert ada.name not in seen
        assert "doctor" not in seen
    for viewer in (STAFF, Viewer(person_id=ada.id)):
        seen = repr(service.seen_by(card, viewer))
        assert ada.name in seen
        assert "doctor" in seen


@pytest.mark.usefixtures("app")
def test_machines_stand_by_place_and_the_rest_by_kind() -> None:
    wood, metal = make_place("Wood"), make_place("Metal")
    make_machine("Mill", place_id=metal.id)
    make_machine("Saw", place_id=wood.id)
    make_machine("Office", kind=Kind.OFFICE, place_id=wood.id)
    make_machine("Lathe", place_id=metal.id)
    found = service.groups(service.seen_by(one, STAFF) for one in service.cards(NOW))
    names = [[tag.name["en"] for tag in group.tags] for group in found]
    assert names == [["Saw"], ["Mill", "Lathe"], ["Office"]]
    assert [group.free for group in found] == [1, 2, 1]


def test_twenty_machines_cost_as_many_queries_as_two(app: Flask, count_queries: CountQueries) -> None:
    ada = make_person()

    def busy_machine() -> None:
        machine = make_machine(place_id=make_place().id)
        make_session(machine, person_id=ada.id, device_id=make_device(machine, online=True).id)
        make_reservation(ada, [machine], NOW + HOUR, NOW + 2 * HOUR)

    costs = []
    for number in (2, 18):
        for _ in range(number):
            busy_machine()
        count_queries()
        service.cards(NOW)
        costs.append(count_queries())
    assert costs[0] == costs[1]
    assert costs[1] <= 8
