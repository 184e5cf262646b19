"""Thousands of broken payloads between good ones: the worker goes on, the good ones are counted, nothing is opened."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.core.db import db
from fablab.devices.models import Journal
from fablab.devices.readings import Message
from fablab.interlock.alarms import open_alarms
from fablab.interlock.models import AccessDecision
from firmware_bridge.bridge import Bridge
from firmware_bridge.mqtt import Delivered, Endpoint
from firmware_bridge.turn import Turn
from tests.dialects import stories
from tests.factories import NOW, make_device, make_machine

ROUNDS = 40
EACH = 100
NATIVE = "fablab/v1/lab1/laser-1"
EVENTS = ("PrintStarted", "PrintDone", "PrintFailed", "PrinterStateChanged")
TOPICS = (
    *("octo/mqtt", "octo/progress/printing", *(f"octo/event/{event}" for event in EVENTS)),
    *("voron/moonraker/status", "voron/klipper/status", "voron/klipper/state/print_stats/state"),
    *("tele/plug_a/SENSOR", "tele/plug_a/STATE", "stat/plug_a/RESULT", "tele/plug_a/LWT"),
    *(f"{NATIVE}/up/{leaf}" for leaf in ("ev", "hb", "tap", "status", "info", "rsp", "other")),
)
SPLINTERS = (
    *(b"null", b"NaN", b"1e999", b"\\ud800", b"\x00", b"\\u0000", b"[[[[", b'"', b"-1", b"true", b"9" * 40),
    *("\N{RIGHT-TO-LEFT OVERRIDE}".encode(), b"\xff"),
)


@pytest.fixture
def worker(app: Flask) -> Bridge:
    """A bridge without a broker: the test hands it what would have been delivered."""
    machine = make_machine()
    make_device(machine, dialect="octoprint", base="octo/")
    make_device(machine, dialect="moonraker", base="voron")
    make_device(machine, base="plug_a")
    make_device(machine, dialect="fablab_v1", base=NATIVE)
    bridge = Bridge(app, endpoints=[Endpoint("main", "127.0.0.1", 1, 1, "", "")], settle_s=0)
    bridge.registry.load()
    return bridge


def broken(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """A topic and a payload of some dialect, broken in one to four places."""
    corpus = [line["payload"].encode() for dialect in stories.FILES for line in stories.lines(dialect)]
    while True:
        payload = bytearray(chance.choice(corpus))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(payload) + 1)
            match chance.randrange(4):
                case 0:
                    payload[at:at] = chance.choice(SPLINTERS)
                case 1:
                    del payload[at : at + chance.randint(1, 9)]
                case 2:
                    payload[at : at + 1] = bytes([chance.randrange(256)])
                case _:
                    payload = payload[:at]
        yield chance.choice(TOPICS), bytes(payload)


def record(seq: int) -> bytes:
    """A good journal record."""
    told = {"v": 1, "boot": "1-00c0ffee", "seq": seq, "up": 1000 * seq, "ts": None, "tq": "none"}
    return json.dumps(told | {"e": "relay", "d": {"on": True, "why": "test"}}).encode()


def test_nonsense_harms_nobody(worker: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    link = worker._telemetry[0]
    acknowledged: list[int] = []
    monkeypatch.setattr(link, "acknowledge", lambda batch: acknowledged.extend(one.mid for one in batch))
    chance = random.Random(2026)
    nonsense = broken(chance)
    at = NOW.timestamp()
    for number in range(ROUNDS):
        heard = [next(nonsense) for _ in range(EACH)]
        heard.insert(chance.randrange(EACH), (f"{NATIVE}/up/ev", record(number + 1)))
        messages = [Message(topic, payload, at + number, 1, chance.random() < 0.1) for topic, payload in heard]
        worker._turn([Delivered(link, 0, mid, message) for mid, message in enumerate(messages)])
    assert len(acknowledged) == ROUNDS * (EACH + 1), "everything is taken off the broker"
    good = select(func.count()).where(Journal.boot == "1-00c0ffee", Journal.seq.is_not(None))
    assert db.session.scalar(good) == ROUNDS
    assert db.session.scalar(select(func.count()).where(Journal.problem == "not_storable")) == 0
    assert db.session.scalar(select(func.count()).where(AccessDecision.granted)) == 0


def test_a_device_that_floods_is_heard_and_raises_an_alarm_until_it_is_calm(
    worker: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = worker._telemetry[0]
    monkeypatch.setattr(link, "acknowledge", lambda _batch: None)
    at = NOW.timestamp()

    def hear(first: int, count: int, begin: float, apart: float) -> None:
        told = [Message(f"{NATIVE}/up/ev", record(first + n), begin + n * apart, 1) for n in range(count)]
        worker._turn([Delivered(link, 0, mid, message) for mid, message in enumerate(told)])

    hear(1, 200, at, 0.01)
    assert [alarm.kind for alarm in open_alarms()] == ["too_many_messages"]
    hear(201, 20, at + 10, 1.0)
    assert open_alarms() == []
    assert db.session.scalar(select(func.count()).where(Journal.seq.is_not(None))) == 220


def test_a_message_that_cannot_be_stored_is_kept_aside_and_the_others_are_stored(
    worker: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = worker._telemetry[0]
    acknowledged: list[int] = []
    monkeypatch.setattr(link, "acknowledge", lambda batch: acknowledged.extend(one.mid for one in batch))
    store = worker.store.store

    def fussy(turn: Turn, **options: bool) -> bool:
        if any(b"13" in row["payload"] and row["problem"] != "not_storable" for row in turn.rows):
            raise ValueError("13 cannot be stored")
        return store(turn, **options)

    monkeypatch.setattr(worker.store, "store", fussy)
    messages = [Message("octo/event/ZChange", str(number).encode(), NOW.timestamp(), 1) for number in range(20)]
    worker._turn([Delivered(link, 0, mid, message) for mid, message in enumerate(messages)])
    assert sorted(acknowledged) == list(range(20))
    rows = db.session.scalars(select(Journal)).all()
    assert [bytes(row.payload) for row in rows if row.problem == "not_storable"] == [b"13"]
    assert len(rows) == 20
