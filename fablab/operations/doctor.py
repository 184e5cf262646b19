"""`fablab doctor`: looks at everything a lab stands on and says what to do about what is wrong.

Each check is a function that gives findings; a finding that needs somebody to act has a remedy. The checks of the
broker are the bridge's (`firmware_bridge.doctor`); the command puts both together.
"""

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from fablab.core import audit, schema
from fablab.core.config import Config, ConfigError
from fablab.core.db import db, is_postgresql
from fablab.core.errors import FablabError
from fablab.devices.models import Device, DeviceState, Journal

MIN_FREE_BYTES = 500_000_000
SILENT_FOR = timedelta(days=2)
CLOCK_TOLERANCE = timedelta(seconds=2)
RELEASED_ON = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows an instant before this program was written."""


class Severity(StrEnum):
    """`problem` fails the command, `warning` does not."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it ('' when nothing is to be done)."""

    subject: str
    severity: Severity
    text: str
    remedy: str = ""


def ok(subject: str, words: str) -> Finding:
    """All is well."""
    return Finding(subject, Severity.OK, words)


def warning(subject: str, words: str, remedy: str) -> Finding:
    """Somebody should look at it."""
    return Finding(subject, Severity.WARNING, words, remedy)


def problem(subject: str, words: str, remedy: str) -> Finding:
    """The lab does not work, or not safely, until somebody acts."""
    return Finding(subject, Severity.PROBLEM, words, remedy)


Check = Callable[[Config, datetime], Iterator[Finding]]


def examine(config: Config, now: datetime) -> list[Finding]:
    """Runs every check, in an app context; one that cannot be carried out is a problem itself."""
    findings: list[Finding] = []
    for check in (clock, secrets, disk, database, devices, audit_log):
        try:
            findings.extend(check(config, now))
        except (FablabError, SQLAlchemyError) as error:
            reason = str(getattr(error, "orig", None) or error)
            findings.append(problem(check.__name__.replace("_", " "), reason, "see the other findings first"))
    return findings


def secrets(config: Config, _now: datetime) -> Iterator[Finding]:
    """Secret files can be read by their owner only."""
    files = {"secret key": config.web.secret_key_file, "broker password": config.mqtt.password_file}
    for subject, relative in files.items():
        if relative is None:
            continue
        file = config.path(relative)
        try:
            mode = file.stat().st_mode
        except OSError as error:
            yield problem(subject, f"{file}: {error.strerror}", "`fablab init` writes what is missing")
            continue
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield problem(subject, f"{file} can be read by others", f"chmod 600 {file}")
        else:
            yield ok(subject, f"{file} is for its owner only")
    try:
        _ = config.secret_key
    except ConfigError as error:
        yield problem("secret key", str(error), "`fablab init` writes a long one")


def disk(config: Config, _now: datetime) -> Iterator[Finding]:
    """Where the lab writes there is room."""
    folder = _existing(config.base_dir / "var")
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB free in {folder}"
    if free < MIN_FREE_BYTES:
        yield problem("disk", words, f"make room: at least {MIN_FREE_BYTES / 1e9:.1f} GB are needed")
    else:
        yield ok("disk", words)


def database(_config: Config, _now: datetime) -> Iterator[Finding]:
    """The database answers, has the schema this program needs, and is whole."""
    try:
        schema.check()
    except schema.SchemaError as error:
        yield problem("database", str(error), "`fablab db upgrade`, after a backup")
        return
    yield ok("database", f"{db.engine.dialect.name}, schema {schema.head()}")
    if not is_postgresql():
        result = db.session.scalar(text("PRAGMA quick_check(1)"))
        if result != "ok":
            yield problem("database", f"SQLite reports: {result}", "stop the lab and restore the newest backup")


def clock(_config: Config, now: datetime) -> Iterator[Finding]:
    """The clock is plausible, does not run behind what was recorded, and agrees with the database's."""
    newest = db.session.scalar(select(func.max(Journal.received_at)))
    apart = _apart(now)
    if now < RELEASED_ON:
        yield problem("clock", f"it shows {now:%Y-%m-%d %H:%M} UTC, which is long past", "set it, or start time sync")
    elif newest is not None and now < newest - CLOCK_TOLERANCE:
        yield problem(
            "clock", f"it shows {now:%Y-%m-%d %H:%M} UTC; the journal goes to {newest:%Y-%m-%d %H:%M}", "set the clock"
        )
    elif apart > CLOCK_TOLERANCE:
        yield problem("clock", f"{apart.total_seconds():.0f} s apart from the database's", "start time sync on both")
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def devices(_config: Config, now: datetime) -> Iterator[Finding]:
    """Adopted devices speak; new ones are waiting to be looked at."""
    adopted = list(db.session.scalars(select(Device).where(Device.state == DeviceState.ADOPTED).order_by(Device.name)))
    for device in adopted:
        if device.last_seen_at is None:
            yield warning("devices", f"{device.name} was never heard", "check its broker address, account and topic")
        elif device.last_seen_at < now - SILENT_FOR:
            yield warning(
                "devices", f"{device.name} is silent since {device.last_seen_at:%Y-%m-%d}", "is it plugged in?"
            )
    yield ok("devices", f"{len(adopted)} adopted")
    waiting = db.session.scalar(select(func.count()).where(Device.state == DeviceState.DISCOVERED)) or 0
    if waiting:
        yield warning("devices", f"{waiting} new on the broker", "adopt or ignore them on the page Devices")


def audit_log(_config: Config, _now: datetime) -> Iterator[Finding]:
    """Nobody changed the audit log."""
    broken = audit.verify()
    if broken is None:
        yield ok("audit log", "whole")
    else:
        yield problem("audit log", f"entry {broken} does not follow from the one before", "compare with a backup")


def _apart(now: datetime) -> timedelta:
    if not is_postgresql():
        return timedelta(0)
    theirs: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return abs(theirs - now)


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)
