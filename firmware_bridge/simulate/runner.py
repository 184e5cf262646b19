"""Plays simulated devices on a real broker: one connection a device, all in one thread, in real time.

Each device has its own client and will. A device that falls silent has its socket closed without a DISCONNECT, so the
broker publishes the will as it would for a real one. When the broker itself goes away, every device tries again.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.simulate.device import Action, Connect, Device, Drop, Publish

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
RETRY_S = 2.0
LONGEST_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the devices connect. Without `username` each device's own name is its user, with `passwords` by name."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    ca_file: Path | None = None


class Player:
    """One device and its MQTT client."""

    def __init__(self, device: Device, broker: Broker, clock: Callable[[], float]) -> None:
        self.device = device
        self.broker = broker
        self.clock = clock
        self.client: mqtt.Client | None = None
        self.wanted = False
        self.retry_at = 0.0
        self.sent = 0

    def start(self) -> None:
        """Switch the device on."""
        self.perform(self.device.start(self.clock()))

    def live(self) -> None:
        """Let the device do what is due, and keep its connection."""
        now = self.clock()
        if self.device.next_due() <= now:
            self.perform(self.device.advance(now))
        if self.client is None and self.wanted and now >= self.retry_at:
            self._open()

    def perform(self, actions: Iterable[Action]) -> None:
        """Carry out what the device did."""
        for action in actions:
            match action:
                case Publish() if self.client is not None:
                    self.client.publish(action.topic, action.payload.encode(), action.qos, action.retain)
                    self.sent += 1
                case Connect():
                    self.wanted = True
                case Drop():
                    self.wanted = False
                    self._close(clean=action.clean)
                case _:
                    pass

    def socket(self) -> socket.socket | None:
        """The open socket, to wait for."""
        opened = self.client.socket() if self.client is not None else None
        return opened if isinstance(opened, socket.socket) else None

    def wants_write(self) -> bool:
        """Whether something waits to be sent."""
        return self.client is not None and self.client.want_write()

    def work(self, readable: bool, writable: bool) -> None:
        """Let the client read and write what it can."""
        client = self.client
        if client is None:
            return
        if readable:
            client.loop_read()
        if writable and client.socket() is not None:
            client.loop_write()

    def keep(self) -> None:
        """The client's own housekeeping, about once a second."""
        if self.client is not None:
            self.client.loop_misc()

    def stop(self) -> None:
        """Say good-bye in good order."""
        self._close(clean=True)

    def _open(self) -> None:
        name = self.device.name
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        client.max_inflight_messages_set(100)
        username = self.broker.username or name
        client.username_pw_set(username, self.broker.passwords.get(name, self.broker.password) or None)
        if self.broker.ca_file is not None:
            client.tls_set(str(self.broker.ca_file))
        will = self.device.will
        if will is not None:
            client.will_set(will.topic, will.payload.encode(), will.qos, will.retain)
        client.on_connect, client.on_disconnect, client.on_message = self._connected, self._lost, self._message
        try:
            client.connect(self.broker.host, self.broker.port, KEEPALIVE_S)
        except OSError as error:
            self.retry_at = self.clock() + RETRY_S
            log.warning("%s cannot reach the broker: %s", name, error)
            return
        self.client = client
        if (opened := self.socket()) is not None:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _close(self, clean: bool) -> None:
        opened = self.socket()
        client, self.client = self.client, None
        if client is None:
            return
        client.on_disconnect = None
        if clean:
            client.disconnect()
            client.loop_write()
        elif opened is not None:
            client.loop_write()
            opened.shutdown(socket.SHUT_RDWR)
            client.loop_read()

    def _connected(self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            log.error("the broker refused %s: %s", self.device.name, reason)
            return
        if self.device.subscriptions:
            client.subscribe([(topic, 1) for topic in self.device.subscriptions])
        self.perform(self.device.link(True, self.clock()))

    def _lost(self, _client: mqtt.Client, *_details: object) -> None:
        self.client = None
        self.retry_at = self.clock() + RETRY_S
        self.perform(self.device.link(False, self.clock()))

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        payload = message.payload.decode("utf-8", "replace")
        self.perform(self.device.hear(message.topic, payload, message.retain, self.clock()))


class Runner:
    """Plays `devices` until `stop` is called."""

    def __init__(self, devices: Sequence[Device], broker: Broker, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.players = [Player(device, broker, clock) for device in devices]
        self._stopping = False

    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def stop(self, *_signal: object) -> None:
        """Make `run` end soon; safe in a signal handler."""
        self._stopping = True

    def run(self, seconds: float | None = None) -> None:
        """Play for `seconds`, or until stopped; the devices then leave in good order."""
        until = self.clock() + seconds if seconds is not None else float("inf")
        for player in self.players:
            player.start()
        kept_at = 0.0
        while not self._stopping and self.clock() < until:
            for player in self.players:
                player.live()
            self._exchange(until)
            if self.clock() - kept_at >= 1.0:
                kept_at = self.clock()
                for player in self.players:
                    player.keep()
        for player in self.players:
            player.stop()

    def _exchange(self, until: float) -> None:
        sockets = {opened: player for player in self.players if (opened := player.socket()) is not None}
        writers = [opened for opened, player in sockets.items() if player.wants_write()]
        due = min((player.device.next_due() for player in self.players), default=until)
        wait = min(max(0.0, min(due, until) - self.clock()), LONGEST_WAIT_S)
        if not sockets:
            time.sleep(min(wait, 0.05))
            return
        readable, writable, _ = select.select(list(sockets), writers, [], wait)
        for opened in {*readable, *writable}:
            sockets[opened].work(opened in readable, opened in writable)


def await_server(broker: Broker, timeout_s: float, give_up: Callable[[], bool]) -> bool:
    """Return once the lab's bridge says that it listens: True; False when it does not in time or `give_up` says so."""
    listens: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="simulated-devices")
    client.username_pw_set(broker.username, broker.password or None)

    def connected(*_details: object) -> None:
        client.subscribe("fablab/v1/+/server/status", 1)

    def heard(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        listens.append(b'"on":true' in message.payload.replace(b" ", b""))

    client.on_connect, client.on_message = connected, heard
    client.connect(broker.host, broker.port, KEEPALIVE_S)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and not give_up() and not (listens and listens[-1]):
        client.loop(0.1)
    client.disconnect()
    client.loop(0.1)
    return bool(listens and listens[-1])
