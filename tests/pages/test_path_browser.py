"""The passport and the way to a machine in a real Chromium: with axe, on a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from fablab.core import clock
from tests.pages.conftest import Lab, OpenPage
from tests.pages.path_world import make_passport, make_path_lab
from tests.pages.test_browser import faults

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_axe_finds_nothing_and_nothing_is_cut_off(open_page: OpenPage, width: int, height: int, scheme: str) -> None:
    now = clock.now()
    world = make_path_lab(now)
    person, _luc = make_passport(now)
    for address, reader in ((f"/resources/{world.laser.id}/path", world.maker), ("/passport", person)):
        page = open_page(address, person=reader, width=width, height=height, color_scheme=scheme)
        for folded in page.locator("details.way-others").all():
            folded.evaluate("one => { one.open = true; }")
        assert not faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_other_way_unfolds_by_keyboard(lab: Lab, open_page: OpenPage) -> None:
    world = make_path_lab(clock.now())
    page = open_page(f"/resources/{world.laser.id}/path", person=world.maker)
    title = page.get_by_text("Instead of CO2 laser: Fibre laser")
    expect(title).to_be_hidden()
    page.get_by_text("Another way would do as well").focus()
    page.keyboard.press("Enter")
    expect(title).to_be_visible()
