"""The dialogue with a badge reader over a real broker: answers, leases, revocation, and what opens nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import time as time_of_day
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core import badges, clock, outbox
from fablab.core.actor import Actor
from fablab.core.app import create_core_app
from fablab.core.config import WEEKDAYS, Config, Hours
from fablab.core.db import db, transaction
from fablab.devices import service as devices
from fablab.devices.models import Device, Journal
from fablab.interlock.models import AccessDecision, Alarm
from fablab.people.models import Badge, Person
from fablab.resources.models import Resource, RiskClass, ServiceState
from firmware_bridge.bridge import Bridge
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

UID = "04A2246AB15C80"
BASE = "fablab/v1/lab1/laser-1"
ALWAYS = {day: (Hours(opens=time_of_day(0), closes=time_of_day(0)),) for day in WEEKDAYS}


@pytest.fixture
def lab(config: Config) -> Iterator[Flask]:
    """The core app of a lab that is always open, on both databases."""
    app = create_core_app(config.with_changes(lab={"opening_hours": ALWAYS}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


class Reader:
    """A badge reader with a relay, as its firmware would behave; only what the test tells it to."""

    def __init__(self, live: LiveBroker) -> None:
        self.client = Client(live, "laser-1")
        self._client = self.client.__enter__()
        self.client.listen(f"{BASE}/dn/#")
        self.boot = "1-aabbccdd"
        self.n = 0
        self.seq = 0
        self.began = time.monotonic()
        self.say("status", on=True, conn=1)

    def say(self, leaf: str, *, retain: bool = False, **body: Any) -> None:
        """Say one thing under the topics of this device."""
        self.client.say(f"{BASE}/up/{leaf}", json.dumps({"v": 1, "boot": self.boot, **body}), retain=retain)

    def up(self) -> int:
        """Milliseconds since the boot, an hour ago."""
        return 3_600_000 + int((time.monotonic() - self.began) * 1000)

    def tap(self, number: int, uid: str = UID, **over: Any) -> str:
        """Present a card; gives the request's number."""
        rid = f"{self.boot}:{number}"
        body: dict[str, Any] = {"up": self.up(), "rid": rid, "uid": uid} | over
        self.say("tap", **body)
        return rid

    def beat(self, lid: int | None, *, relay: bool = True) -> int:
        """A heartbeat; gives its number."""
        self.n += 1
        session = f"{self.boot}:s1" if relay else None
        self.say("hb", conn=1, up=self.up(), n=self.n, seq=self.seq, relay=relay, lid=lid, sess=session, w=9, wh=1, q=0)
        return self.n

    def record(self, kind: str, **data: Any) -> None:
        """The next record of the journal."""
        self.seq += 1
        self.say("ev", seq=self.seq, up=self.up(), ts=None, tq="none", e=kind, d=data)

    def told(self, leaf: str) -> list[dict[str, Any]]:
        """What this device was told under one leaf."""
        return [json.loads(payload) for topic, payload in self.client.heard if topic == f"{BASE}/dn/{leaf}"]

    def renewed(self, lid: int) -> bool:
        """True when there was a lease after this one."""
        return any(one["lid"] > lid for one in self.told("lease"))

    def answer(self, rid: str, count: int = 1) -> dict[str, Any]:
        """The answer to a tap."""
        until(lambda: len([one for one in self.told("tap") if one["rid"] == rid]) >= count, what=f"answer {rid}")
        return [one for one in self.told("tap") if one["rid"] == rid][-1]


class Scene:
    """A laser cutter that asks for a certification, Ada who holds it, her badge, the reader, and the bridge."""

    def __init__(self, lab: Flask, live: LiveBroker, run_bridge: RunBridge, **machine: Any) -> None:
        self.person = make_person(name="Ada Lovelace", language="en", member_until=None)
        self.machine = make_machine("Laser", **{"risk_class": RiskClass.A} | machine)
        self.certification = make_certification()
        require_certification(self.machine, self.certification)
        self.grant = make_grant(self.person, self.certification)
        self.badge = save(Badge(person_id=self.person.id, uid_hash=badges.uid_hash(UID), issued_at=clock.now()))
        self.device = make_device(self.machine, dialect="fablab_v1", base=BASE)
        self.bridge: Bridge = run_bridge(lab, live)
        self.reader = Reader(live)

    def start(self) -> dict[str, Any]:
        """Ada taps, is let in, and the machine runs."""
        rid = self.reader.tap(1)
        answer = self.reader.answer(rid)
        assert answer["ok"], answer
        self.reader.record("use.start", sid="s1", rid=rid, auth="server", lid=answer["lid"])
        return answer

    def decisions(self) -> list[AccessDecision]:
        """All decisions, oldest first."""
        db.session.rollback()
        return list(db.session.scalars(select(AccessDecision).order_by(AccessDecision.id)))


@pytest.fixture
def scene(lab: Flask, embedded: LiveBroker, run_bridge: RunBridge) -> Iterator[Scene]:
    """The usual scene on the embedded broker."""
    made = Scene(lab, embedded, run_bridge)
    yield made
    made.reader.client.__exit__()


def test_a_certified_member_is_let_in_and_taps_out(lab: Flask, broker: LiveBroker, run_bridge: RunBridge) -> None:
    scene = Scene(lab, broker, run_bridge)
    answer = scene.start()
    assert answer["who"] == "Ada"
    assert answer["txt"][0] == "Hello Ada"
    assert answer["ttl"] == 30_000, "class A: half a minute"
    bye = scene.reader.answer(scene.reader.tap(2))
    assert (bye["ok"], bye["act"]) == (True, "end")
    first, second = scene.decisions()
    assert (first.granted, first.act, first.end_reason) == (True, "start", "tap_out")
    assert (second.granted, second.act) == (True, "end")
    scene.reader.client.__exit__()


def test_the_answer_stands_in_the_database_and_the_card_number_nowhere(scene: Scene) -> None:
    scene.start()
    rows = db.session.scalars(select(Journal)).all()
    assert all(b"Ada" not in bytes(row.payload) for row in rows), "nor the name"
    assert [row.topic for row in rows if row.outbound].count(f"{BASE}/dn/tap") == 1
    assert all(UID.encode() not in bytes(row.payload) for row in rows)


def test_the_same_question_gets_the_same_answer_and_changes_nothing(scene: Scene) -> None:
    rid = scene.reader.tap(1)
    first = scene.reader.answer(rid)
    scene.reader.tap(1)
    assert scene.reader.answer(rid, 2) == first
    assert len(scene.decisions()) == 1


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("not_certified", "not_certified"),
        ("revoked", "certification_revoked"),
        ("badge", "badge_revoked"),
        ("disabled", "person_disabled"),
        ("service", "resource_out_of_service"),
        ("unknown", "badge_unknown"),
        ("stale", "stale"),
        ("no_resource", "blocked"),
    ],
)
def test_who_may_not_is_told_why(scene: Scene, case: str, code: str) -> None:
    with transaction() as session:
        if case == "not_certified":
            session.delete(session.merge(scene.grant))
        elif case == "revoked":
            session.merge(scene.grant).revoked_at = clock.now()
        elif case == "badge":
            session.merge(scene.badge).revoked_at = clock.now()
        elif case == "disabled":
            session.get_one(Person, scene.person.id).active = False
        elif case == "service":
            session.get_one(Resource, scene.machine.id).service_state = ServiceState.OUT_OF_SERVICE
        elif case == "no_resource":
            session.get_one(Device, scene.device.id).resource_id = None
            outbox.put("device", "devices", {"op": "reload"}, clock.now())
    if case == "no_resource":
        until(lambda: list(scene.bridge.registry.ears())[0].resource_id is None, what="read anew")
    if case == "stale":
        scene.reader.beat(None, relay=False)
        rid = scene.reader.tap(1, up=scene.reader.up() - 60_000)
    else:
        rid = scene.reader.tap(1, uid="94D8FC5F" if case == "unknown" else UID)
    answer = scene.reader.answer(rid)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["txt"]
    assert not scene.decisions()[-1].granted


def test_an_error_in_the_decision_is_a_no(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("fablab.interlock.service.access_denials", broken)
    answer = scene.reader.answer(scene.reader.tap(1))
    assert (answer["ok"], answer["code"]) == (False, "blocked")


def test_a_lease_is_renewed_at_each_heartbeat_that_shows_it(scene: Scene) -> None:
    lid = scene.start()["lid"]
    for _ in range(3):
        beat = scene.reader.beat(lid)
        until(partial(scene.reader.renewed, lid), what="renewed")
        lease = scene.reader.told("lease")[-1]
        assert (lease["hb"], lease["boot"], lease["ttl"]) == (beat, scene.reader.boot, 30_000)
        lid = lease["lid"]
    assert scene.decisions()[0].lease_id == lid


def test_a_heartbeat_that_shows_no_lease_renews_nothing(scene: Scene) -> None:
    lid = scene.start()["lid"]
    scene.reader.beat(lid + 100)
    scene.reader.beat(None)
    scene.reader.boot = "2-ffffffff"
    scene.reader.beat(lid)
    until(lambda: scene.decisions()[0].end_reason == "restarted", what="the grant ends with the life of the device")
    assert scene.reader.told("lease") == []


@pytest.mark.parametrize("case", ["certification", "badge", "service"])
def test_a_right_that_is_withdrawn_ends_the_running_use_within_two_seconds(scene: Scene, case: str) -> None:
    lid = scene.start()["lid"]
    began = time.monotonic()
    with transaction() as session:
        if case == "certification":
            session.merge(scene.grant).revoked_at = clock.now()
        elif case == "badge":
            session.merge(scene.badge).revoked_at = clock.now()
        else:
            session.get_one(Resource, scene.machine.id).service_state = ServiceState.OUT_OF_SERVICE
        outbox.review_access(clock.now(), case, person_id=None if case == "service" else scene.person.id)
    until(lambda: scene.reader.told("lease"), what="revoked", timeout=2)
    assert time.monotonic() - began < 2
    lease = scene.reader.told("lease")[0]
    assert (lease["ttl"], lease["how"], lease["boot"]) == (0, "now", scene.reader.boot)
    assert lease["lid"] > lid
    assert lease["why"] in ("certification_revoked", "badge_revoked", "resource_out_of_service")
    scene.reader.beat(lid)
    time.sleep(0.3)
    assert len(scene.reader.told("lease")) == 1, "what was revoked is not renewed"


def test_a_long_job_may_end_and_others_are_not_touched(lab: Flask, embedded: LiveBroker, run_bridge: RunBridge) -> None:
    scene = Scene(lab, embedded, run_bridge, risk_class=RiskClass.B)
    scene.start()
    with transaction() as session:
        session.merge(scene.grant).revoked_at = clock.now()
        outbox.review_access(clock.now(), "certification_revoked", person_id=scene.person.id + 1)
    time.sleep(0.5)
    assert scene.reader.told("lease") == [], "the review was of somebody else"
    with transaction():
        outbox.review_access(clock.now(), "certification_revoked", person_id=scene.person.id)
    until(lambda: scene.reader.told("lease"), what="revoked")
    assert scene.reader.told("lease")[0]["how"] == "job"
    scene.reader.client.__exit__()


def test_the_machine_in_use_is_not_given_to_somebody_else_but_staff_may_end_it(scene: Scene) -> None:
    scene.start()
    for uid, role in (("11223344", "maker"), ("55667788", "manager")):
        other = make_person(name="Bo", role=role, member_until=None)
        make_grant(other, scene.certification)
        save(Badge(person_id=other.id, uid_hash=badges.uid_hash(uid), issued_at=clock.now()))
    answer = scene.reader.answer(scene.reader.tap(2, uid="11223344"))
    assert (answer["ok"], answer["code"]) == (False, "blocked")
    answer = scene.reader.answer(scene.reader.tap(3, uid="55667788"))
    assert (answer["ok"], answer["act"]) == (True, "end")


def test_a_grant_without_a_use_raises_an_alarm(scene: Scene) -> None:
    rid = scene.reader.tap(1)
    assert scene.reader.answer(rid)["ok"]

    def raised() -> list[str]:
        db.session.rollback()
        return [one.kind for one in db.session.scalars(select(Alarm))]

    until(lambda: "does_not_obey" in raised(), what="alarm", timeout=9)


def test_the_bridge_goes_on_with_a_running_lease_after_a_restart(
    lab: Flask, mosquitto: LiveBroker, run_bridge: RunBridge
) -> None:
    scene = Scene(lab, mosquitto, run_bridge)
    lid = scene.start()["lid"]
    scene.bridge.stop()
    until(lambda: not scene.bridge.listening(), what="stopped")
    run_bridge(lab, mosquitto)
    scene.reader.beat(lid)
    until(lambda: any(one["ttl"] for one in scene.reader.told("lease")), what="renewed by the next bridge")
    rid = scene.reader.tap(2)
    assert scene.reader.answer(rid)["act"] == "end"
    scene.reader.client.__exit__()


def test_while_the_database_is_away_the_answer_is_no(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from sqlalchemy.exc import OperationalError

    def away(*_: Any, **__: Any) -> bool:
        raise OperationalError("BEGIN", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(scene.bridge.store, "store", away)
    scene.reader.beat(None, relay=False)
    time.sleep(0.3)
    answer = scene.reader.answer(scene.reader.tap(1))
    assert (answer["ok"], answer["code"]) == (False, "blocked")
    monkeypatch.undo()
    rid = f"{scene.reader.boot}:1"
    until(lambda: scene.decisions(), what="written down afterwards", timeout=15)
    assert scene.reader.answer(rid, 2)["ok"] is False, "what was refused is not granted a moment later"
    assert [one.granted for one in scene.decisions()] == [False]


def test_what_others_tell_our_devices_is_taken_off_the_broker_and_raises_an_alarm(
    lab: Flask, mosquitto: LiveBroker, run_bridge: RunBridge
) -> None:
    forged = json.dumps({"v": 1, "rid": "1-aabbccdd:1", "ok": True, "lid": 999, "ttl": 60_000})
    with Client(mosquitto, "a-forger", server=True) as forger:
        forger.say(f"{BASE}/dn/lease", forged, retain=True)
        scene = Scene(lab, mosquitto, run_bridge)
        scene.start()
        forger.say(f"{BASE}/dn/tap", forged, retain=True)
        until(lambda: _problems("planted") == 2, what="both are kept and shown")
        forger.listen(f"{BASE}/dn/+")
        time.sleep(0.3)
        stored = [topic for topic, payload in forger.heard if payload == forged.encode()]
    assert stored == [], "nothing is stored any more"
    assert [one.kind for one in db.session.scalars(select(Alarm))] == ["planted_command"]
    scene.reader.client.__exit__()


def _problems(kind: str) -> int:
    db.session.rollback()
    return len(db.session.scalars(select(Journal).where(Journal.problem == kind)).all())


def test_the_grant_of_a_forgotten_device_ends(scene: Scene, staff: Actor) -> None:
    scene.start()
    devices.forget(staff, scene.device.id, clock.now())
    until(lambda: scene.decisions()[0].end_reason == "device_forgotten", what="ended")


def test_a_gap_in_the_records_is_asked_for(scene: Scene) -> None:
    scene.reader.record("relay", on=True, why="test")
    scene.reader.seq += 2
    scene.reader.record("relay", on=False, why="test")
    until(lambda: _asked(scene.reader), what="asked for the missing records", timeout=9)
    asked = scene.reader.told("cmd")[0]
    assert (asked["op"], asked["from"], asked["to"]) == ("replay", 2, 3)
    assert {one["seq"] for one in scene.reader.told("ack")} == {1}


def _asked(reader: Reader) -> bool:
    time.sleep(0.5)
    reader.beat(None, relay=False)
    return bool(reader.told("cmd"))


def test_the_lease_of_a_device_that_fell_silent_is_forgotten(scene: Scene) -> None:
    scene.start()
    ear = list(scene.bridge.registry.ears())[0]
    ear.lease_until = time.time() - timedelta(minutes=5).total_seconds()
    until(lambda: scene.decisions()[0].end_reason == "lease", what="swept")
