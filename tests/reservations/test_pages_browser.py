"""The pages of bookings in a real Chromium: three taps from a label to a booking, an offer, a request, rules set aside,
a series with a date that is taken; by thumb and without findings."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.people import passwords
from fablab.reservations import policies
from fablab.reservations.models import PolicyLevel, Reservation, ReservationState
from fablab.resources.models import Kind, OpeningRule
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.reservations.test_browser import SIZES, faults, local, make_taken_laser, next_open_day

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

HOUR = timedelta(hours=1)
PAGE_OF_ONE = re.compile(r"/reservations/\d+$")


def test_three_taps_from_the_label_to_a_booking(lab: Lab, open_page: OpenPage) -> None:
    laser, person = make.make_machine("Laser cutter", opening=OpeningRule.ALWAYS), make.make_person()
    page = open_page(f"/l/{laser.id}", person, 390, 844)
    assert faults(page) == []
    page.get_by_role("link", name="1 hour").click()
    assert faults(page) == []
    page.get_by_role("button", name="Book it").click()
    expect(page).to_have_url(PAGE_OF_ONE)
    expect(page.get_by_role("status")).to_contain_text("Booked: Laser cutter")
    db.session.rollback()  # what was read before is not what is there now
    made = db.session.scalars(select(Reservation)).one()
    assert (made.person_id, made.ends_at - made.starts_at) == (person.id, HOUR)


def test_a_label_brings_back_after_signing_in(lab: Lab, open_page: OpenPage) -> None:
    laser = make.make_machine("Laser cutter", opening=OpeningRule.ALWAYS)
    make.make_person(role=Role.ADMINISTRATOR, password="a hash")
    make.make_person(email="ada@example.org", password=passwords.hashed("a long password"))
    page = open_page(f"/l/{laser.id}", None, 390, 844)
    assert faults(page) == []
    page.get_by_role("link", name="Sign in").last.click()
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("a long password")
    page.get_by_label("Password").press("Enter")
    expect(page).to_have_url(f"{lab.url}/l/{laser.id}")
    expect(page.get_by_role("link", name="1 hour")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_offer_is_taken_with_one_press(lab: Lab, open_page: OpenPage, width: int, height: int) -> None:
    laser, person, start = make.make_machine("Laser cutter"), make.make_person(), next_open_day()
    held = {"state": ReservationState.HELD, "held_until": clock.now() + HOUR, "created_at": clock.now()}
    made = make.make_reservation(person, [laser], start, start + HOUR, **held)
    page = open_page(f"/reservations/{made.id}", person, width, height)
    expect(page.get_by_role("heading", name="This time is held for you")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_role("status")).to_contain_text("It is yours")
    expect(page.get_by_text("Booked", exact=True).first).to_be_visible()
    assert faults(page) == []


def test_the_parts_of_the_form_are_asked_while_somebody_chooses(lab: Lab, open_page: OpenPage) -> None:
    laser, person, start = make_taken_laser()
    room = make.make_machine("Room", kind=Kind.ROOM, opening=OpeningRule.ALWAYS)
    day, hour = local(lab, start)
    page = open_page(f"/resources/{room.id}/book?day={day}&time={hour}&minutes=60", person, 390, 844)
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("you may book it")
    page.get_by_text("More machines or rooms").click()
    page.get_by_label("Laser cutter").check()
    expect(verdict).to_contain_text("It is already reserved")
    page.get_by_label("Laser cutter").uncheck()
    expect(verdict).to_contain_text("you may book it")
    page.get_by_text("Repeat", exact=True).click()
    page.get_by_label("How often").select_option("weekly")
    page.get_by_label("How many times").fill("3")
    page.get_by_label("How many times").blur()
    expect(verdict.get_by_role("heading", name="3 dates can be booked")).to_be_visible()
    expect(page.get_by_role("button", name="Book all of them")).to_be_visible()
    assert faults(page) == []
    assert "csrf" not in str(page.evaluate("performance.getEntriesByType('resource').map(one => one.name)"))


def test_a_time_is_found_and_booked_with_one_press(lab: Lab, open_page: OpenPage) -> None:
    make.make_machine("Printer", opening=OpeningRule.ALWAYS)
    page = open_page("/find", make.make_person(), 390, 844)
    page.get_by_label("What", exact=True).select_option("kind:machine")
    page.get_by_label("For how long").select_option("120")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="times found")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Book Printer").first.click()
    expect(page).to_have_url(PAGE_OF_ONE)


def test_staff_set_a_rule_aside_and_the_reason_is_kept(lab: Lab, open_page: OpenPage) -> None:
    laser, start = make.make_machine("Laser cutter"), next_open_day()
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(laser.id), {"max_minutes": 30}, clock.now())
    day, hour = local(lab, start)
    staff = make.make_person(role=Role.MANAGER)
    page = open_page(f"/resources/{laser.id}/book?day={day}&time={hour}&minutes=60", staff, 390, 844)
    page.get_by_text("Set rules aside").click()
    reason = page.locator("input[name=override-too_long]")
    reason.fill("A school class comes.")
    assert faults(page) == []
    page.get_by_role("button", name="Book all the same").click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Laser cutter")
    expect(page.get_by_role("heading", name="Rules set aside")).to_be_visible()
    expect(page.get_by_text("A school class comes.").first).to_be_visible()
    assert faults(page) == []


def test_a_series_is_booked_without_the_date_that_is_taken(lab: Lab, open_page: OpenPage) -> None:
    laser, person, start = make.make_machine("Laser cutter", opening=OpeningRule.ALWAYS), make.make_person(), soon()
    taken = start + timedelta(days=1)
    make.make_reservation(make.make_person(), [laser], taken, taken + HOUR)
    day, hour = local(lab, start)
    page = open_page(f"/resources/{laser.id}/book?day={day}&time={hour}&minutes=60", person)
    page.get_by_text("Repeat", exact=True).click()
    page.get_by_label("How often").select_option("daily")
    page.get_by_label("How many times").fill("3")
    page.get_by_label("How many times").blur()
    expect(page.get_by_role("heading", name="2 dates can be booked")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("It is already reserved")
    page.get_by_role("button", name="Book all of them").click()
    expect(page).to_have_url(re.compile(r"/series/\d+$"))
    expect(page.get_by_text("1 date could not be booked")).to_be_visible()


def test_a_request_is_accepted_by_the_staff(lab: Lab, open_page: OpenPage) -> None:
    laser, person, start = make.make_machine("Laser cutter"), make.make_person(name="Ada"), next_open_day()
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(laser.id), {"approval": True}, clock.now())
    day, hour = local(lab, start)
    page = open_page(f"/resources/{laser.id}/book?day={day}&time={hour}&minutes=60", person, 390, 844)
    expect(page.locator("#verdict")).to_contain_text("The staff has to agree")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_text("Waits for the staff")).to_be_visible()
    assert faults(page) == []
    for width, height in SIZES:
        inbox = open_page("/reservations/requests", make.make_person(role=Role.INSTRUCTOR), width, height)
        expect(inbox.get_by_role("heading", name="Laser cutter")).to_be_visible()
        assert faults(inbox) == []
    inbox.get_by_role("button", name="Accept").click()
    expect(inbox.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    assert faults(inbox) == []
    page.reload()
    expect(page.get_by_text("Accepted by the staff")).to_be_visible()


def soon() -> datetime:
    """Ten o'clock (UTC) tomorrow."""
    return (clock.now() + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
