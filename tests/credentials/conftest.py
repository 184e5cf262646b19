"""A lab with an address, a holder, and a grant to sign."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from fablab.app import create_app
from fablab.certifications.models import Grant
from fablab.core.config import Config
from fablab.core.db import db
from fablab.credentials import routes
from fablab.people.models import Person
from tests.conftest import forget_the_request_before
from tests.factories import make_certification, make_grant, make_person

HOME = "https://lab.example.org"


@pytest.fixture(autouse=True)
def _another_minute(request: pytest.FixtureRequest) -> None:
    """Each test may ask as often as somebody who comes for the first time."""
    for name in ("app", "sqlite_app", "lab"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
            routes.limiter.reset()


@pytest.fixture
def now() -> datetime:
    """The real time, in whole seconds: the verifiers of others look at the clock."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def config(config: Config) -> Config:
    """The lab knows under which address it is reached."""
    return config.with_changes(web={"base_url": HOME})


@pytest.fixture
def sqlite_app(sqlite_config: Config) -> Iterator[Flask]:
    """The application on SQLite alone, for what does not depend on the database."""
    application = create_app(sqlite_config.with_changes(web={"base_url": HOME}))
    application.config["TESTING"] = True
    application.before_request_funcs.setdefault(None, []).insert(0, forget_the_request_before)
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


def holder_and_grant(now: datetime, *, email: str = "ana@example.org", **over: object) -> tuple[Person, Grant]:
    """Ana-Maria Petrova, certified a month ago for another year."""
    holder = make_person(name="Ana-Maria Petrova", email=email)
    certification = make_certification("Laser CO2")
    values = {"granted_at": now - timedelta(days=30), "valid_until": now + timedelta(days=335)}
    return holder, make_grant(holder, certification, **values | over)
