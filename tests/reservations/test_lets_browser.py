"""A lasting let in a real Chromium: its terms, notice with a question before, keys and deposit; without findings."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from fablab.core import clock
from fablab.core.actor import Role
from fablab.reservations.models import Let
from fablab.resources.models import Kind, OpeningRule
from tests import factories as make
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.reservations.test_browser import SIZES, faults

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_notice_is_asked_about_and_keys_come_back(lab: Lab, open_page: OpenPage, width: int, height: int) -> None:
    office = make.make_machine("Office 3", kind=Kind.OFFICE, opening=OpeningRule.ALWAYS)
    tenant, staff = make.make_person(name="Ada"), make.make_person(role=Role.MANAGER)
    start = clock.now() - timedelta(days=10)
    terms = Let(keys="Front door B12", deposit=40_000, notice_days=30)
    made = make.make_reservation(tenant, [office], start, start + timedelta(days=92), let=terms)
    page = open_page(f"/reservations/{made.id}", tenant, width, height)
    section = page.get_by_role("region", name="The let")
    for words in ("Keys: Front door B12", "Deposit: €400.00", "30 days of notice"):
        expect(section).to_contain_text(words)
    section.get_by_role("button", name="Give notice").click()
    dialog = page.get_by_role("dialog", name="Give notice?")
    expect(dialog).to_contain_text("Notice cannot be taken back.")
    assert faults(page) == []
    dialog.get_by_role("button", name="No, go back").click()
    expect(dialog).to_be_hidden()
    section.get_by_role("button", name="Give notice").click()
    dialog.get_by_role("button", name="Yes, give notice").click()
    expect(page.get_by_role("status")).to_contain_text("Notice is given.")
    expect(section).to_contain_text("Notice was given on")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = open_page(f"/reservations/{made.id}", staff, width, height)
    section = page.get_by_role("region", name="The let")
    section.get_by_role("button", name="The keys are back").click()
    expect(page.get_by_role("status")).to_contain_text("the keys are back")
    section.get_by_role("button", name="Deposit given back").click()
    expect(section).to_contain_text("Given back on")
    expect(section.get_by_role("button", name="The keys are not back")).to_be_visible()
    assert faults(page) == []
