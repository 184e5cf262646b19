"""Trainings in a real Chromium: from a refusal to certified, and an instructor's evening on a phone whose connection is
cut; without findings."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from fablab.core import clock
from fablab.core.db import db, transaction
from fablab.people.models import Person
from fablab.training.models import Attendance, Enrolment, Training
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.reservations.test_browser import SIZES, faults, local, next_open_day
from tests.training import lab as trainings

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser

HOUR = timedelta(hours=1)


@pytest.fixture
def world(lab: Lab) -> trainings.Lab:
    return trainings.make_lab()


def evening(world: trainings.Lab, *names: str) -> tuple[Training, list[Enrolment]]:
    """A training that began a quarter of an hour ago, and who is in it."""
    made = make.make_training(world.instructor, [world.laser], clock.now() - HOUR / 4)
    return made, [make.make_enrolment(made, make.make_person(name=name)) for name in names]


def tick(page: Page, name: str, what: str) -> None:
    """Presses a button of somebody on the sheet."""
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
    card.get_by_role("radio", name=what).check()


def marks() -> dict[str, str]:
    """What the server knows: name and mark."""
    db.session.rollback()
    query = select(Person.name, Attendance.mark).select_from(Attendance).join(Enrolment).join(Enrolment.person)
    return {name: mark.value for name, mark in db.session.execute(query)}


def waiting(page: Page) -> int:
    """How many ticks this browser keeps that the server does not have."""
    script = """() => Object.keys(localStorage).filter((key) => key.startsWith("attendance-"))
        .flatMap((key) => Object.values(JSON.parse(localStorage.getItem(key)))).filter((tick) => !tick.sent).length"""
    return int(page.evaluate(script))


# -- a maker's way ----------------------------------------------------------------------------------------------------


def test_from_the_refusal_to_certified_to_booked(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    machine, maker = make.make_machine("Cutter"), make.make_person(name="Ada")
    make.require_certification(machine, world.laser)
    start = next_open_day() + timedelta(days=7)
    training = trainings.plan(world, start, now=clock.now())
    day, hour = local(lab, start + 3 * HOUR)
    page = open_page(f"/resources/{machine.id}/book", maker, 390, 844)
    page.get_by_label("Day", exact=True).fill(day)
    page.get_by_label("From", exact=True).fill(hour)
    expect(page.get_by_text('You need the certification "Laser basics".')).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name=re.compile("Enrol in the training on")).click()
    expect(page.get_by_role("status")).to_contain_text("You take part.")
    assert page.url.endswith(f"/trainings/{training.id}")
    assert faults(page) == []
    with transaction():
        row = db.session.get_one(Training, training.id)
        row.starts_at = row.dates[0].starts_at = clock.now() - HOUR / 2
        row.ends_at = row.dates[0].ends_at = clock.now() + HOUR
    sheet = open_page(f"/trainings/{training.id}/attendance", world.instructor, 390, 844)
    tick(sheet, "Ada", "Present")
    tick(sheet, "Ada", "Passed")
    expect(sheet.get_by_text("Certified", exact=True)).to_be_visible()
    assert faults(sheet) == []
    page.goto(f"{lab.url}/resources/{machine.id}/book?day={day}&time={hour}&minutes=60")
    expect(page.get_by_text("you may book it")).to_be_visible()
    page.get_by_role("button", name="Book it").click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Cutter")


def test_the_check_on_the_label_enrols_and_the_way_back_is_asked_once(
    lab: Lab, open_page: OpenPage, world: trainings.Lab
) -> None:
    machine, maker = make.make_machine("Cutter"), make.make_person(name="Ada")
    make.require_certification(machine, world.laser)
    trainings.plan(world, next_open_day() + timedelta(days=7), now=clock.now())
    page = open_page(f"/l/{machine.id}", maker, 390, 844)
    page.get_by_role("button", name=re.compile("Enrol in the training on")).click()
    expect(page.get_by_role("status")).to_contain_text("You take part.")
    page.get_by_role("button", name="Give my place back").click()
    dialog = page.get_by_role("dialog", name="Withdraw from this training?")
    expect(dialog).to_contain_text("It is in time")
    assert faults(page) == []
    dialog.get_by_role("button", name="Yes, withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("You do not take part any more.")


# -- an instructor's evening ------------------------------------------------------------------------------------------


def test_an_evening_on_a_phone_with_the_connection_cut_and_a_reload(
    lab: Lab, open_page: OpenPage, world: trainings.Lab
) -> None:
    training, _people = evening(world, "Anna", "Boris", "Chloé", "Dora")
    page = open_page(f"/trainings/{training.id}/attendance", world.instructor, 390, 844)
    expect(page.locator("[data-sheet][data-ready]")).to_be_attached()
    tick(page, "Anna", "Present")
    expect(page.locator("[data-count]")).to_have_text("1")
    page.wait_for_function("() => !document.querySelector('[data-waits]:not([hidden])')")
    assert marks() == {"Anna": "present"}

    page.context.set_offline(True)
    tick(page, "Boris", "Present")
    tick(page, "Chloé", "Absent")
    tick(page, "Anna", "Passed")
    banner = page.locator("#sheet-banner")
    expect(banner).to_contain_text("3 ticks wait on this device.")
    expect(banner).to_contain_text("nothing is lost")
    expect(page.locator("[data-waits]:not([hidden])")).to_have_count(3)
    assert faults(page) == []

    page.reload()  # without a connection: the kept sheet, with every tick
    expect(banner).to_contain_text("3 ticks wait on this device.")
    for name, what in (("Anna", "Passed"), ("Anna", "Present"), ("Boris", "Present"), ("Chloé", "Absent")):
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
        expect(card.get_by_role("radio", name=what)).to_be_checked()
    tick(page, "Chloé", "Excused")
    assert waiting(page) == 3
    assert marks() == {"Anna": "present"}

    page.context.set_offline(False)
    expect(banner).to_contain_text("Everything is sent.", timeout=20_000)
    expect(page.locator("[data-certified]:not([hidden])")).to_have_count(1)
    assert waiting(page) == 0
    assert marks() == {"Anna": "present", "Boris": "present", "Chloé": "excused"}
    page.reload()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Chloé"))
    expect(card.get_by_role("radio", name="Excused")).to_be_checked()


def test_ticks_are_sent_after_the_tab_was_closed(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    training, _people = evening(world, "Anna", "Boris")
    where = f"/trainings/{training.id}/attendance"
    page = open_page(where, world.instructor, 390, 844)
    expect(page.locator("[data-sheet][data-ready]")).to_be_attached()
    context = page.context
    context.set_offline(True)
    tick(page, "Boris", "Present")
    page.get_by_role("listitem").filter(has_text="Anna").get_by_label("Note").fill("left early")
    page.close()
    assert marks() == {}
    context.set_offline(False)
    again = context.new_page()
    again.goto(lab.url + where)
    again.wait_for_function(
        "() => document.querySelector('[data-sheet]') && !document.querySelector('[data-waits]:not([hidden])')"
    )
    expect(again.get_by_role("listitem").filter(has_text="Anna").get_by_label("Note")).to_have_value("left early")
    assert waiting(again) == 0
    assert marks() == {"Boris": "present"}
    assert db.session.scalar(select(Enrolment.note).where(Enrolment.note != "")) == "left early"


def test_a_newer_tick_of_another_phone_is_not_undone(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    training, _people = evening(world, "Anna")
    where = f"/trainings/{training.id}/attendance"
    first = open_page(where, world.instructor, 390, 844)
    expect(first.locator("[data-sheet][data-ready]")).to_be_attached()
    first.context.set_offline(True)
    tick(first, "Anna", "Absent")
    first.wait_for_timeout(50)
    second = open_page(where, world.instructor, 390, 844)
    tick(second, "Anna", "Present")
    second.wait_for_function("() => !document.querySelector('[data-waits]:not([hidden])')")
    first.context.set_offline(False)
    expect(first.locator("#sheet-banner")).to_contain_text("Everything is sent.", timeout=20_000)
    assert marks() == {"Anna": "present"}
    expect(first.get_by_role("radio", name="Present")).to_be_checked()


def test_who_lacks_something_is_told_at_the_person(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    training, _people = evening(world, "Anna", "Boris")
    with transaction():
        world.laser.quiz_questions = 5
    page = open_page(f"/trainings/{training.id}/attendance", world.instructor, 390, 844)
    tick(page, "Anna", "Passed")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Anna"))
    expect(card.get_by_text("Passed, but not certified yet")).to_be_visible()
    expect(card.locator("[data-missing] li")).to_contain_text("quiz")
    assert faults(page) == []
    tick(page, "Anna", "To repeat")
    expect(card.get_by_text("Passed, but not certified yet")).to_be_hidden()


def test_somebody_who_withdrew_meanwhile_is_refused_at_the_person(
    lab: Lab, open_page: OpenPage, world: trainings.Lab
) -> None:
    training, people = evening(world, "Anna", "Boris")
    page = open_page(f"/trainings/{training.id}/attendance", world.instructor, 390, 844)
    with transaction():
        db.session.get_one(Enrolment, people[0].id).state = trainings.service.reading.EnrolmentState.WITHDRAWN
    tick(page, "Anna", "Present")
    expect(page.get_by_text("This person does not have a place in this training any more.")).to_be_visible()
    assert waiting(page) == 0


def test_a_sheet_opened_too_early_can_be_ticked_when_its_time_comes(
    lab: Lab, open_page: OpenPage, world: trainings.Lab
) -> None:
    training = make.make_training(world.instructor, [world.laser], clock.now() + 3 * HOUR)
    make.make_enrolment(training, make.make_person(name="Anna"))
    page = open_page("/trainings", world.instructor, 390, 844)
    page.clock.install()
    page.goto(f"{lab.url}/trainings/{training.id}/attendance")
    present = page.get_by_role("radio", name="Present")
    expect(present).to_be_disabled()
    page.context.set_offline(True)
    page.clock.fast_forward(2 * 60 * 60 * 1000)
    expect(present).to_be_enabled()
    present.check()
    assert waiting(page) == 1


def test_the_sheet_by_keyboard(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    training, _people = evening(world, "Anna")
    page = open_page(f"/trainings/{training.id}/attendance", world.instructor)
    page.get_by_role("radio", name="Present").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => !document.querySelector('[data-waits]:not([hidden])')")
    assert marks() == {"Anna": "absent"}


# -- the other pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_is_without_findings(
    lab: Lab, open_page: OpenPage, world: trainings.Lab, width: int, height: int
) -> None:
    training = trainings.plan(world, next_open_day(), next_open_day() + timedelta(days=7), now=clock.now())
    trainings.enrol(training, now=clock.now())
    paths: list[tuple[str, Person | None]] = [
        ("/trainings", None),
        ("/trainings?view=month", None),
        ("/trainings?certification=999", None),
        (f"/trainings/{training.id}", None),
        (f"/trainings/{training.id}", make.make_person()),
        (f"/trainings/{training.id}", world.manager),
        ("/trainings/given", world.instructor),
        ("/trainings/new", world.manager),
        (f"/trainings/{training.id}/edit", world.instructor),
        (f"/trainings/{training.id}/attendance", world.instructor),
    ]
    for path, person in paths:
        page = open_page(path, person, width, height)
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.context.close()


def test_a_series_is_planned_published_and_cancelled(lab: Lab, open_page: OpenPage, world: trainings.Lab) -> None:
    page = open_page("/trainings/new", world.instructor)
    day, hour = local(lab, next_open_day())
    end = f"{int(hour[:2]) + 2:02d}:00"
    page.get_by_label("Title").first.fill("Laser basics")
    page.get_by_role("checkbox", name="Laser basics").check()
    for place, on in enumerate((day, local(lab, next_open_day() + timedelta(days=7))[0])):
        if place:
            page.get_by_role("button", name="Another date").click()
        page.get_by_label("Day", exact=True).nth(place).fill(on)
        page.get_by_label("From", exact=True).nth(place).fill(hour)
        page.get_by_label("Until", exact=True).nth(place).fill(end)
    page.get_by_role("checkbox", name="Room", exact=True).check()
    page.get_by_role("button", name="Publish at once").click()
    expect(page.get_by_role("status")).to_contain_text("The training is published.")
    expect(page.get_by_role("heading", name="The 2 dates")).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Training)) == 1
    page.get_by_role("button", name="Cancel the training").click()
    dialog = page.get_by_role("dialog", name="Cancel this training?")
    expect(dialog).to_contain_text("Nobody is in it.")
    dialog.get_by_label("Why?").fill("The laser is broken.")
    assert faults(page) == []
    dialog.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("The laser is broken.")).to_be_visible()
