"""The wall in a real Chromium: it moves by itself, at every size, in light and dark, also when streams are refused."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from fablab.core import clock, events
from fablab.core.actor import Role
from fablab.core.db import transaction
from fablab.devices.models import Device
from fablab.pages import hub, streams
from fablab.resources.models import Kind, Resource, ServiceState
from fablab.usage.models import UsageSession
from tests.factories import make_device, make_machine, make_person, make_place, make_reservation, save
from tests.pages.conftest import Lab, OpenPage

pytestmark = pytest.mark.browser

SIZES = {"desk": (1440, 900), "phone": (390, 844), "television": (1920, 1080)}
HOUR = timedelta(hours=1)


def make_busy_lab(machines: int = 12) -> list[Resource]:
    """Machines in every state, rooms, and somebody at work whose name is Ada Lovelace."""
    now, ada = clock.now(), make_person(name="Ada Lovelace")
    make_person(role=Role.ADMINISTRATOR, password="a hash")
    places = [make_place("Digital workshop"), make_place("Wood workshop")]
    made = [make_machine(f"Machine {number}", place_id=places[number % 2].id) for number in range(machines)]
    for number, machine in enumerate(made[:-1]):
        make_device(machine, online=number != 3, live={"state": "idle", "power_w": 118.4}, last_seen_at=now)
    for machine in made[:2]:
        start_job(machine, person_id=ada.id)
    make_reservation(ada, [made[4]], now - HOUR, now + HOUR)
    make_reservation(ada, [made[5]], now + HOUR, now + 2 * HOUR)
    make_machine("Closed", service_state=ServiceState.OUT_OF_SERVICE, service_note="The lens is cracked.")
    make_machine("Meeting room", kind=Kind.ROOM, place_id=places[0].id)
    return made


def start_job(machine: Resource, **over: Any) -> None:
    """An open use that is at 40 %."""
    now = clock.now()
    values = {"key": f"s{machine.id}", "job": "vase.gcode", "flags": [], "progress": 40.0, "started_at": now - HOUR}
    save(UsageSession(resource_id=machine.id, updated_at=now, **values | over))


def report(machine: Resource, **live: Any) -> None:
    """What the bridge does when a device speaks."""
    with transaction() as session:
        device = session.scalars(select(Device).where(Device.resource_id == machine.id)).one()
        device.live = {**device.live, **live}
        events.append("resource.status", clock.now(), resource_id=str(machine.id))


def faults(page: Page) -> list[str]:
    """What axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]


def test_the_wall_moves_by_itself_and_keeps_what_stays(lab: Lab, open_page: OpenPage) -> None:
    printer = make_busy_lab()[0]
    page = open_page("/wall")
    card = page.locator(f"#card-{printer.id}")
    expect(card.locator("output")).to_have_text("40 %")
    expect(page.locator("[data-link]")).to_have_attribute("data-link", "live")
    page.evaluate("id => { window.kept = document.querySelector(`#card-${id} progress`); }", printer.id)
    page.wait_for_timeout(1500)
    report(printer, progress=73.0)
    expect(card.locator("output")).to_have_text("73 %")
    assert page.evaluate("id => window.kept === document.querySelector(`#card-${id} progress`)", printer.id)
    with transaction() as session:
        session.get_one(Resource, printer.id).service_state = ServiceState.OUT_OF_SERVICE
        events.append("resource.status", clock.now(), resource_id=str(printer.id))
    expect(card.locator(".machine")).to_have_attribute("data-state", "out_of_service")
    expect(page.locator("#counts [data-state=out_of_service] b")).to_have_text("2")


def test_a_new_machine_appears_without_a_hand(lab: Lab, open_page: OpenPage) -> None:
    make_busy_lab()
    page = open_page("/wall")
    expect(page.locator("[data-link]")).to_have_attribute("data-link", "live")
    page.wait_for_timeout(1000)
    fresh = make_machine("Fresh from the box")
    with transaction():
        events.append("resource.added", clock.now(), resource_id=str(fresh.id))
    expect(page.get_by_text("Fresh from the box")).to_be_visible(timeout=10_000)


def test_without_a_stream_the_page_asks(lab: Lab, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "most_streams", lambda: 0)
    printer = make_busy_lab()[0]
    page = open_page("/wall?tv=1")
    expect(page.locator("[data-link]")).to_have_attribute("data-link", "polling")
    report(printer, progress=88.0)
    expect(page.locator(f"#card-{printer.id} output")).to_have_text("88 %", timeout=15_000)


def test_a_stream_that_breaks_comes_back(lab: Lab, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LIFE_S", 1.0)
    printer = make_busy_lab()[0]
    page = open_page("/wall?tv=1")
    page.wait_for_timeout(4000)
    report(printer, progress=55.0)
    expect(page.locator(f"#card-{printer.id} output")).to_have_text("55 %", timeout=10_000)
    expect(page.locator("[data-link]")).to_have_attribute("data-link", "live")
    assert hub.hub().listeners <= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/wall", "/wall?tv=1"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    lab: Lab, open_page: OpenPage, path: str, size: str, scheme: str
) -> None:
    make_busy_lab()
    width, height = SIZES[size]
    page = open_page(path, width=width, height=height, color_scheme=scheme)
    assert not faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_television_shows_a_dozen_machines_on_one_screen(lab: Lab, open_page: OpenPage) -> None:
    make_busy_lab(machines=11)
    page = open_page("/wall?tv=1", width=1920, height=1080)
    assert page.locator(".machine").count() == 12
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    for card in page.locator(".machine").all():
        assert card.evaluate("one => one.scrollHeight <= one.clientHeight + 1"), card.text_content()
    expect(page.locator("[data-clock]")).to_have_text(re.compile(r"\d\d:\d\d"))


def test_staff_see_who_works_members_see_that_somebody_does(lab: Lab, open_page: OpenPage) -> None:
    make_busy_lab()
    manager, member = make_person(role=Role.MANAGER), make_person()
    expect(open_page("/wall", person=manager).get_by_text("Ada Lovelace").first).to_be_visible()
    page = open_page("/wall", person=member)
    expect(page.get_by_text("A member").first).to_be_visible()
    for path, person in (("/wall", member), ("/wall", None), ("/wall?tv=1", manager), ("/wall/cards?tv=1", manager)):
        assert "Lovelace" not in open_page(path, person=person).content()


def test_on_a_phone_the_menu_is_at_the_thumb(lab: Lab, open_page: OpenPage) -> None:
    page = open_page("/wall", person=make_person(role=Role.MANAGER), width=390, height=844)
    menu = page.get_by_role("navigation", name="Main menu")
    box = menu.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)
    for link in menu.locator("a:visible, summary:visible").all():
        size = link.bounding_box()
        assert size is not None
        assert size["height"] >= 44


def test_the_api_can_be_read_in_the_browser(lab: Lab, open_page: OpenPage) -> None:
    page = open_page("/api/docs")
    expect(page.locator("#swagger-ui")).to_contain_text("Events")
    expect(page.locator("#swagger-ui .errors")).to_have_count(0)
