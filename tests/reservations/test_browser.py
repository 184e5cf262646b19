"""Booking in a real Chromium: refused in words, a suggestion taken, cancelled; by keyboard; without findings."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from fablab.core import clock
from fablab.core.actor import Role
from fablab.people.models import Person
from fablab.resources.models import Resource
from fablab.usage.models import UsageSession
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (390, 844)]


def next_open_day() -> datetime:
    """Nine o'clock (UTC) of a day some days ahead on which the lab is open."""
    day = (clock.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    return day + timedelta(days=day.weekday() == 6)


def make_taken_laser() -> tuple[Resource, Person, datetime]:
    """A laser that asks for a certification which its visitor holds, booked by somebody else for two hours."""
    laser, person, start = make.make_machine("Laser cutter"), make.make_person(name="Ada"), next_open_day()
    certification = make.make_certification("Laser basics")
    make.require_certification(laser, certification)
    make.make_grant(person, certification)
    make.make_reservation(make.make_person(name="Bob"), [laser], start, start + timedelta(hours=2))
    return laser, person, start


def local(lab: Lab, at: datetime) -> tuple[str, str]:
    """Day and time of day as the form takes them."""
    there = at.astimezone(lab.app.extensions["fablab_config"].lab.zone)
    return there.date().isoformat(), f"{there:%H:%M}"


def faults(page: Page) -> list[str]:
    """What axe finds."""
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]


def test_refused_in_words_then_a_suggestion_then_cancelled(lab: Lab, open_page: OpenPage) -> None:
    laser, person, start = make_taken_laser()
    day, hour = local(lab, start)
    page = open_page(f"/l/{laser.id}", person, 390, 844)
    page.get_by_role("link", name="Another time").click()
    expect(page.get_by_text("you may book it")).to_be_visible()
    page.get_by_label("Day", exact=True).fill(day)
    page.get_by_label("From", exact=True).fill(hour)
    page.get_by_label("From", exact=True).blur()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("It is already reserved from")
    expect(verdict.get_by_role("heading", name="The nearest times")).to_be_visible()
    assert faults(page) == []
    verdict.get_by_role("button", name="Book").first.click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Laser cutter")
    assert faults(page) == []
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()


def test_booking_by_keyboard_alone(lab: Lab, open_page: OpenPage) -> None:
    laser, person, _start = make_taken_laser()
    page = open_page(f"/resources/{laser.id}/book", person)
    page.get_by_label("Note").focus()
    page.keyboard.type("gift")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Book it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/reservations/\d+$"))
    expect(page.get_by_text("gift")).to_be_visible()


def test_booking_without_scripts(lab: Lab, open_page: OpenPage) -> None:
    laser, person, start = make_taken_laser()
    day, hour = local(lab, start)
    page = open_page(f"/resources/{laser.id}/book", person, java_script_enabled=False)
    page.get_by_label("Day", exact=True).fill(day)
    page.get_by_label("From", exact=True).fill(hour)
    page.get_by_role("button", name="Book it").click()
    expect(page.get_by_text("It is already reserved from")).to_be_visible()
    page.locator("#verdict").get_by_role("button", name="Book").first.click()
    expect(page).to_have_url(re.compile(r"/reservations/\d+$"))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_is_whole_and_without_findings(lab: Lab, open_page: OpenPage, width: int, height: int) -> None:
    laser, person, start = make_taken_laser()
    staff = make.make_person(role=Role.MANAGER)
    made = make.make_reservation(staff, [laser], start + timedelta(hours=3), start + timedelta(hours=4))
    make.make_device(laser, online=True, live={"power_w": 12.5}, last_seen_at=datetime.now(UTC))
    make.save(UsageSession(resource_id=laser.id, key="1", job="a.svg", started_at=start, flags=[], updated_at=start))
    paths = [
        "/resources",
        f"/resources/{laser.id}",
        f"/resources/{laser.id}/book",
        f"/resources/{laser.id}/book?repeat=weekly&party_size=4&person={person.id}&let=yes",
        f"/l/{laser.id}",
        "/find?what=kind:machine&minutes=60&within=week",
        "/reservations",
        f"/reservations/{made.id}",
        f"/reservations/{made.id}/change",
        f"/reservations/{made.id}/cancel",
        "/usage",
        "/devices",
    ]
    for path in paths:
        page = open_page(path, staff, width, height)
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
