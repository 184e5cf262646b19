"""Real brokers for the bridge's tests: the embedded one always, Debian's Mosquitto where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as paho
import pytest
from flask import Flask
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from fablab.core import ports
from fablab.core.actor import Actor, system
from firmware_bridge import broker as embedded_broker
from firmware_bridge import mosquitto as mosquitto_files
from firmware_bridge.bridge import Bridge
from firmware_bridge.mqtt import Endpoint, embedded_endpoint
from tests.tools import require

SITE = "lab1"
SERVER_PASSWORD = "the-server-speaks"
DEVICE_PASSWORD = "a-device-speaks"
DEVICES = ("laser-1", "laser-2", "drill-2", "mill-3", "saw-4", "printer-5")
"""Native devices that have an account of their own."""


@dataclass
class LiveBroker:
    """A broker that runs now and can be stopped and started again on the same port."""

    kind: str
    folder: Path
    endpoint: Endpoint
    device_port: int
    device_port_v5: int
    passwords: dict[str, str]
    launch: Callable[[], subprocess.Popen[bytes]]
    child: subprocess.Popen[bytes] | None = None
    extra: dict[str, object] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.child = self.launch()

    def stop(self) -> None:
        """Stop it properly; Mosquitto saves what it has queued, the embedded one forgets."""
        if self.child is not None:
            embedded_broker.stop(self.child)
            self.child = None

    def account(self, name: str) -> tuple[str, str]:
        """User and password for a device; one without an account of its own speaks with the shared one."""
        name = name if name in self.passwords else "fablab-devices"
        return name, self.passwords[name]


def _await_port(port: int, child: subprocess.Popen[bytes]) -> None:
    embedded_broker.wait_ready(embedded_broker.Embedded(Path(), port, port, {}), child)


@pytest.fixture
def broker_folder() -> Iterator[Path]:
    """A folder that Mosquitto can read: started as root it works as a user of its own."""
    folder = Path(tempfile.mkdtemp(prefix="fablab-broker-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def embedded(broker_folder: Path) -> Iterator[LiveBroker]:
    """The embedded broker on free ports."""
    told, child = embedded_broker.start_anywhere(broker_folder)
    live = LiveBroker(
        "embedded",
        broker_folder,
        embedded_endpoint(told),
        told.port,
        told.port_v5,
        dict(told.users),
        lambda: embedded_broker.start(told),
        child,
    )
    yield live
    live.stop()


def mosquitto_plan(server_port: int, device_port: int) -> mosquitto_files.Plan:
    """The plan of the tests: native devices by pattern, one shared account that may write the other dialects."""
    hashed = mosquitto_files.password_hash(DEVICE_PASSWORD)
    natives = tuple(mosquitto_files.Account(name, hashed) for name in DEVICES)
    others = (
        "octoPrint/#",
        "lab/#",
        "voron24/#",
        "ender-klip/#",
        "k1max/#",
        "trident/#",
        "tele/#",
        "stat/#",
        "bench/#",
    )
    shared = mosquitto_files.Account("fablab-devices", hashed, write=others, read=("cmnd/#",))
    return mosquitto_files.Plan(SITE, mosquitto_files.listeners(server_port, device_port, None), (*natives, shared))


@pytest.fixture
def mosquitto(broker_folder: Path) -> Iterator[LiveBroker]:
    """Debian's Mosquitto with the configuration that `fablab broker-config` writes, on free ports."""
    program = require("mosquitto", "the bridge against the broker of real labs")
    server_port, device_port = ports.any_free(), ports.any_free()
    mosquitto_files.write(mosquitto_plan(server_port, device_port), broker_folder, SERVER_PASSWORD)

    def launch() -> subprocess.Popen[bytes]:
        with (broker_folder / "log").open("ab") as written:
            child = subprocess.Popen([program, "-c", str(broker_folder / "mosquitto.conf")], stderr=written)
        _await_port(server_port, child)
        return child

    live = LiveBroker(
        "mosquitto",
        broker_folder,
        Endpoint("main", "127.0.0.1", server_port, server_port, mosquitto_files.SERVER, SERVER_PASSWORD),
        device_port,
        device_port,
        dict.fromkeys((*DEVICES, "fablab-devices"), DEVICE_PASSWORD),
        launch,
    )
    live.start()
    yield live
    live.stop()


@pytest.fixture(params=["embedded", pytest.param("mosquitto", marks=pytest.mark.broker)])
def broker(request: pytest.FixtureRequest) -> LiveBroker:
    """Each of the two brokers in turn."""
    live: LiveBroker = request.getfixturevalue(request.param)
    return live


def until(condition: Callable[[], object], timeout: float = 10.0, what: str = "") -> None:
    """Wait until `condition()` is true; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(0.01)


class Client:
    """A plain MQTT client of the tests: what it heard, and a way to speak."""

    def __init__(self, live: LiveBroker, name: str, *, v5: bool = False, server: bool = False) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused: list[str] = []
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        )
        login = (live.endpoint.username, live.endpoint.password) if server else live.account(name)
        self.client.username_pw_set(*login)
        self.client.on_message = lambda _c, _d, message: self.heard.append((message.topic, bytes(message.payload)))
        self.client.on_connect = self._connected
        port = live.endpoint.port if server else live.device_port_v5 if v5 else live.device_port
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _connected(self, _client: object, _data: object, _flags: object, reason: paho.ReasonCode, _p: object) -> None:
        if reason.is_failure:
            self.refused.append(str(reason))

    def __enter__(self) -> Client:
        until(lambda: self.client.is_connected() or self.refused, what="connected")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, topic: str, payload: str | bytes = "x", *, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait for the broker's acknowledgement (which proves nothing about rights)."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(5)

    def listen(self, topic: str) -> None:
        """Subscribe, and wait until the broker has answered."""
        answered: list[int] = []
        self.client.on_subscribe = lambda *_: answered.append(1)
        self.client.subscribe(topic, 1)
        until(lambda: answered, what="subscribed")


class RunBridge(Protocol):
    """Starts a bridge in this process and waits until it listens."""

    def __call__(self, app: Flask, live: LiveBroker, **options: Any) -> Bridge: ...


@pytest.fixture
def run_bridge() -> Iterator[RunBridge]:
    """A bridge on a thread of its own, ended with the test."""
    running: list[tuple[Bridge, threading.Thread]] = []

    def start(app: Flask, live: LiveBroker, **options: Any) -> Bridge:
        bridge = Bridge(app, endpoints=[live.endpoint], **{"settle_s": 0.0, **options})
        thread = threading.Thread(target=bridge.run, name="bridge")
        thread.start()
        running.append((bridge, thread))
        until(bridge.listening, what="the bridge listens")
        return bridge

    yield start
    for bridge, _ in running:
        bridge.stop()
    for _, thread in running:
        thread.join(15)
        assert not thread.is_alive(), "the bridge ends when told to"


@pytest.fixture
def staff() -> Actor:
    """The lab itself acting."""
    return system("test")
