"""Which processes a lab consists of, and running them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from fablab.core import schema
from fablab.core.app import create_core_app
from fablab.core.config import Config
from fablab.core.db import db
from fablab.people import setup
from fablab.run import web
from fablab.run.supervisor import Program, answers, supervise
from firmware_bridge import broker

FAREWELL_S = 1.0
"""How long the embedded broker stays when all end: bridge and devices say good-bye through it."""


def run(config: Config, file: Path | None, announce: Callable[[], None], plan: Path | None = None) -> int:
    """Run everything until something ends; `announce` is called once the pages answer. Returns the exit status."""
    health = f"{web.address(config)}/api/v1/health"
    return supervise(programs(config, file, plan), lambda: answers(health), announce)


def prepare(config: Config) -> str | None:
    """What a first start needs: a secret key and an empty database's tables. An older database is left as it is.

    Returns the one-time code for the set-up page while the lab has no administrator, else None.
    Raises SchemaError when the database does not fit this program.
    """
    key = config.path(config.web.secret_key_file)
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(48))
    app = create_core_app(config)
    with app.app_context():
        if schema.current() is None:
            schema.upgrade()
        schema.check()
        code = setup.code(config) if setup.is_needed() else None
        db.session.remove()
        db.engine.dispose()
    return code


def programs(config: Config, file: Path | None, plan: Path | None = None) -> list[Program]:
    """Broker, bridge, jobs, pages, and the simulated devices of a plan. Writes the embedded broker's configuration."""
    options = ("--config", str(file)) if file is not None else ()
    found = [Program("bridge", "firmware_bridge", options)]
    found += [Program(name, "fablab", (*options, name)) for name in ("jobs", "web")]
    if config.mqtt.embedded:
        told = broker.prepare(broker.home(config), config.mqtt.port)
        found.insert(0, Program("broker", "firmware_bridge.broker", (str(told.config),), FAREWELL_S))
        if plan is not None:
            arguments = (str(plan), "--broker", str(told.folder))
            found.append(Program("devices", "firmware_bridge.simulate", arguments))
    return found
