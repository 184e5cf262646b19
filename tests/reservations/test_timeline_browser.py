"""The timeline, the agenda and the day sheet in a real Chromium: dragging, being refused with words, moving and taking
it back, by keyboard, at two widths, without findings of axe."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations.models import Reservation, ReservationState
from fablab.resources.models import Resource
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.reservations.test_browser import faults, next_open_day
from tests.reservations.test_series_browser import keep

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (390, 844)]
HOUR = timedelta(hours=1)


def world() -> tuple[Resource, Person, datetime]:
    """A laser that Bob has for two hours, and Ada."""
    laser, ada = make.make_machine("Laser cutter"), make.make_person(name="Ada", member_until=None)
    start = next_open_day()
    make.make_reservation(make.make_person(name="Bob"), [laser], start, start + 2 * HOUR)
    return laser, ada, start


def opened(open_page: OpenPage, person: Person, start: datetime) -> Page:
    return open_page(f"/timeline?day={start.date().isoformat()}", person, 1440, 900)


def bookings(person: Person) -> list[Reservation]:
    db.session.rollback()
    query = select(Reservation).where(Reservation.person_id == person.id).order_by(Reservation.id)
    return list(db.session.scalars(query))


def drag(page: Page, from_: float, to: float) -> None:
    """Drags in the first row from one part of the width (0 to 1) to another."""
    track = page.locator(".tl-track[role]").first
    box = track.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * from_, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (from_ + to) / 2, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] * to, middle, steps=4)


def part(page: Page, look: str) -> list[float]:
    """Where the first booking of this look begins and ends, 0 to 1."""
    track, one = page.locator(".tl-track[role]").first, page.locator(f".tl-booking[data-look={look}]").first
    outer, inner = track.bounding_box(), one.bounding_box()
    assert outer is not None
    assert inner is not None
    return [(edge - outer["x"]) / outer["width"] for edge in (inner["x"], inner["x"] + inner["width"])]


def test_a_drag_over_taken_time_is_refused_in_words(lab: Lab, open_page: OpenPage) -> None:
    _laser, ada, start = world()
    page = opened(open_page, ada, start)
    begin, end = part(page, "other")
    drag(page, begin - 0.05, (begin + end) / 2)
    expect(page.get_by_text("It is already reserved from")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_text("It is already reserved from")).to_be_visible()
    keep(page, "timeline-refused")
    assert faults(page) == []
    assert bookings(ada) == []


def test_free_time_is_dragged_booked_moved_and_the_move_taken_back(lab: Lab, open_page: OpenPage) -> None:
    _laser, ada, start = world()
    page = opened(open_page, ada, start)
    _begin, end = part(page, "other")
    width = end - _begin
    drag(page, end + 0.01, end + 0.01 + width / 2)
    page.mouse.up()
    page.get_by_role("button", name="Book it").click()
    expect(page.locator(".tl-booking[data-look=own]")).to_be_visible()
    made = bookings(ada)[0]
    before = made.starts_at
    assert made.state is ReservationState.BOOKED
    own, own_end = part(page, "own")
    middle = (own + own_end) / 2
    drag(page, middle, middle + width / 2)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert bookings(ada)[0].starts_at > before
    keep(page, "timeline-moved")
    assert faults(page) == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    assert bookings(ada)[0].starts_at == before


def test_a_time_is_booked_by_keyboard(lab: Lab, open_page: OpenPage) -> None:
    _laser, ada, start = world()
    page = opened(open_page, ada, start)
    page.locator(".tl-track[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    said = page.locator("#tl-said")
    for _ in range(24):
        if "free" in (said.text_content() or "").lower():
            break
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Book it").press("Enter")
    expect(page.locator(".tl-booking[data-look=own]")).to_be_visible()
    assert len(bookings(ada)) == 1


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("path", ["/timeline", "/timeline?view=week", "/agenda", "/day", "/reservations/requests"])
def test_pages_are_accessible_and_fit(lab: Lab, open_page: OpenPage, path: str, width: int, height: int) -> None:
    laser, ada, start = world()
    make.make_reservation(ada, [laser], start + 3 * HOUR, start + 4 * HOUR)
    staff = make.make_person(name="Grace", role=Role.MANAGER, member_until=None)
    sep = "&" if "?" in path else "?"
    dated = path if path in {"/agenda", "/reservations/requests"} else f"{path}{sep}day={start.date().isoformat()}"
    page = open_page(dated, ada if path == "/agenda" else staff, width, height)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keep(page, path.strip("/").replace("/", "-").replace("?view=", "-"))
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
