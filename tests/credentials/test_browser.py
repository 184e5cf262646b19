"""The page where a certificate is verified, in a real Chromium: whole on a phone, without findings, by keyboard."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from fablab.core import clock
from fablab.core.actor import Role
from tests.credentials.conftest import holder_and_grant
from tests.factories import make_person
from tests.pages.conftest import Lab, OpenPage, chromium, lab, open_page
from tests.pages.test_browser import faults

__all__ = ["chromium", "lab", "open_page"]

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_answer_is_whole_and_without_findings(
    lab: Lab, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    make_person(role=Role.ADMINISTRATOR, password="a hash")
    now = clock.now()
    ago = {"granted_at": now - timedelta(days=9)}
    ids = [
        holder_and_grant(now, email="a@example.org", **ago)[1].public_id,
        holder_and_grant(now, email="b@example.org", suspended_at=now, **ago)[1].public_id,
        holder_and_grant(now, email="c@example.org", revoked_at=now, **ago)[1].public_id,
        "unknown",
    ]
    page = open_page(f"/verify/{ids[0]}", None, width, height, color_scheme=scheme)
    for public_id in ids:
        page.goto(f"{lab.url}/verify/{public_id}")
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert faults(page) == []


def test_another_language_is_chosen_by_keyboard(lab: Lab, open_page: OpenPage) -> None:
    make_person(role=Role.ADMINISTRATOR, password="a hash")
    _holder, grant = holder_and_grant(clock.now())
    page = open_page(f"/verify/{grant.public_id}", None)
    for language, what in (("bg", "Laser CO2 (bg)"), ("en", "Laser CO2")):
        page.locator("header summary").focus()
        page.keyboard.press("Enter")
        page.locator(f"header button[lang={language}]").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".verify-what")).to_have_text(what)
        assert page.url.endswith(grant.public_id)
