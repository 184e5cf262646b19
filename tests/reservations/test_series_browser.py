"""Series and waiting lists in a real Chromium: at two widths, by keyboard, without findings of axe."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask_babel import force_locale
from playwright.sync_api import Page, expect

from fablab.core import clock
from fablab.core.actor import Role
from fablab.people.models import Person
from fablab.reservations import series, waiting
from fablab.reservations.series_rows import SeriesResult
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.reservations.test_waiting_api import give_back, next_open_day

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (390, 844)]
WEEK = timedelta(weeks=1)


def faults(page: Page) -> list[str]:
    """What axe finds."""
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]


def keep(page: Page, name: str) -> None:
    """A picture for whoever wants to look, where SCREENSHOTS names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        width = (page.viewport_size or {"width": 0})["width"]
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def course() -> tuple[Person, Resource, SeriesResult]:
    """Six dates of which one is taken by somebody else."""
    laser, ada = make.make_machine("Laser cutter"), make.make_person(name="Ada", member_until=None)
    start = next_open_day()
    make.make_reservation(make.make_person(name="Bob"), [laser], start + WEEK, start + WEEK + timedelta(hours=2))
    extras = Extras(note="Course for beginners")
    with force_locale("en"):
        made = series.book_series(
            make.make_actor(ada),
            ada.id,
            [laser.id],
            start,
            start + timedelta(hours=1),
            "FREQ=WEEKLY;COUNT=6",
            extras,
            clock.now(),
        )
    return ada, laser, made


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_page_of_a_series(lab: Lab, open_page: OpenPage, width: int, height: int) -> None:
    ada, _, made = course()
    url = f"/series/{made.series.id}"
    page = open_page(url, ada, width, height)
    expect(page.get_by_role("heading", name="6 dates")).to_be_visible()
    expect(page.get_by_text("It is already reserved from")).to_be_visible()
    assert faults(page) == []
    keep(page, "series")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("It still cannot be booked")).to_be_visible()
    page.get_by_role("link", name="Change dates").click()
    page.get_by_label("All that are still to come").check()
    page.get_by_label("From", exact=True).fill("12:00")
    assert faults(page) == []
    keep(page, "series-change")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("5 bookings are changed.")).to_be_visible()
    page.get_by_role("link", name="Cancel from here on").nth(2).click()
    expect(page.get_by_label("This and the following")).to_be_checked()
    assert faults(page) == []
    keep(page, "series-cancel")
    page.get_by_role("button", name="Yes, cancel them").click()
    expect(page.get_by_text("3 bookings are cancelled.")).to_be_visible()
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_page_of_a_waiting_list(lab: Lab, open_page: OpenPage, width: int, height: int) -> None:
    laser, ada = make.make_machine("Laser cutter"), make.make_person(name="Ada", member_until=None)
    start = next_open_day()
    booked = make.make_reservation(make.make_person(name="Bob"), [laser], start, start + timedelta(hours=2))
    slot = f"{start.isoformat()} {booked.ends_at.isoformat()}".replace("+", "%2B")
    page = open_page(f"/resources/{laser.id}/waiting?slot={slot}", ada, width, height)
    page.get_by_role("button", name="Stand in line").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Next in line")).to_be_visible()
    assert faults(page) == []
    keep(page, "waiting")
    with force_locale("en"):
        give_back(booked)
    page.reload()
    expect(page.get_by_text("Offered", exact=True)).to_be_visible()
    keep(page, "waiting-offered")
    page.get_by_role("link", name="Accept or decline").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    assert waiting.mine(ada.id) == []


def test_staff_see_the_whole_line(lab: Lab, open_page: OpenPage) -> None:
    laser, start = make.make_machine("Laser cutter"), next_open_day()
    make.make_reservation(make.make_person(), [laser], start, start + timedelta(hours=2))
    with force_locale("en"):
        for name in ("Ada", "Bob", "Cleo"):
            one = make.make_person(name=name, member_until=None)
            waiting.join(make.make_actor(one), one.id, laser.id, start, start + timedelta(hours=2), 60, clock.now())
    page = open_page(f"/resources/{laser.id}/waiting", make.make_person(role=Role.INSTRUCTOR, member_until=None))
    line = page.locator("section", has=page.get_by_role("heading", name="The line"))
    expect(line.get_by_role("listitem")).to_have_count(3)
    expect(line).to_contain_text("2 before")
    assert faults(page) == []
    keep(page, "waiting-staff")
