"""What `fablab doctor` looks at on the broker: is it there, does it let us in, and does it keep devices apart?

An acknowledgement proves nothing about rights (a denied message is acknowledged to MQTT 3.1.1 clients), so a device
account tries to speak on another's topic and must not be heard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fablab.core.config import Config, ConfigError
from firmware_bridge import mosquitto, mqtt
from firmware_bridge.broker import BrokerError
from firmware_bridge.mqtt import Endpoint

WAIT_S = 5.0
UNHEARD_S = 1.0
SUBJECT = "broker"


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at, how it is (`ok`, `warning`, `problem`), and what to do about it ('' for nothing)."""

    subject: str
    severity: Literal["ok", "warning", "problem"]
    text: str
    remedy: str = ""


def examine(config: Config) -> list[Look]:
    """Everything about the brokers, the lab's own first."""
    try:
        endpoints = mqtt.endpoints(config)
    except (ConfigError, BrokerError) as error:
        return [Look(SUBJECT, "problem", str(error), "correct [mqtt] in the configuration, or start `fablab up`")]
    found = [_entry(endpoint) for endpoint in endpoints]
    if config.mqtt.embedded:
        advice = "for a lab that opens machines by badge, run Mosquitto with `fablab broker-config`"
        return [
            *found,
            Look(SUBJECT, "warning", "the embedded broker keeps devices not apart and nothing on disk", advice),
        ]
    folder = _written_by_us(config)
    if folder is None:
        advice = "let `fablab broker-config` write it, or compare it with what that writes"
        return [
            *found,
            Look(SUBJECT, "warning", "its configuration was not written here, so it cannot be checked", advice),
        ]
    return [*found, *_settings(folder), *_rights(config, endpoints[0], folder)]


class Visitor:
    """One connection of the doctor; `reason` says why there is none."""

    def __init__(self, endpoint: Endpoint, username: str, password: str) -> None:
        self.reason = ""
        self.heard: list[str] = []
        self._answered = threading.Event()
        self._subscribed = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{username}-{time.time_ns() % 10**6}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self.client.username_pw_set(username, password)
        if endpoint.ca_file:
            self.client.tls_set(endpoint.ca_file)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _c, _d, message: self.heard.append(message.topic)
        self._endpoint = endpoint

    @contextmanager
    def visit(self) -> Iterator[Visitor]:
        """Connect, and leave again."""
        try:
            self.client.connect(self._endpoint.host, self._endpoint.port_v5, keepalive=10)
        except (OSError, ValueError) as error:
            self.reason = f"{self._endpoint.host}:{self._endpoint.port_v5} does not answer ({error})"
            yield self
            return
        self.client.loop_start()
        try:
            if not self._answered.wait(WAIT_S):
                self.reason = "it closes the connection without a word: user or password may be wrong"
            yield self
        finally:
            self.client.disconnect()
            self.client.loop_stop()

    def listen(self, topic: str) -> None:
        """Subscribe and wait for the answer."""
        self.client.subscribe(topic, 1)
        self._subscribed.wait(WAIT_S)

    def say(self, topic: str) -> None:
        """Publish and wait for the acknowledgement."""
        self.client.publish(topic, b"doctor", 1).wait_for_publish(WAIT_S)

    def _connected(self, _c: object, _d: object, _flags: object, reason: ReasonCode, _p: Properties | None) -> None:
        if reason.is_failure:
            self.reason = f"it refuses us: {reason}"
        self._answered.set()


def _entry(endpoint: Endpoint) -> Look:
    subject = SUBJECT if endpoint.name == "main" else f"broker {endpoint.name}"
    with Visitor(endpoint, endpoint.username, endpoint.password).visit() as visitor:
        if visitor.reason:
            return Look(subject, "problem", visitor.reason, "start it, or correct [mqtt] in the configuration")
    return Look(subject, "ok", f"{endpoint.host}:{endpoint.port_v5} answers and lets us in")


def _written_by_us(config: Config) -> Path | None:
    """The folder of `broker-config`, which the password file lies in."""
    if config.mqtt.password_file is None:
        return None
    folder = config.path(config.mqtt.password_file).parent
    return folder if (folder / mosquitto.CONFIGURATION).is_file() else None


def _settings(folder: Path) -> Iterator[Look]:
    lines = {line.strip() for line in (folder / mosquitto.CONFIGURATION).read_text().splitlines()}
    missing = [one for one in mosquitto.SETTINGS if one not in lines]
    if missing:
        words = f"its configuration lacks: {', '.join(missing)}"
        yield Look(SUBJECT, "problem", words, "write it again with `fablab broker-config` and restart Mosquitto")
    else:
        yield Look(SUBJECT, "ok", "its configuration has every setting that matters")


def _rights(config: Config, endpoint: Endpoint, folder: Path) -> Iterator[Look]:
    """A device account speaks under its own name, which is heard, and under another's, which must not be."""
    file = folder / mosquitto.DOCTOR_PASSWORD
    if not file.is_file():
        yield Look(SUBJECT, "warning", "its access list cannot be proven", "run `fablab broker-config` again")
        return
    tree = f"fablab/v1/{config.mqtt.site}"
    own, foreign = f"{tree}/{mosquitto.DOCTOR}/up/probe", f"{tree}/another-device/up/probe"
    with (
        Visitor(endpoint, endpoint.username, endpoint.password).visit() as server,
        Visitor(endpoint, mosquitto.DOCTOR, file.read_text().strip()).visit() as device,
    ):
        if server.reason or device.reason:
            words = f"a device account cannot be tried: {server.reason or device.reason}"
            yield Look(SUBJECT, "warning", words, "restart Mosquitto with the files of `fablab broker-config`")
            return
        server.listen(f"{tree}/+/up/probe")
        device.say(foreign)
        device.say(own)
        deadline = time.monotonic() + WAIT_S
        while own not in server.heard and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(UNHEARD_S if foreign not in server.heard else 0)
        yield _judged(own in server.heard, foreign in server.heard)


def _judged(own: bool, foreign: bool) -> Look:
    if foreign:
        words, advice = (
            "a device can speak as another one",
            "start Mosquitto with the access list of `fablab broker-config`",
        )
        return Look(SUBJECT, "problem", words, advice)
    if not own:
        return Look(SUBJECT, "problem", "a device is not heard on its own topics", "run `fablab broker-config` again")
    return Look(SUBJECT, "ok", "a device is heard on its own topics and cannot speak on another's")
