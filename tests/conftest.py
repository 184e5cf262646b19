"""Fixtures of all tests: a configuration, both databases, the app, a client; guards that keep tests honest."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event

from fablab.app import create_app
from fablab.core import schema
from fablab.core.app import create_core_app
from fablab.core.config import Config, load_config
from fablab.core.db import db
from tests import postgres

SECRET = "a secret of the tests that is long enough for the check"

DATABASES = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]
"""Every test of data runs on both: take the fixture `app`, `client` or `database_url`."""


def make_config(folder: Path, **sections: dict[str, object]) -> Config:
    """The built-in defaults in `folder`, with a secret key; `sections` change keys."""
    (folder / "var").mkdir(parents=True, exist_ok=True)
    (folder / "var" / "secret_key").write_text(SECRET)
    file = folder / "config.toml"
    if not file.exists():
        file.write_text('[lab]\nname = "Test Lab"\n')
    return load_config(file).with_changes(**sections)


def upgrade(url: str, folder: Path) -> None:
    """Brings the database at `url` to the newest version."""
    app = create_core_app(make_config(folder, database={"url": url}))
    with app.app_context():
        schema.upgrade()
        db.engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows; copy it, never write to it."""
    folder = tmp_path_factory.mktemp("sqlite")
    upgrade(f"sqlite:///{folder}/template.db", folder)
    return folder / "template.db"


@pytest.fixture(scope="session")
def postgres_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Databases]:
    """Clones of one migrated PostgreSQL database."""
    folder = tmp_path_factory.mktemp("postgres")
    with postgres.server_url() as url:
        databases = postgres.Databases(url, lambda template: upgrade(template, folder))
        yield databases
        databases.close()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database, once SQLite and once PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "lab.db")
        yield f"sqlite:///{tmp_path}/lab.db"
        return
    databases: postgres.Databases = request.getfixturevalue("postgres_databases")
    url = databases.clone()
    yield url
    databases.drop(url)


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Config:
    """The configuration of a small lab on the test's database."""
    return make_config(tmp_path, database={"url": database_url})


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """The whole web application, within its context."""
    application = create_app(config)
    application.config["TESTING"] = True
    application.before_request_funcs.setdefault(None, []).insert(0, forget_the_request_before)
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


def forget_the_request_before() -> None:
    """Requests within the context of the fixture share its `g`: each begins with an empty one, as on a server."""
    vars(g).clear()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor's browser without JavaScript."""
    return app.test_client()


@pytest.fixture
def sqlite_config(tmp_path: Path, migrated_sqlite: Path) -> Config:
    """For what does not depend on the database (browser, layout): a lab on SQLite only."""
    shutil.copy(migrated_sqlite, tmp_path / "lab.db")
    return make_config(tmp_path, database={"url": f"sqlite:///{tmp_path}/lab.db"})


@pytest.fixture(autouse=True)
def _no_lab_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FABLAB_") and "__" in name]:
        monkeypatch.delenv(name)


CountQueries = Callable[[], int]


@pytest.fixture
def count_queries(app: Flask) -> Iterator[CountQueries]:
    """A function that tells how many statements were sent since it was called last."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    def tell() -> int:
        count = len(seen)
        seen.clear()
        return count

    event.listen(db.engine, "before_cursor_execute", note)
    yield tell
    event.remove(db.engine, "before_cursor_execute", note)
