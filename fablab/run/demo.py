"""A demo lab in a folder of its own: configuration, secrets, database, devices. Thrown away when it ends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fablab.app import create_app
from fablab.core import schema
from fablab.core.config import Config, load_config
from fablab.core.db import db
from fablab.demo import service
from fablab.demo.hours import opening_hours
from fablab.people import passwords
from fablab.run import web

ZONE = "Europe/Paris"
WORDS = ("alder", "birch", "cedar", "elm", "hazel", "larch", "linden", "maple", "oak", "rowan", "spruce", "willow")

CONFIG = """\
# A demo lab with invented people. Everything in this folder is thrown away when the demo ends.
demo = true

[lab]
name = "Fab Lab du Morvan"
url = "https://fablab-morvan.example"
address = "Pôle numérique, 58140 Lormes"
lat = 47.2906
lon = 3.8172
timezone = "{zone}"
languages = ["fr", "en", "bg"]

[lab.opening_hours]
{hours}

[web]
host = {host}
port = {port}
secret_key_file = "secret_key"

[database]
url = "sqlite:///fablab.db"

[mqtt]
embedded = true
"""


@dataclass(frozen=True, slots=True)
class Lab:
    """A demo lab that is ready to be started."""

    config: Config
    file: Path
    plan: Path
    made: service.Demo
    password: str


def build(
    folder: Path, number: int, pace: float, now: datetime, where: tuple[str, int], say: Callable[[str], None]
) -> Lab:
    """Write a demo lab into `folder`: seeded by `number`, its devices at `pace`, its pages at `where`."""
    say("writing the configuration")
    hours = opening_hours(now, ZoneInfo(ZONE))
    lines = "\n".join(f"{day} = {json.dumps(words)}" for day, words in hours.items())
    (folder / "secret_key").touch(mode=0o600)
    (folder / "secret_key").write_text(secrets.token_urlsafe(48))
    file = folder / "config.toml"
    file.touch(mode=0o600)
    host, port = where
    file.write_text(CONFIG.format(zone=ZONE, hours=lines, host=json.dumps(host), port=port), encoding="utf-8")
    config = load_config(file)
    password = "-".join(secrets.choice(WORDS) for _ in range(2)) + f"-{secrets.randbelow(9000) + 1000}"
    app = create_app(config)
    with app.app_context():
        say("making the database")
        schema.upgrade()
        say("inventing forty people and four weeks of work")
        made = service.seed(config, number, now, password_hash=passwords.hashed(password), pace=pace)
        db.session.remove()
        db.engine.dispose()
    plan = folder / "devices.json"
    plan.write_text(json.dumps(made.plan, ensure_ascii=False, indent=1), encoding="utf-8")
    return Lab(config, file, plan, made, password)


ROLES = {"administrator": "Administrator", "manager": "Manager", "instructor": "Instructor", "maker": "Maker"}


def welcome(lab: Lab) -> str:
    """What is printed once the pages answer: the address and whom to sign in as."""
    lines = [
        "",
        f"  {lab.config.lab.name} is open: {web.address(lab.config)}",
        "  A demo: its people are invented, its devices simulated, and all is thrown away when it ends.",
        "",
        f"  Sign in with the password  {lab.password}",
    ]
    for login in lab.made.logins:
        lines.append(f"    {ROLES[login.role]:<14} {login.email:<26} {login.name} ({login.language})")
    return "\n".join([*lines, "", "  Ctrl-C ends it.", ""])
