"""The timeline, the agenda and the day sheet in a real Chromium: dragging, being refused with words, moving and taking
it back, by keyboard, at two widths, without findings of axe."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations import service
from fablab.reservations.models import Reservation, ReservationState
from fablab.resources.models import Kind, Resource
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


def carry(page: Page, row: int, sideways: float = 0.0) -> None:
    """Drags the own booking to another row, counted from above, and further along by a part of the width."""
    one, track = page.locator(".tl-booking[data-look=own]").first, page.locator(".tl-track[role]").nth(row)
    begin, end = one.bounding_box(), track.bounding_box()
    assert begin is not None
    assert end is not None
    at = (begin["x"] + begin["width"] / 2, begin["y"] + begin["height"] / 2)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0], (at[1] + end["y"] + end["height"] / 2) / 2, steps=4)
    page.mouse.move(at[0] + end["width"] * sideways, end["y"] + end["height"] / 2, steps=6)


def machines(person: Person) -> list[str]:
    return [one.resource.name["en"] for made in bookings(person) for one in made.allocations]


def three_rows() -> tuple[Resource, Person, datetime]:
    """As `world`, with another laser, which is free, a room below, and a booking of Ada's on the first laser."""
    laser, ada, start = world()
    other = make.make_machine("Other laser")
    make.make_machine("Room", kind=Kind.ROOM)
    make.make_reservation(ada, [laser], start + 3 * HOUR, start + 4 * HOUR)
    return other, ada, start


def test_a_booking_is_dragged_to_another_machine_and_back(lab: Lab, open_page: OpenPage) -> None:
    _other, ada, start = three_rows()
    page = opened(open_page, ada, start)
    carry(page, 1)
    expect(page.get_by_role("dialog").get_by_role("heading", name="Other laser")).to_be_visible()
    expect(page.get_by_text("It can be moved here.")).to_be_visible()
    keep(page, "timeline-another-row")
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.locator("#tl-said")).to_contain_text("Other laser")
    assert machines(ada) == ["Other laser"]
    assert bookings(ada)[0].starts_at == start + 3 * HOUR, "straight down is the same time"
    expect(page.locator(".tl-row", has_text="Other laser").locator("[data-look=own]")).to_have_count(1)
    assert faults(page) == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    assert machines(ada) == ["Laser cutter"]


def test_another_machine_that_is_taken_refuses_with_words(lab: Lab, open_page: OpenPage) -> None:
    other, ada, start = three_rows()
    make.make_reservation(make.make_person(), [other], start + 3 * HOUR, start + 4 * HOUR)
    page = opened(open_page, ada, start)
    carry(page, 1)
    expect(page.get_by_text("It is already reserved from")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_text("It stays where it was.")).to_be_visible()
    expect(page.locator(".tl-row", has_text="Laser cutter").locator("[data-look=own]")).to_have_count(1)
    assert machines(ada) == ["Laser cutter"]
    page.get_by_role("button", name="Move it to").first.click()
    expect(page.locator(".tl-row", has_text="Other laser").locator("[data-look=own]")).to_have_count(1)
    assert machines(ada) == ["Other laser"]


def test_a_machine_is_not_dragged_to_a_room_and_of_several_one_is_moved(lab: Lab, open_page: OpenPage) -> None:
    other, ada, start = three_rows()
    made = bookings(ada)[0]
    service.change(make.make_actor(ada), made.id, clock.now(), resource_ids=[made.allocations[0].resource_id, other.id])
    page = opened(open_page, ada, start)
    for row in (1, 2):
        carry(page, row)
        page.mouse.up()
        page.keyboard.press("Escape")
    assert machines(ada) == ["Laser cutter", "Other laser"], "its own row and another kind are no aim"
    make.make_machine("Third laser")
    page.reload()
    carry(page, 2)
    expect(page.get_by_text("It can be moved here.")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert sorted(machines(ada)) == ["Other laser", "Third laser"]


def test_escape_leaves_it_in_its_row(lab: Lab, open_page: OpenPage) -> None:
    _other, ada, start = three_rows()
    page = opened(open_page, ada, start)
    carry(page, 1, sideways=0.1)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".tl-row", has_text="Laser cutter").locator("[data-look=own]")).to_have_count(1)
    assert machines(ada) == ["Laser cutter"]


def test_by_keyboard_another_machine_is_chosen_in_the_form(lab: Lab, open_page: OpenPage) -> None:
    _other, ada, start = three_rows()
    page = open_page(f"/reservations/{bookings(ada)[0].id}/change", ada, 1440, 900)
    page.get_by_label("What").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("The booking is changed.")).to_be_visible()
    assert (machines(ada), bookings(ada)[0].starts_at) == (["Other laser"], start + 3 * HOUR)


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
