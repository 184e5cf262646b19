"""The rules and the closures in a real Chromium: whole at every size, without findings, set by keyboard."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.words import config
from fablab.demo import service as demo
from fablab.people.models import Person
from fablab.reservations import policies
from fablab.reservations.models import PolicyLevel
from fablab.resources.models import Closure
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (390, 844)]
LASER = 7
PATHS = (
    f"/resources/{LASER}/rules",
    "/rules",
    "/rules/group/2",
    f"/rules/resource/{LASER}",
    "/closures",
    "/closures/new",
    "/closures/days/new",
    "/closures/holidays?country=FR&region=57",
    f"/resources/{LASER}/edit",
)


def faults(page: Page) -> list[str]:
    """What axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]


def seed() -> Person:
    """The demo lab; gives a manager of it."""
    demo.seed(config(), 1, clock.now())
    return db.session.scalars(select(Person).where(Person.role == Role.MANAGER)).first() or make.make_person()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_is_whole_and_without_findings(
    lab: Lab, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    page = open_page("/rules", seed(), width, height, color_scheme=scheme)
    for path in PATHS:
        page.goto(lab.url + path)
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_rule_is_set_and_taken_back_by_keyboard_alone(lab: Lab, open_page: OpenPage) -> None:
    laser, manager = make.make_machine("Laser"), make.make_person(role=Role.MANAGER)
    page = open_page(f"/rules/resource/{laser.id}", manager)
    field = page.get_by_label("Longest booking, in minutes")
    field.focus()
    page.keyboard.type("120")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The rules are saved.")).to_be_visible()
    db.session.rollback()
    assert policies.rules_at(PolicyLevel.RESOURCE, str(laser.id)) == {"max_minutes": 120}
    page.goto(f"{lab.url}/resources/{laser.id}/rules")
    line = page.locator('[data-key="max_minutes"]')
    expect(line).to_contain_text("A booking lasts at most 2 hours.")
    expect(line.locator(".origin")).to_have_attribute("data-origin", "resource")
    page.goto(f"{lab.url}/rules/resource/{laser.id}")
    page.get_by_role("button", name="Take all back").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, take them back").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("These rules are taken back.")).to_be_visible()
    db.session.rollback()
    assert policies.rules_at(PolicyLevel.RESOURCE, str(laser.id)) == {}


def test_a_closure_shows_whom_it_hits_before_it_is_kept(lab: Lab, open_page: OpenPage) -> None:
    laser, manager = make.make_machine("Laser"), make.make_person(role=Role.MANAGER)
    at = clock.now() + timedelta(days=1)
    make.make_reservation(make.make_person(name="Grace"), [laser], at, at + timedelta(hours=1))
    page = open_page(f"/closures/new?resource={laser.id}", manager, 390, 844)
    page.get_by_label("Until", exact=True).fill((clock.now() + timedelta(days=4)).date().isoformat())
    page.get_by_label("Why, in Français").fill("Travaux")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Grace")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Close, and let them move their bookings").click()
    expect(page.get_by_text("The closure is kept.")).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(select(Closure)).one().resource_id == laser.id
