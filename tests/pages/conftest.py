"""A running lab for the browser: the whole application on a free port of this machine, and a Chromium to look at it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from werkzeug.serving import make_server

from fablab.app import create_app
from fablab.core.config import Config
from fablab.core.db import db
from fablab.pages.hub import Hub
from fablab.people.models import Person
from fablab.web import assets, stopping
from tests.tools import absent, require
from tests.web_helpers import session_cookie

CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


SOON = 5.0
"""Seconds within which what happens at once has surely happened, also on a busy machine."""


def wait_until_idle(hub: Hub) -> None:
    """The reader ends by itself once nobody listens; until then it uses the test's database."""
    end = time.monotonic() + SOON
    while hub._thread is not None and time.monotonic() < end:
        time.sleep(0.02)
    assert hub._thread is None


@dataclass(frozen=True)
class Lab:
    """The application that runs, and where."""

    app: Flask
    url: str


@pytest.fixture
def lab(sqlite_config: Config) -> Iterator[Lab]:
    """A lab on SQLite, served by threads as in a web process; within its context, so that factories work."""
    if not (assets.DIST / "manifest.json").exists():
        absent("the front end is not built: `make assets`")
    app = create_app(sqlite_config)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]  # of socketserver's ThreadingMixIn
    server.block_on_close = False  # type: ignore[attr-defined]  # of the same
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with app.app_context():
        yield Lab(app, f"http://127.0.0.1:{server.port}")
        stopping.FLAG.set()
        server.shutdown()
        thread.join()
        server.server_close()
        wait_until_idle(app.extensions["fablab_hub"])
        db.session.remove()
        db.engine.dispose()
    stopping.FLAG.clear()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Debian's Chromium, one for all tests."""
    path = require("chromium", "pages are looked at in a real browser")
    playwright: Playwright = request.getfixturevalue("playwright")
    browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
    yield browser
    browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, lab: Lab) -> Iterator[OpenPage]:
    """`open_page("/wall", person=…, width=390, height=844)`: a page of its own context. It fails the test at its end
    when the page broke a rule of the content policy or a script failed."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(path: str, person: Person | None = None, width: int = 1440, height: int = 900, **more: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB", **more)
        contexts.append(context)
        if person is not None:
            context.add_cookies([{"name": "fablab", "value": session_cookie(lab.app, person), "url": lab.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None)
        page.goto(lab.url + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints
