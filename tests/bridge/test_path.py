"""The path of a message, end to end: a real broker, a real database, the bridge in this process."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.core import badges, clock
from fablab.core.db import db
from fablab.devices import service as devices
from fablab.devices.models import Device, DeviceState, Journal
from fablab.interlock.models import AccessDecision
from fablab.people.models import Badge
from fablab.usage.models import UsageSession
from tests.bridge.conftest import Client, LiveBroker, RunBridge, until
from tests.factories import (
    make_certification,
    make_device,
    make_grant,
    make_machine,
    make_person,
    require_certification,
    save,
)

pytestmark = pytest.mark.broker


def sensor(watts: float, total_kwh: float = 1.0) -> str:
    """A Tasmota SENSOR message."""
    return json.dumps({"Time": "2026-03-02T09:05:05", "ENERGY": {"Total": total_kwh, "Power": watts}})


def record(boot: str, seq: int, kind: str, **data: Any) -> str:
    """A native journal record."""
    told = {"v": 1, "boot": boot, "seq": seq, "up": 1000 * seq, "ts": None, "tq": "none", "e": kind, "d": data}
    return json.dumps(told)


def journalled(**where: Any) -> int:
    """How many messages from outside are in the journal."""
    db.session.rollback()
    query = select(func.count()).select_from(Journal).where(Journal.outbound.is_(False))
    return db.session.scalar(query.filter_by(**where)) or 0


def _discovered() -> list[Device]:
    db.session.rollback()
    return devices.list_devices(DeviceState.DISCOVERED)


def test_a_message_goes_from_the_broker_into_the_journal_and_becomes_usage(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    plug = make_device(make_machine(), base="plug_saw", options={"power": {"on_w": 60, "off_w": 40}})
    run_bridge(app, broker)
    with Client(broker, "fablab-devices") as device:
        device.say("tele/plug_saw/LWT", "Online", retain=True)
        device.say("tele/plug_saw/SENSOR", sensor(2))
        device.say("tele/plug_saw/SENSOR", sensor(900))
        until(lambda: journalled(device_id=plug.id) == 3, what="three messages in the journal")
    db.session.expire_all()
    row = db.session.get(Device, plug.id)
    assert row is not None
    assert row.online
    assert row.live["power_w"] == 900
    assert row.last_seen_at is not None
    first = devices.journal(plug.id)[-1]
    assert (first.topic, bytes(first.payload), first.qos) == ("tele/plug_saw/LWT", b"Online", 1)


def test_native_records_are_stored_once_and_acknowledged_by_the_application(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    laser = make_device(make_machine(), dialect="fablab_v1", base="fablab/v1/lab1/laser-1")
    run_bridge(app, broker)
    with Client(broker, "laser-1") as device:
        device.listen("fablab/v1/lab1/laser-1/dn/#")
        for seq in (1, 2, 2, 1, 3):
            device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aa", seq, "relay", on=True, why="test"))
        device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aa", 2, "relay", on=False, why="forged"))
        acks = "fablab/v1/lab1/laser-1/dn/ack"
        until(lambda: (acks, b'{"v":1,"boot":"1-aa","seq":3}') in device.heard, what="acknowledged up to 3")
        until(lambda: journalled(problem="conflicting_record") == 1, what="the forged record is kept aside")
    stored = select(Journal.boot, Journal.seq).where(Journal.device_id == laser.id, Journal.seq.is_not(None))
    assert sorted((row.boot, row.seq) for row in db.session.execute(stored)) == [("1-aa", 1), ("1-aa", 2), ("1-aa", 3)]


def test_records_that_make_no_sense_are_stored_and_acknowledged_too(
    app: Flask, embedded: LiveBroker, run_bridge: RunBridge
) -> None:
    make_device(make_machine(), dialect="fablab_v1", base="fablab/v1/lab1/laser-1")
    run_bridge(app, embedded)
    with Client(embedded, "laser-1") as device:
        device.listen("fablab/v1/lab1/laser-1/dn/#")
        device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aabb", 1, "relay", on=True, why="x"))
        device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aabb", 2, "relay").replace('"up": 2000', '"up": "soon"'))
        device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aabb", 3, "relay").replace('"v": 1', '"v": 2'))
        device.say("fablab/v1/lab1/laser-1/up/ev", record("1-aabb", 4, "relay", on=False, why="x"))
        told = ("fablab/v1/lab1/laser-1/dn/ack", b'{"v":1,"boot":"1-aabb","seq":4}')
        until(lambda: told in device.heard, what="all acknowledged")
    assert journalled(problem="newer_version") == journalled(problem="bad_field") == 1


def test_junk_between_good_messages_harms_nobody(app: Flask, broker: LiveBroker, run_bridge: RunBridge) -> None:
    plug = make_device(make_machine(), base="plug_saw")
    laser = make_device(make_machine(), dialect="fablab_v1", base="fablab/v1/lab1/laser-1")
    run_bridge(app, broker)
    junk = [b"", b"{", b"\xff\xfe\x00", b"[" * 5000, b'{"ENERGY":{"Power":NaN}}', b"null", b"\x00" * 100, b"9" * 400]
    with (
        Client(broker, "fablab-devices") as device,
        Client(broker, "laser-1") as reader,
    ):
        for number, nonsense in enumerate(junk):
            device.say("tele/plug_saw/SENSOR", nonsense)
            reader.say("fablab/v1/lab1/laser-1/up/ev", nonsense)
            reader.say("fablab/v1/lab1/laser-1/up/tap", nonsense)
            device.say("tele/plug_saw/SENSOR", sensor(number))
            reader.say("fablab/v1/lab1/laser-1/up/ev", record("1-aa", number + 1, "relay", on=True, why="x"))
        device.say("tele/plug_saw/SENSOR", b"x" * 100_000)
        until(lambda: journalled(problem="oversized") == 1, what="what is too large is kept")
        until(lambda: journalled(device_id=plug.id) == 2 * len(junk) + 1, what="all of the plug")
        until(lambda: journalled(device_id=laser.id) == 3 * len(junk), what="all of the reader")
    numbers = select(func.count()).select_from(Journal).where(Journal.seq.is_not(None))
    assert db.session.scalar(numbers) == len(junk)
    large = db.session.scalars(select(Journal).where(Journal.problem == "oversized")).one()
    assert len(large.payload) == 4096
    assert sum(one.count for one in devices.problems()) >= len(junk)


def test_a_topic_of_nobody_is_kept_once_and_counted(app: Flask, embedded: LiveBroker, run_bridge: RunBridge) -> None:
    bridge = run_bridge(app, embedded)
    with Client(embedded, "fablab-devices") as device:
        for _ in range(5):
            device.say("fablab/v1/lab1/ghost/up/ev", record("1-aa", 1, "tap", uid="04A2246AB15C80"))
        until(lambda: bridge.stored == 5, what="all five have been heard")
    assert bridge.inbound.counts["unknown_device"] == 5
    assert journalled(problem="unknown_device") == 1
    assert b"04A2246AB15C80" not in bytes(devices.journal()[0].payload)


def test_a_stranger_on_the_broker_is_offered_for_adoption(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    run_bridge(app, broker)
    with Client(broker, "fablab-devices") as device:
        device.say("tele/plug_new/LWT", "Online", retain=True)
        until(_discovered, what="seen")
    found = _discovered()[0]
    assert (found.dialect, found.base) == ("tasmota", "plug_new")


def test_a_device_adopted_while_the_bridge_runs_is_heard_and_a_forgotten_one_is_not(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge, staff: Any
) -> None:
    bridge = run_bridge(app, broker)
    found = devices.add_device(staff, "tasmota", "plug_late", clock.now())
    power = {"on_w": 60, "off_w": 40, "on_delay_s": 0.1}
    devices.adopt(staff, found.id, clock.now(), resource_id=make_machine().id, options={"power": power})
    until(lambda: bridge.registry.remembered("main", "tele/plug_late/SENSOR"), what="read anew")
    until(bridge.listening, what="subscribed")
    with Client(broker, "fablab-devices") as device:
        device.say("tele/plug_late/SENSOR", sensor(900))
        until(lambda: journalled(device_id=found.id), what="heard")
        until(lambda: _sessions_of(found), what="in use")
        devices.forget(staff, found.id, clock.now())
        until(lambda: not bridge.registry.remembered("main", "tele/plug_late/SENSOR"), what="not listening")
        before = journalled()
        time.sleep(0.2)
        device.say("tele/plug_late/SENSOR", sensor(6))
        time.sleep(0.3)
        assert journalled() == before
    until(lambda: _sessions_of(found)[0].ended_at is not None, what="the open session has ended")


def test_the_broker_goes_away_and_comes_back(app: Flask, broker: LiveBroker, run_bridge: RunBridge) -> None:
    plug = make_device(make_machine(), base="plug_saw")
    run_bridge(app, broker)
    with Client(broker, "fablab-devices") as device:
        device.say("tele/plug_saw/SENSOR", sensor(5))
        until(lambda: journalled(device_id=plug.id) == 1)
        broker.stop()
        time.sleep(1.0)
        broker.start()
        until(lambda: device.client.is_connected(), what="the device is back", timeout=20)
        began = time.monotonic()
        count = 0
        while journalled(device_id=plug.id) < 2:
            assert time.monotonic() - began < 10, "the bridge is back within 10 s"
            device.say("tele/plug_saw/SENSOR", sensor(6 + count))
            count += 1
            time.sleep(0.2)


def test_a_locked_database_delays_but_loses_nothing_and_nothing_is_acknowledged_meanwhile(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    plug = make_device(make_machine(), base="plug_saw")
    bridge = run_bridge(app, broker)
    broken = threading.Event()
    store = bridge.store.store

    def failing(*args: Any, **kwargs: Any) -> bool:
        if broken.is_set():
            raise outage()
        return store(*args, **kwargs)

    bridge.store.store = failing  # type: ignore[method-assign]  # the database is away
    with Client(broker, "fablab-devices") as device:
        device.say("tele/plug_saw/SENSOR", sensor(5))
        until(lambda: journalled(device_id=plug.id) == 1)
        broken.set()
        for watts in range(10):
            device.say("tele/plug_saw/SENSOR", sensor(100 + watts))
        time.sleep(0.5)
        assert journalled(device_id=plug.id) == 1
        broken.clear()
        until(lambda: journalled(device_id=plug.id) == 11, what="all of it, in order")
    told = [json.loads(bytes(row.payload))["ENERGY"]["Power"] for row in reversed(devices.journal(plug.id))]
    assert told == [5, *range(100, 110)]


def test_a_retained_tap_and_an_unknown_badge_open_nothing(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    make_device(make_machine(), dialect="fablab_v1", base="fablab/v1/lab1/laser-1")
    tap = json.dumps({"v": 1, "boot": "1-aa", "up": 5000, "rid": "1-aa:1", "uid": "04A2246AB15C80"})
    with Client(broker, "laser-1") as device:
        device.listen("fablab/v1/lab1/laser-1/dn/#")
        device.say("fablab/v1/lab1/laser-1/up/tap", tap, retain=True)
        run_bridge(app, broker)
        until(lambda: journalled(retained=True) == 1, what="the stored tap was seen")
        device.say("fablab/v1/lab1/laser-1/up/tap", tap.replace("1-aa:1", "1-aa:2"))
        answers = "fablab/v1/lab1/laser-1/dn/tap"
        until(lambda: [topic for topic, _ in device.heard if topic == answers], what="an answer")
        told = [json.loads(payload) for topic, payload in device.heard if topic == answers]
    assert [(one["rid"], one["ok"], one["code"]) for one in told] == [("1-aa:2", False, "badge_unknown")]
    assert all(b"04A2246AB15C80" not in bytes(row.payload) for row in devices.journal())


def test_the_server_says_when_it_is_there_and_when_it_leaves(
    app: Flask, broker: LiveBroker, run_bridge: RunBridge
) -> None:
    with Client(broker, "laser-1") as device:
        device.listen("fablab/v1/lab1/server/status")
        bridge = run_bridge(app, broker)
        until(lambda: device.heard and json.loads(device.heard[-1][1])["on"] is True, what="on")
        bridge.stop()
        until(lambda: json.loads(device.heard[-1][1]) == {"v": 1, "on": False, "why": "bye"}, what="bye")


def outage() -> Exception:
    """What SQLAlchemy raises when the database is locked."""
    import sqlite3

    from sqlalchemy.exc import OperationalError

    return OperationalError("COMMIT", {}, sqlite3.OperationalError("database is locked"))


def test_a_badge_at_a_plain_reader_names_who_uses_the_machine_next(
    app: Flask, embedded: LiveBroker, run_bridge: RunBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    saw, certification = make_machine("Saw"), make_certification()
    require_certification(saw, certification)
    person = make_person(member_until=None)
    grant = make_grant(person, certification)
    save(Badge(person_id=person.id, uid_hash=badges.uid_hash("94D8FC5F"), issued_at=clock.now()))
    power = {"on_w": 60, "off_w": 40, "on_delay_s": 0.2, "off_delay_s": 60}
    plug = make_device(saw, base="plug_saw", options={"power": power})
    make_device(saw, base="reader_saw")
    monkeypatch.setattr("fablab.interlock.rules.opening_denials", lambda *_: [])
    run_bridge(app, embedded)
    with Client(embedded, "fablab-devices") as device:
        device.say("tele/plug_saw/SENSOR", sensor(2))
        device.say("tele/reader_saw/SENSOR", json.dumps({"PN532": {"UID": "94D8FC5F", "Data": ""}}))
        until(lambda: journalled() == 2)
        device.say("tele/plug_saw/SENSOR", sensor(700))
        until(lambda: _sessions_of(plug), what="a session")
    session = _sessions_of(plug)[0]
    assert session.person_id == person.id
    db.session.refresh(grant)
    assert grant.last_used_at == session.started_at
    assert [(row.granted, row.act) for row in db.session.scalars(select(AccessDecision))] == [(True, None)]


def _sessions_of(device: Device) -> list[UsageSession]:
    db.session.rollback()
    return list(db.session.scalars(select(UsageSession).where(UsageSession.device_id == device.id)))


def test_a_printer_that_is_paused_says_so_until_it_goes_on(
    app: Flask, embedded: LiveBroker, run_bridge: RunBridge
) -> None:
    printer = make_device(make_machine(), dialect="octoprint", base="octoPrint/")
    run_bridge(app, embedded)

    def event(name: str) -> None:
        told = {"name": "a.gcode", "path": "a.gcode", "_event": name, "_timestamp": int(time.time())}
        device.say(f"octoPrint/event/{name}", json.dumps(told))

    def is_now(expected: str) -> bool:
        db.session.rollback()
        live = db.session.scalars(select(Device.live).where(Device.id == printer.id)).one()
        return live.get("state") == expected

    with Client(embedded, "fablab-devices") as device:
        for name, expected in (("PrintStarted", "working"), ("PrintPaused", "paused"), ("PrintResumed", "working")):
            event(name)
            until(partial(is_now, expected), what=f"{expected} after {name}")
    assert is_now("working")
