"""The pictures of the README: starts the demo lab, signs in, takes each page at 1440 and at 390 pixels.

    python -m tools.screenshots [NAME …]     `make screenshots`

The demo runs from a fixed seed. Chromium is found as for the tests; without it nothing can be taken.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, sync_playwright

from tests.tools import find

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
READY_S = 60.0
SATURDAY = 5
WARM_UP_S = 20.0
"""So long the simulated devices get before the first picture, to have something to show."""

LASER = 7
"""The number of a laser cutter in every demo lab."""

VINYL = 11
"""The number of a machine that needs no more than the induction."""

MILL = 9
"""The number of the CNC mill."""

SHEET, FULL = 3, 5
"""The numbers of a training whose attendance sheet is open, and of one that is full."""

SAFETY = 10
"""The number of the certification with the quiz about lasers."""

LET = 7
"""The number of a lasting let in every demo lab."""

TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()
TOMORROW = f"day={TODAY + timedelta(days=2 if TODAY.weekday() == SATURDAY else 1)}"
"""The next day on which the demo lab is open: its pictures do not depend on the hour."""

DESK, PHONE = (1440, 900), (390, 844)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: `role` signs in (None: nobody), then `path` is opened."""

    name: str
    role: str | None
    path: str
    size: tuple[int, int] = DESK
    language: str = "en"


SHOTS = (
    Shot("wall", "Maker", "/wall"),
    Shot("wall-phone", "Maker", "/wall", PHONE, "fr"),
    Shot("machine", "Maker", f"/resources/{LASER}"),
    Shot("machine-phone", "Maker", f"/resources/{LASER}", PHONE, "bg"),
    Shot("book", "Instructor", f"/resources/{LASER}/book?{TOMORROW}&time=11:00&minutes=60"),
    Shot("find", "Maker", "/find?what=group:2&minutes=120&within=week"),
    Shot("label-phone", "Maker", f"/l/{VINYL}", PHONE),
    Shot("timeline", "Instructor", f"/timeline?{TOMORROW}"),
    Shot("rules", "Maker", f"/resources/{LASER}/rules"),
    Shot("series", "Instructor", "/series/1"),
    Shot("requests", "Manager", "/reservations/requests"),
    Shot("let", "Manager", f"/reservations/{LET}"),
    Shot("day-sheet", "Manager", f"/day?{TOMORROW}"),
    Shot("certifications", "Manager", "/certifications"),
    Shot("passport", "Maker", "/passport"),
    Shot("path", "Maker", f"/resources/{MILL}/path"),
    Shot("training", "Maker", f"/trainings/{FULL}"),
    Shot("attendance-phone", "Instructor", f"/trainings/{SHEET}/attendance", PHONE),
    Shot("quiz-phone", "Maker", f"/certifications/{SAFETY}/quiz", PHONE, "fr"),
    Shot("certificate-phone", None, "/verify/demo-0001", PHONE, "bg"),
    Shot("usage", "Manager", "/usage"),
    Shot("devices", "Administrator", "/devices"),
    Shot("reservations-phone", "Maker", "/agenda", PHONE, "fr"),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo lab: its address, the password, and whom to sign in as by role."""

    address: str
    password: str
    logins: dict[str, str]


@contextmanager
def running() -> Iterator[Demo]:
    """Starts the demo and ends it. Raises RuntimeError when it does not say its address in time."""
    command = [sys.executable, "-u", "-m", "fablab", "demo", "--seed", "7", "--speed", "10"]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield _told(child)
    finally:
        child.terminate()
        child.wait(30)


def _told(child: subprocess.Popen[str]) -> Demo:
    said, begun = "", time.monotonic()
    for line in child.stdout or ():
        said += line
        if "Ctrl-C" in line:
            break
        if time.monotonic() - begun > READY_S:
            raise RuntimeError(f"the demo was not ready after {READY_S:.0f} s; it said:\n{said}")
    address, password = re.search(r"(https?://\S+)", said), re.search(r"password\s+(\S+)", said)
    if address is None or password is None:
        raise RuntimeError(f"the demo did not say its address; it said:\n{said}")
    logins = dict(re.findall(r"^\s+(Administrator|Manager|Instructor|Maker)\s+(\S+@\S+)", said, re.MULTILINE))
    return Demo(address[1].rstrip("/"), password[1], logins)


def take(browser: Browser, demo: Demo, shot: Shot) -> Path:
    """Takes one picture in a browser of its own. Raises playwright's errors."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale={"en": "en-GB", "fr": "fr-FR", "bg": "bg-BG"}[shot.language],
        device_scale_factor=2 if shot.size == PHONE else 1,
        color_scheme="light",
    )
    page = context.new_page()
    if shot.role:
        sign_in(page, demo, shot.role)
    choose_language(page, demo, shot.language)
    open_page(page, demo.address + shot.path)
    page.wait_for_timeout(1500)
    target = IMAGES / f"{shot.name}.png"
    page.screenshot(path=target)
    context.close()
    return target


def sign_in(page: Page, demo: Demo, role: str) -> None:
    """Signs in as the demo's person of this role."""
    open_page(page, f"{demo.address}/sign-in")
    page.locator("input[name=email]").fill(demo.logins[role])
    page.locator("input[name=password]").fill(demo.password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def choose_language(page: Page, demo: Demo, language: str) -> None:
    """Sends the form of the language menu, where the page does not speak it already."""
    open_page(page, demo.address)
    if page.locator("html").get_attribute("lang") != language:
        button = page.locator(
            f'form[action*="/language/"] [value="{language}"], form[action$="/language/{language}"] button'
        )
        button.first.evaluate("button => button.form.requestSubmit(button)")
        page.wait_for_selector(f'html[lang="{language}"]', state="attached")


def open_page(page: Page, address: str) -> None:
    """Opens an address. Raises RuntimeError when the answer is an error page."""
    answer = page.goto(address)
    if answer is None or not answer.ok:
        raise RuntimeError(f"{address} was answered with {answer.status if answer else 'nothing'}")


def main(names: list[str]) -> None:
    """Takes the named pictures, all by default."""
    chromium = find("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed. On Debian: apt install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in SHOTS if not names or shot.name in names]
    with running() as demo, sync_playwright() as playwright:
        print(f"The demo is at {demo.address}; giving its devices {WARM_UP_S:.0f} s", flush=True)
        time.sleep(WARM_UP_S)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in wanted:
            print(f"  {take(browser, demo, shot).relative_to(ROOT)}", flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
