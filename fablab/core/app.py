"""The core app: configuration, database, words. All that the bridge and the jobs need to call services."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_babel import Babel
from flask_migrate import Migrate

from fablab.core import db as database
from fablab.core import logs
from fablab.core.config import Config

PACKAGE = Path(__file__).resolve().parent.parent

babel = Babel()
migrate = Migrate(directory=str(PACKAGE / "migrations"))


def create_core_app(config: Config) -> Flask:
    """A Flask app with database and words, without any page or route."""
    app = Flask("fablab", root_path=str(PACKAGE), static_folder=None)
    init_core(app, config)
    babel.init_app(app, locale_selector=lambda: config.lab.languages[0], timezone_selector=lambda: config.lab.timezone)
    return app


@contextmanager
def lab(config: Config) -> Iterator[Flask]:
    """The core app within its context, for a command; every connection to the database is closed at its end."""
    app = create_core_app(config)
    with app.app_context():
        try:
            yield app
        finally:
            database.db.session.remove()
            database.db.engine.dispose()


def init_core(app: Flask, config: Config) -> None:
    """Gives `app` the configuration, the database, translations and logs."""
    app.extensions["fablab_config"] = config
    app.config.update(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(config.database_url),
        BABEL_DEFAULT_LOCALE=config.lab.languages[0],
        BABEL_DEFAULT_TIMEZONE=config.lab.timezone,
        BABEL_TRANSLATION_DIRECTORIES=str(PACKAGE / "translations"),
        PERMANENT_SESSION_LIFETIME=timedelta(days=7),
    )
    if config.database_url.startswith("sqlite"):
        Path(config.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    database.init_app(app)
    migrate.init_app(app, database.db)
    logs.configure()


def _engine_options(url: str) -> dict[str, object]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 15}, "pool_size": 16, "max_overflow": 240}
    return {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 56}
