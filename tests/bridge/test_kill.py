"""The bridge killed by force in mid-stream, again and again: nothing is lost and nothing is counted twice."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.core.config import Config
from fablab.core.db import db
from fablab.devices.models import Journal
from fablab.usage.models import UsageSession
from tests.bridge.conftest import Client, LiveBroker, until
from tests.factories import make_device, make_machine

pytestmark = [pytest.mark.broker, pytest.mark.slow]

RECORDS = 1500
KILLS = 4
POWER = {"on_w": 60, "off_w": 40, "on_delay_s": 0.5, "off_delay_s": 0.5}
BASE = "fablab/v1/lab1/laser-1"
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """The bridge as a process of its own, started and killed."""

    def __init__(self, config: Config, live: LiveBroker) -> None:
        self._file = config.base_dir / "bridge.toml"
        self._file.write_text(_toml(config, live))
        self._child: subprocess.Popen[bytes] | None = None
        self._log = config.base_dir / "bridge.log"

    def start(self) -> None:
        """Start it; it connects by itself."""
        command = [sys.executable, "-m", "firmware_bridge", "--config", str(self._file)]
        with self._log.open("ab") as written:
            self._child = subprocess.Popen(command, cwd=ROOT, stderr=written)

    def end(self, how: signal.Signals) -> int:
        """Send it a signal and wait; gives its exit status."""
        assert self._child is not None
        self._child.send_signal(how)
        status = self._child.wait(20)
        self._child = None
        return status

    def connected(self) -> bool:
        """True when its last run has connected for the dialogue."""
        last = self._log.read_text().rsplit("bridge listens", 1)
        return len(last) == 2 and '"mqtt": 5' in last[1] + last[0]

    def close(self) -> None:
        """End it if it still runs."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()


def _toml(config: Config, live: LiveBroker) -> str:
    head = f"[database]\nurl = {json.dumps(config.database.url)}\n[mqtt]\n"
    if live.kind == "embedded":
        home = config.base_dir / "var" / "broker"
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(live.folder / "accounts.json", home / "accounts.json")
        return head + "embedded = true\n"
    password = config.base_dir / "server.password"
    password.write_text(live.endpoint.password)
    return head + (
        f'embedded = false\nhost = "127.0.0.1"\nport = {live.endpoint.port}\nusername = "{live.endpoint.username}"\n'
        f'password_file = "{password}"\n'
    )


@pytest.fixture
def process(config: Config, broker: LiveBroker) -> Iterator[Process]:
    """A bridge process on the test's database and broker."""
    made = Process(config, broker)
    yield made
    made.close()


def record(seq: int) -> str:
    """The records of one use: its start, ticks while the counter rises by 0.1 Wh each, its end."""
    kind = "use.start" if seq == 1 else "use.end" if seq == RECORDS else "tick"
    data: dict[str, Any] = {"sid": "s1"}
    if kind != "use.start":
        data |= {"wh": round(seq / 10, 1)}
    if kind == "tick":
        data |= {"w": 500.0, "relay": True}
    if kind == "use.end":
        data |= {"why": "user", "run_s": 600}
    told = {"v": 1, "boot": "7-1234abcd", "seq": seq, "up": 1000 * seq, "ts": None, "tq": "none", "e": kind, "d": data}
    return json.dumps(told)


def acknowledged(device: Client) -> int:
    """Up to which record the device may forget."""
    return max((json.loads(told)["seq"] for topic, told in device.heard if topic.endswith("/dn/ack")), default=0)


def test_killed_again_and_again_nothing_is_lost_or_doubled(
    app: Flask, config: Config, broker: LiveBroker, process: Process
) -> None:
    laser = make_device(make_machine("Laser"), dialect="fablab_v1", base=BASE)
    saw = make_device(make_machine("Saw"), base="plug_saw", options={"power": POWER})
    process.start()
    with Client(broker, "laser-1") as reader, Client(broker, "fablab-devices") as plug:
        reader.listen(f"{BASE}/dn/#")
        until(process.connected, what="the bridge has connected", timeout=20)
        time.sleep(0.5)
        plug.say("tele/plug_saw/SENSOR", _energy(5, 10.0))
        plug.say("tele/plug_saw/SENSOR", _energy(900, 10.0))
        until(lambda: _begun(saw.id), timeout=20, what="the use of the saw has begun")
        kills = sorted(random.Random(7).sample(range(100, RECORDS - 100), KILLS))
        for seq in range(1, RECORDS + 1):
            reader.client.publish(f"{BASE}/up/ev", record(seq), 1)
            if seq % 10 == 0:
                plug.client.publish("tele/plug_saw/SENSOR", _energy(900, 10.0 + seq / 10_000), 1)
                time.sleep(0.02)
            if seq in kills:
                process.end(signal.SIGKILL)
                process.start()
        plug.say("tele/plug_saw/SENSOR", _energy(2, 10.0 + RECORDS / 10_000))
        until(lambda: _stored(laser.id) >= RECORDS or acknowledged(reader) == RECORDS, timeout=40, what="all stored")
        _send_again(reader)
        until(lambda: acknowledged(reader) == RECORDS, timeout=20, what="all acknowledged")
        until(lambda: _ended(saw.id), timeout=20, what="the use of the saw has ended")
    assert process.end(signal.SIGTERM) == 0, "told to end, it ends well"
    db.session.rollback()
    numbers = db.session.scalars(select(Journal.seq).where(Journal.device_id == laser.id, Journal.seq.is_not(None)))
    assert sorted(number or 0 for number in numbers) == list(range(1, RECORDS + 1))
    sessions = list(db.session.scalars(select(UsageSession).where(UsageSession.device_id == laser.id)))
    assert [(one.energy_wh, one.outcome and one.outcome.value) for one in sessions] == [(RECORDS / 10, "completed")]
    cuts = list(db.session.scalars(select(UsageSession).where(UsageSession.device_id == saw.id)))
    assert [one.energy_wh for one in cuts] == [pytest.approx(RECORDS / 10, abs=2)]


def _send_again(reader: Client) -> None:
    """As firmware does: what is not acknowledged is sent again."""
    for seq in range(acknowledged(reader) + 1, RECORDS + 1):
        reader.client.publish(f"{BASE}/up/ev", record(seq).replace('"v": 1', '"v": 1, "r": 1'), 1)
    if acknowledged(reader) == RECORDS:
        return
    reader.say(f"{BASE}/up/ev", record(RECORDS))


def _energy(watts: float, kwh: float) -> str:
    return json.dumps({"Time": "2026-03-02T09:05:05", "ENERGY": {"Total": round(kwh, 4), "Power": watts}})


def _stored(device_id: int) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Journal.seq)).where(Journal.device_id == device_id)) or 0


def _begun(device_id: int) -> bool:
    db.session.rollback()
    return db.session.scalar(select(UsageSession.id).where(UsageSession.device_id == device_id)) is not None


def _ended(device_id: int) -> bool:
    db.session.rollback()
    ends = list(db.session.scalars(select(UsageSession.ended_at).where(UsageSession.device_id == device_id)))
    return bool(ends) and all(ends)
