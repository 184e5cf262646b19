"""Simulated devices on a real broker: what they say arrives, wills speak, they come back, they listen."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge import broker as embedded
from firmware_bridge.simulate import plan
from firmware_bridge.simulate.device import Device
from firmware_bridge.simulate.native import Native
from firmware_bridge.simulate.octoprint import OctoPrint
from firmware_bridge.simulate.runner import Broker, Runner
from firmware_bridge.simulate.visits import Visits

pytest.importorskip("iotcore")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[embedded.Embedded]:
    prepared = embedded.prepare(tmp_path / "broker", port=0)
    child = embedded.start(prepared)
    yield prepared
    embedded.stop(child)


class Ear:
    """Hears everything on the broker, and can speak as the lab does."""

    def __init__(self, told: embedded.Embedded) -> None:
        self.heard: list[tuple[str, str]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ear")
        self.client.username_pw_set(embedded.SERVER, told.server_password)
        self.client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload.decode()))
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect(embedded.HOST, told.port)
        self.client.subscribe("#")
        self.client.loop_start()
        assert ready.wait(5)

    def wait(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, self.heard[-20:]
            time.sleep(0.02)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def ear(told: embedded.Embedded) -> Iterator[Ear]:
    listening = Ear(told)
    yield listening
    listening.close()


@pytest.fixture
def play(told: embedded.Embedded) -> Iterator[Callable[[list[Device]], Runner]]:
    threads: list[tuple[Runner, threading.Thread]] = []

    def begin(devices: list[Device]) -> Runner:
        runner = Runner(devices, Broker(embedded.HOST, told.port, embedded.DEVICES, told.device_password))
        thread = threading.Thread(target=runner.run, daemon=True)
        threads.append((runner, thread))
        thread.start()
        return runner

    yield begin
    for runner, thread in threads:
        runner.stop()
        thread.join(5)
        assert not thread.is_alive()


def test_what_a_device_says_arrives_and_its_will_speaks_when_it_falls_silent(
    ear: Ear, play: Callable[[list[Device]], Runner]
) -> None:
    device = OctoPrint("mk4", 2, 6000.0, base="lab/mk4/", story=("interrupted",))
    play([device])
    ear.wait(lambda: ("lab/mk4/mqtt", "disconnected") in ear.heard, 30)
    at = ear.heard.index(("lab/mk4/mqtt", "disconnected"))
    ear.wait(lambda: ("lab/mk4/mqtt", "connected") in ear.heard[at:], 20)
    assert any(topic == "lab/mk4/event/PrintStarted" for topic, _ in ear.heard[:at])


def test_a_reader_is_told_by_the_lab_and_obeys(ear: Ear, play: Callable[[list[Device]], Runner]) -> None:
    base = "fablab/v1/lab1/laser-1"
    visits = Visits((("04A2246AB15C80", 1.0),), first_s=(1, 1), troubles=0.0)
    device = Native("laser-1", 1, base=base, visits=visits)
    play([device])
    ear.wait(lambda: any(topic == f"{base}/up/tap" for topic, _ in ear.heard))
    tap = next(json.loads(payload) for topic, payload in ear.heard if topic == f"{base}/up/tap")
    assert tap["uid"] == "04A2246AB15C80"
    grant = {"v": 1, "rid": tap["rid"], "ok": True, "lid": 1, "ttl": 60000, "who": "Ada", "txt": []}
    ear.client.publish(f"{base}/dn/tap", json.dumps(grant), 1)
    ear.wait(lambda: device.relay)
    ear.wait(lambda: any(topic == f"{base}/up/ev" and '"use.start"' in payload for topic, payload in ear.heard))


def test_devices_come_back_when_the_broker_does(
    told: embedded.Embedded, play: Callable[[list[Device]], Runner], tmp_path: Path
) -> None:
    device = OctoPrint("mk4", 2, base="lab/mk4/")
    runner = play([device])
    deadline = time.monotonic() + 10
    while not device.online:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    runner.players[0].client.socket().shutdown(2)  # type: ignore[union-attr]  # it is connected
    while device.online:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    while not device.online:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_plan_names_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"devices": [{"kind": "octoprint", "name": "a", "options": {"base": "a/"}}]}))
    assert [device.name for device in plan.read(file)] == ["a"]
    for broken, word in (
        ({"devices": [{"kind": "toaster", "name": "a"}]}, "toaster"),
        ({"devices": [{"kind": "octoprint", "name": "a", "options": {"colour": 1, "base": ""}}]}, "colour"),
        ({"devices": [{"kind": "tasmota", "name": "a", "options": {"base": "a", "load": "moon"}}]}, "moon"),
        ({}, "devices"),
    ):
        file.write_text(json.dumps(broken))
        with pytest.raises(plan.PlanError, match=word):
            plan.read(file)
    with pytest.raises(plan.PlanError, match="cannot read"):
        plan.read(tmp_path / "none.json")
