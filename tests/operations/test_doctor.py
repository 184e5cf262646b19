"""The doctor finds what is wrong, says what to do, and is content with a healthy lab."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from fablab.core import audit, clock, schema
from fablab.core.actor import system
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.devices.models import DeviceState, Journal
from fablab.operations import doctor
from fablab.operations.doctor import Finding, Severity
from tests import factories as make


@pytest.fixture(autouse=True)
def _private_key(config: Config) -> None:
    key_file(config).chmod(0o600)


def key_file(config: Config) -> Path:
    return config.path(config.web.secret_key_file)


def not_ok(config: Config, now: datetime | None = None) -> list[Finding]:
    return [one for one in doctor.examine(config, now or clock.now()) if one.severity != Severity.OK]


def test_a_healthy_lab_has_nothing_to_be_done(app: Flask, config: Config) -> None:
    make.make_device(last_seen_at=clock.now())
    assert not_ok(config) == []


def test_a_secret_key_that_others_can_read_is_a_problem(app: Flask, config: Config) -> None:
    key_file(config).chmod(0o644)
    (found,) = not_ok(config)
    assert (found.severity, found.subject, found.remedy) == (
        Severity.PROBLEM,
        "secret key",
        f"chmod 600 {key_file(config)}",
    )


def test_a_missing_key_says_how_to_get_one(app: Flask, config: Config) -> None:
    key_file(config).unlink()
    assert all("fablab init" in found.remedy for found in not_ok(config))
    assert not_ok(config)


def test_a_full_disk_is_a_problem(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 10**18)
    assert [(found.subject, found.severity) for found in not_ok(config)] == [("disk", Severity.PROBLEM)]


def test_a_pending_migration_is_a_problem_and_stops_nothing_else(app: Flask, config: Config) -> None:
    schema.downgrade("base")
    found = {one.subject: one for one in not_ok(config)}
    assert "fablab db upgrade" in found["database"].remedy
    assert found["database"].severity == Severity.PROBLEM


@pytest.mark.parametrize(
    ("now", "words"),
    [
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), "long past", id="1970"),
        pytest.param(clock.now() - timedelta(days=1), "journal goes to", id="behind the journal"),
    ],
)
def test_a_wrong_clock_is_a_problem(app: Flask, config: Config, now: datetime, words: str) -> None:
    make.save(Journal(received_at=clock.now(), topic="a/b", payload=b""))
    assert any(words in found.text and found.subject == "clock" for found in not_ok(config, now))


def test_silent_unheard_and_new_devices_are_named(app: Flask, config: Config) -> None:
    make.make_device(name="saw", last_seen_at=clock.now() - timedelta(days=3))
    make.make_device(name="mill")
    make.make_device(name="stranger", state=DeviceState.DISCOVERED)
    words = " ".join(found.text for found in not_ok(config))
    assert "saw is silent" in words
    assert "mill was never heard" in words
    assert "1 new on the broker" in words
    assert all(found.severity == Severity.WARNING for found in not_ok(config))


def test_a_changed_audit_log_is_a_problem(app: Flask, config: Config) -> None:
    person = make.make_person()
    with transaction():
        audit.record(system("cli"), "person.changed", person, make.NOW, before={}, after={"name": "Ada"})
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET via = 'web'"))
    db.session.remove()
    (found,) = not_ok(config)
    assert (found.subject, found.severity) == ("audit log", Severity.PROBLEM)
