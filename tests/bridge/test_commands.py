"""The bridge's commands: replay, record, broker-config, devices and their accounts."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from fablab.cli import fablab
from fablab.core import audit
from fablab.core.actor import system
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.devices import service as devices
from fablab.devices.models import Device, Journal
from fablab.usage.models import UsageSession
from firmware_bridge import replay
from firmware_bridge.decoders import BY_NAME
from tests.bridge.conftest import Client, LiveBroker, RunBridge, until
from tests.factories import NOW, make_device, make_machine

POWER = {"on_w": 60, "off_w": 40, "on_delay_s": 5, "off_delay_s": 60}


def run(config: Config, *words: str) -> Result:
    """A command with this test's configuration."""
    file = config.base_dir / "command.toml"
    file.write_text(f"[database]\nurl = {json.dumps(config.database.url)}\n")
    return CliRunner().invoke(fablab, ["--config", str(file), *words])


def told(device: Device, minutes: float, watts: float, kwh: float) -> None:
    """A reading of a plug, as it stands in the journal."""
    local = NOW + timedelta(hours=1, minutes=minutes)
    payload = json.dumps({"Time": f"{local:%Y-%m-%dT%H:%M:%S}", "ENERGY": {"Total": kwh, "Power": watts}}).encode()
    values: dict[str, Any] = {"topic": f"tele/{device.base}/SENSOR", "payload": payload, "qos": 1, "retained": False}
    with transaction() as session:
        at = NOW + timedelta(minutes=minutes)
        session.add(Journal(device_id=device.id, broker="main", received_at=at, outbound=False, **values))


@pytest.fixture
def plug(app: Flask) -> Device:
    """A plug whose journal tells of one use of half an hour and 0.4 kWh."""
    device = make_device(make_machine("Saw"), base="plug_saw", options={"power": POWER})
    told(device, 0, 5, 10.0)
    for step in range(11):
        told(device, 1 + 3 * step, 800, 10.0 + 0.04 * step)
    for minutes in (32, 40):
        told(device, minutes, 3, 10.4)
    return device


def test_replay_shows_and_on_wish_makes_what_the_journal_tells(plug: Device, config: Config) -> None:
    shown = run(config, "replay")
    assert shown.exit_code == 0, shown.output
    assert "new      plug" in shown.output
    assert "1 sessions would change" in shown.output
    assert db.session.scalars(select(UsageSession)).all() == []
    assert "1 sessions changed" in run(config, "replay", "--device", str(plug.id), "--apply").output
    db.session.rollback()
    row = db.session.scalars(select(UsageSession)).one()
    assert row.energy_wh == pytest.approx(400, abs=20)
    assert row.ended_at is not None
    assert "0 sessions would change" in run(config, "replay").output
    assert [entry.action for entry in audit.history("usage_session", str(row.id))] == ["usage.derived_again"]


def test_replay_names_what_differs_and_removes_what_was_never_told(plug: Device, config: Config, app: Flask) -> None:
    run(config, "replay", "--apply")
    db.session.rollback()
    with transaction() as session:
        session.scalars(select(UsageSession)).one().energy_wh = 9_000
        ghost = {"key": "ghost", "started_at": NOW, "ended_at": NOW, "updated_at": NOW, "flags": []}
        session.add(UsageSession(device_id=plug.id, **ghost))
    found = list(replay.differences(plug, NOW + timedelta(days=1)))
    assert [(one.kind, one.fields) for one in found] == [("gone", ()), ("changed", ("energy_wh",))]
    replay.apply(system("test"), found, NOW)
    assert list(replay.differences(plug, NOW + timedelta(days=1))) == []


def test_live_and_replay_agree(app: Flask, embedded: LiveBroker, run_bridge: RunBridge) -> None:
    laser = make_device(make_machine(), dialect="fablab_v1", base="fablab/v1/lab1/laser-1")
    bridge = run_bridge(app, embedded)
    with Client(embedded, "laser-1") as device:
        for seq, kind, data in (
            (1, "use.start", {"sid": "s1"}),
            (2, "tick", {"sid": "s1", "wh": 1.5, "w": 90, "relay": True}),
            (2, "tick", {"sid": "s1", "wh": 1.5, "w": 90, "relay": True}),
            (3, "use.end", {"sid": "s1", "why": "user", "run_s": 60, "wh": 2.5}),
        ):
            record = {
                "v": 1,
                "boot": "1-aa",
                "seq": seq,
                "up": seq * 1000,
                "ts": None,
                "tq": "none",
                "e": kind,
                "d": data,
            }
            device.say("fablab/v1/lab1/laser-1/up/ev", json.dumps(record))
        until(lambda: bridge.stored == 4, what="all stored")
    bridge.stop()
    db.session.rollback()
    assert db.session.scalars(select(UsageSession)).one().energy_wh == 2.5
    assert list(replay.differences(laser, NOW + timedelta(days=999))) == []


def test_record_writes_what_a_broker_says_without_card_numbers(
    config: Config, app: Flask, embedded: LiveBroker, tmp_path: Path
) -> None:
    home = config.base_dir / "var" / "broker"
    home.mkdir(parents=True)
    (home / "accounts.json").write_bytes((embedded.folder / "accounts.json").read_bytes())
    tap = json.dumps({"v": 1, "boot": "1-aa", "up": 1, "rid": "1-aa:1", "uid": "04A2246AB15C80"})
    with Client(embedded, "laser-1") as device:
        device.say("tele/plug_saw/LWT", "Online", retain=True)
        device.say("fablab/v1/lab1/laser-1/up/tap", tap, retain=True)
        out = tmp_path / "heard.jsonl"
        result = run(config, "record", str(out), "--minutes", "0.03")
    assert result.exit_code == 0, result.output
    lines = {line["topic"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert lines["tele/plug_saw/LWT"]["payload"] == "Online"
    assert lines["tele/plug_saw/LWT"]["retain"] is True
    assert "04A2246AB15C80" not in out.read_text()


def test_devices_are_added_listed_given_an_account_and_forgotten(config: Config, app: Flask, tmp_path: Path) -> None:
    machine = make_machine()
    added = run(config, "device", "adopt", "--dialect", "tasmota", "--base", "plug_x", "--resource", str(machine.id),
                "--option", 'power={"on_w": 60, "off_w": 40}')  # fmt: skip
    assert added.exit_code == 0, added.output
    db.session.rollback()
    device = devices.list_devices()[0]
    assert (device.options["power"]["on_w"], device.resource_id) == (60, machine.id)
    assert "plug_x" in run(config, "device", "list").output
    shown = run(config, "device", "credentials", str(device.id)).output
    password = shown.split("password: ")[1].split()[0]
    written = run(config, "broker-config", str(tmp_path / "broker"))
    assert written.exit_code == 0, written.output
    assert password not in (tmp_path / "broker" / "passwords").read_text()
    assert f"user device-{device.id}" in (tmp_path / "broker" / "access.acl").read_text()
    assert run(config, "device", "forget", str(device.id)).exit_code == 0
    db.session.rollback()
    assert devices.list_devices()[0].resource_id is None


@pytest.mark.parametrize(
    "words",
    [
        ("device", "adopt"),
        ("device", "adopt", "1", "--option", "nonsense"),
        ("broker-config", "x", "--cert", "/dev/null"),
        ("replay", "--device", "x"),
    ],
)
def test_wrong_use_is_said_in_one_sentence(config: Config, words: tuple[str, ...]) -> None:
    result = run(config, *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_every_dialect_can_be_adopted() -> None:
    assert set(devices.DIALECTS) == set(BY_NAME)
