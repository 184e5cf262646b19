"""Connections to the broker, on paho. Its threads only queue; the worker takes, commits and then acknowledges.

Telemetry comes over MQTT 3.1.1 (paho receives it twice as fast), the dialogue with badge readers over an MQTT 5
connection of its own, so that no flood of telemetry delays a tap. Sessions are persistent, client ids fixed, QoS 1
messages are acknowledged only after the database commit. When the queue is full the paho thread waits: the broker then
keeps what comes, for nothing is acknowledged.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from fablab.core.config import BrokerConfig, Config, ConfigError
from fablab.devices.readings import Message
from firmware_bridge import broker as embedded

log = structlog.get_logger("bridge.mqtt")

SESSION_S = 7 * 24 * 3600
RECEIVE_MAXIMUM = 500
QUEUE = 20_000
NOTHING, ANY, URGENT = 0, 1, 2
PUBACK = 0x40
TAKEN_OVER = 0x8E
_PUBACK = struct.Struct("!BBH")
RETRY_S = (1, 7)
"""First and longest wait before a reconnect: with up to 7 s we are back within 10 s of the broker's return."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One broker: where it listens (MQTT 3.1.1 and 5 may have ports of their own) and who we are there."""

    name: str
    host: str
    port: int
    port_v5: int
    username: str
    password: str
    ca_file: str = ""
    properties: bool = True
    """False for the embedded broker: it ends when an MQTT 5 property is on its way to an MQTT 3.1.1 client. So none is
    sent there, and all our connections speak MQTT 5, in case a device sends some."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us, retained, when we vanish."""

    topic: str
    payload: bytes


class Delivered:
    """A message with what is needed to acknowledge it on the connection that brought it."""

    __slots__ = ("generation", "link", "message", "mid")

    def __init__(self, link: Link, generation: int, mid: int, message: Message) -> None:
        self.link = link
        self.generation = generation
        self.mid = mid
        self.message = message


def acknowledge(batch: Iterable[Delivered]) -> None:
    """Tell the brokers that these messages are safely stored; nothing for QoS 0 or after a reconnect."""
    by_link: dict[Link, list[Delivered]] = {}
    for delivered in batch:
        if delivered.message.qos:
            by_link.setdefault(delivered.link, []).append(delivered)
    for link, mine in by_link.items():
        link.acknowledge(mine)


class Inbox:
    """What paho's threads have heard and the worker has not yet taken; messages of the dialogue go first."""

    def __init__(self, limit: int = QUEUE) -> None:
        self._limit = limit
        self._urgent: deque[Delivered] = deque()
        self._usual: deque[Delivered] = deque()
        self._waits_for = NOTHING
        self._woken = False
        self._closed = False
        self._condition = threading.Condition()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._usual)

    def put(self, delivered: Delivered, *, urgent: bool) -> None:
        """Queue a message; waits while the queue is full, which holds the broker back."""
        queue = self._urgent if urgent else self._usual
        while len(queue) >= self._limit and not self._closed:
            time.sleep(0.01)
        queue.append(delivered)
        if self._waits_for == ANY or (urgent and self._waits_for == URGENT):
            with self._condition:
                self._condition.notify()

    def wake(self) -> None:
        """Let a waiting `take` return at once."""
        with self._condition:
            self._woken = True
            self._condition.notify()

    def close(self) -> None:
        """Stop holding back paho's threads: the process is ending."""
        self._closed = True
        self.wake()

    def take(self, timeout: float, linger: float, limit: int) -> list[Delivered]:
        """Up to `limit` messages: of the dialogue alone if there are any, at once; else telemetry, after `linger`.

        Waits up to `timeout` seconds for the first one; empty when none came.
        """
        if not (self._urgent or self._usual):
            self._wait(timeout, ANY)
        if not self._urgent and 0 < len(self._usual) < limit:
            self._wait(linger, URGENT)
        queue = self._urgent or self._usual
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    def take_urgent(self, timeout: float) -> list[Delivered]:
        """What has come of the dialogue, waiting up to `timeout` seconds for it; telemetry stays queued."""
        if not self._urgent:
            self._wait(timeout, URGENT)
        return [self._urgent.popleft() for _ in range(len(self._urgent))]

    def oldest(self, otherwise: float) -> float:
        """When the oldest message that still waits was received; `otherwise` if none waits."""
        waiting = [queue[0].message.at for queue in (self._urgent, self._usual) if queue]
        return min(waiting, default=otherwise)

    def _wait(self, timeout: float, wanted: int) -> None:
        with self._condition:
            self._waits_for = wanted
            if not (self._urgent or self._woken or (wanted == ANY and self._usual)):
                self._condition.wait(timeout)
            self._waits_for = NOTHING
            self._woken = False


class Link:
    """One connection with a persistent session. `speaks` 5 for the dialogue, 3 for telemetry."""

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        hear: Callable[[Delivered], None],
        *,
        speaks: int = 3,
        clock: Callable[[], float] = time.time,
        will: Will | None = None,
        persistent: bool = True,
        on_up: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.connected = threading.Event()
        self._speaks = speaks if endpoint.properties else 5
        self._hear = hear
        self._clock = clock
        self._persistent = persistent
        self._on_up = on_up
        self._generation = 0
        self._wanted: frozenset[str] = frozenset()
        self._retired: set[str] = set()
        self._unanswered: set[int] = set()
        self._complained = False
        self._lock = threading.Lock()
        self._client = self._make_client(client_id, will)

    def start(self) -> None:
        """Begin connecting, and go on for ever; returns at once."""
        port = self.endpoint.port_v5 if self._speaks == 5 else self.endpoint.port
        options: dict[str, Any] = {}
        if self._speaks == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_S if self._persistent else 0
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            options = {"clean_start": not self._persistent, "properties": properties}
        self._client.connect_async(self.endpoint.host, port, keepalive=30 if self._speaks == 5 else 60, **options)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect properly (no will is sent) and end the thread; the session stays at the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, filters: Iterable[str], retired: Iterable[str] = ()) -> None:
        """Listen to exactly these filters; `retired` ones are left even if an earlier process subscribed to them."""
        with self._lock:
            wanted = frozenset(filters)
            gone = (self._wanted - wanted) | (set(retired) - wanted)
            fresh = wanted - self._wanted
            self._wanted = wanted
            self._retired = (self._retired | gone) - wanted
            if self.connected.is_set():
                self._unsubscribe(gone)
                self._subscribe(fresh)

    def listening(self) -> bool:
        """True when the connection is up and the broker has answered all subscriptions."""
        return self.connected.is_set() and not self._unanswered

    def publish(
        self, topic: str, payload: bytes | str, qos: int = 0, *, retain: bool = False, expiry_s: int | None = None
    ) -> paho.MQTTMessageInfo | None:
        """Send now; None when there is no connection (an answer that waits for one would be an old answer)."""
        if not self.connected.is_set():
            return None
        properties = None
        if self._speaks == 5 and expiry_s is not None and self.endpoint.properties:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expiry_s
        return self._client.publish(topic, payload, qos, retain, properties=properties)

    def acknowledge(self, batch: list[Delivered]) -> None:
        """PUBACK, unless the connection that brought a message is gone: then the broker sends it again.

        `Client.ack` wakes paho's thread for each message, which at full flow costs as much as to receive it. So the
        packets of a batch go into paho's queue as one; a paho without this inner function gets them one by one.
        """
        mids = [one.mid for one in batch if one.message.qos == 1 and one.generation == self._generation]
        queue = getattr(self._client, "_packet_queue", None)
        if queue is None or len(mids) < 2:
            for mid in mids:
                self._client.ack(mid, 1)
        else:
            queue(PUBACK, b"".join(_PUBACK.pack(PUBACK, 2, mid) for mid in mids), mids[-1], 1)

    def _make_client(self, client_id: str, will: Will | None) -> paho.Client:
        v5 = self._speaks == 5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if v5 else not self._persistent,
            manual_ack=True,
        )
        if self.endpoint.username:
            client.username_pw_set(self.endpoint.username, self.endpoint.password)
        if self.endpoint.ca_file:
            client.tls_set(self.endpoint.ca_file)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.reconnect_delay_set(RETRY_S[0], random.randint(4, RETRY_S[1]))
        client.suppress_exceptions = True
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._failed
        client.on_message = self._message
        client.on_subscribe = self._subscribed
        client.on_socket_open = _no_delay
        return client

    def _connected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("broker refuses us", broker=self.endpoint.name, reason=str(reason))
            return
        with self._lock:
            self._complained = False
            self._generation += 1
            self.connected.set()
            self._unsubscribe(self._retired)
            self._subscribe(self._wanted)
        log.info("connected", broker=self.endpoint.name, mqtt=self._speaks, session=flags.session_present)
        if self._on_up is not None:
            self._on_up()

    def _disconnected(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        if reason.value == TAKEN_OVER:
            log.error("another bridge has taken over this connection: run only one", broker=self.endpoint.name)
        elif self.connected.is_set():
            log.info("disconnected", broker=self.endpoint.name, mqtt=self._speaks, reason=str(reason))
        self.connected.clear()
        self._unanswered.clear()
        self._generation += 1

    def _failed(self, _client: paho.Client, _data: object) -> None:
        if self._complained:
            return
        self._complained = True  # once is enough until it is back; we try every few seconds
        log.warning("broker not reached", broker=self.endpoint.name, host=self.endpoint.host, port=self.endpoint.port)

    def _subscribed(self, _client: object, _data: object, number: int, reasons: list[ReasonCode], _p: object) -> None:
        with self._lock:  # the answer may be here before `subscribe` has noted the question's number
            self._unanswered.discard(number)
        if any(reason.is_failure for reason in reasons):
            log.warning("broker refuses a subscription", broker=self.endpoint.name, mqtt=self._speaks)

    def _message(self, _client: paho.Client, _data: object, heard: paho.MQTTMessage) -> None:
        try:
            topic = heard.topic
        except UnicodeDecodeError:
            topic = "\N{REPLACEMENT CHARACTER}"  # no broker of ours lets such a topic through; keep the payload anyway
        message = Message(topic, bytes(heard.payload), round(self._clock(), 6), heard.qos, heard.retain)
        self._hear(Delivered(self, self._generation, heard.mid, message))

    def _subscribe(self, filters: Iterable[str]) -> None:
        if self._speaks == 5:
            wanted: list[Any] = [(one, _options(one)) for one in sorted(filters)]
        else:
            wanted = [(one, 1) for one in sorted(filters)]
        for start in range(0, len(wanted), 100):
            _, number = self._client.subscribe(wanted[start : start + 100])
            if number is not None:
                self._unanswered.add(number)

    def _unsubscribe(self, filters: Iterable[str]) -> None:
        gone = sorted(filters)
        for start in range(0, len(gone), 100):
            self._client.unsubscribe(gone[start : start + 100])


def _options(pattern: str) -> SubscribeOptions:
    """Stored messages come only with a new subscription; our own words never come back to us.

    Of what others tell our devices (`…/dn/…`) we want to know whether it was to be stored.
    """
    return SubscribeOptions(
        qos=1,
        noLocal=True,
        retainAsPublished="/dn/" in pattern,
        retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB,
    )


def endpoints(config: Config) -> list[Endpoint]:
    """The lab's broker first, then the further ones; raises ConfigError or BrokerError when one cannot be described."""
    mqtt = config.mqtt
    if mqtt.embedded:
        own = embedded.read(embedded.home(config))
        main = embedded_endpoint(own)
    else:
        main = _endpoint(config, "main", mqtt)
    return [main, *(_endpoint(config, other.name, other) for other in mqtt.brokers)]


def embedded_endpoint(own: embedded.Embedded) -> Endpoint:
    """The embedded broker as the bridge connects to it."""
    return Endpoint(
        "main", embedded.HOST, own.port, own.port_v5, embedded.SERVER, own.server_password, properties=False
    )


def _endpoint(config: Config, name: str, told: Any) -> Endpoint:
    section: BrokerConfig = told  # the lab's own section has the same fields
    password = ""
    if section.password_file is not None:
        file = config.path(section.password_file)
        try:
            password = file.read_text().strip()
        except OSError as error:
            raise ConfigError(f"password_file of broker {name}: cannot read {file} ({error.strerror})") from None
    ca_file = str(config.path(Path(section.ca_file))) if section.ca_file else ""
    return Endpoint(name, section.host, section.port, section.port, section.username, password, ca_file)


def _no_delay(_client: paho.Client, _data: object, connection: Any) -> None:
    """An acknowledgement followed by an answer must not wait for the peer's TCP (Nagle): 40 ms at a badge reader."""
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def compact(told: dict[str, Any]) -> bytes:
    """JSON as small as devices like it."""
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
