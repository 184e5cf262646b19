"""From the broker into a turn: whose message it is, scrubbed, numbered, journalled, and given to the device's fold."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import replace
from typing import Any

import structlog

from fablab.devices import service as devices
from fablab.devices.readings import Message, Sighting
from fablab.usage.changes import Alarm
from firmware_bridge import journal
from firmware_bridge.decoders import DECODERS
from firmware_bridge.mqtt import Delivered
from firmware_bridge.registry import Ear, Registry
from firmware_bridge.turn import Say, Turn

log = structlog.get_logger("bridge.inbound")

REMEMBERED = 50_000
BURST, BURST_S = 150, 5.0
FLOODS = "too_many_messages"
"""The alarm for a native device that says more than the protocol's 20 messages a second, with some room."""
ONCE_PER_S = 60.0
"""A topic of nobody we know is kept in the journal once in so many seconds, and counted always."""


class Inbound:
    """Hears on behalf of all devices. One instance for the life of the worker."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._newest: dict[tuple[int, str], int] = {}
        self._pending: dict[tuple[int, str, int], bytes] = {}
        self._strangers: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.sightings: deque[tuple[str, Sighting]] = deque(maxlen=1000)

    def hear(self, turn: Turn, delivered: Delivered) -> None:
        """Hear one message for every device that it belongs to."""
        message = delivered.message
        broker = delivered.link.endpoint.name
        self.counts["heard"] += 1
        ears = self._registry.find(broker, message.topic)
        if not ears:
            self._stranger(turn, message, broker)
        for ear in ears:
            if len(message.payload) > journal.MOST_BYTES:
                self._too_large(turn, ear, message)
            else:
                self._hear(turn, ear, message)

    def look(self, delivered: Delivered) -> None:
        """See whether a message gives away a device that is not known. Called by the discovery connection's thread."""
        broker = delivered.link.endpoint.name
        for decoder in DECODERS:
            try:
                sighting = decoder.recognise(delivered.message)
            except Exception as error:  # a stranger's payload must not end the search for devices
                log.warning("recognising failed", dialect=decoder.NAME, error=type(error).__name__)
                continue
            if sighting is not None:
                self.sightings.append((broker, sighting))
                return

    def settle(self, *, stored: bool, sightings: int = 0) -> None:
        """The turn's transaction is over; what was only pending is stored, or forgotten again."""
        self._pending.clear()
        for _ in range(sightings):
            self.sightings.popleft()
        if not stored or len(self._newest) > REMEMBERED:
            self._newest.clear()

    def set_aside(self, turn: Turn, delivered: Delivered) -> None:
        """Keep a message that could not be stored with what followed from it."""
        message = journal.scrub_unknown(delivered.message)
        safe = replace(message, topic=message.topic.replace("\0", "\N{REPLACEMENT CHARACTER}"))
        turn.rows.append(journal.row(safe, delivered.link.endpoint.name, None, "not_storable"))
        self.counts["not_storable"] += 1

    def _hear(self, turn: Turn, ear: Ear, message: Message) -> None:
        row = None
        try:
            if ear.decoder is not None:
                message = journal.scrub(message, ear.decoder, ear.options)
            row = journal.row(message, ear.broker, ear.id)
            if ear.native and not self._native(turn, ear, message, row):
                return
            turn.take(ear, message, row)
        except Exception as error:  # a decoder's fault is a line in the log and a mark in the journal, never the end
            log.error("decoder failed", device=ear.id, topic=message.topic, error=type(error).__name__)
            self.counts["decoder_failed"] += 1
            if row is None:
                row = journal.row(replace(message, payload=b""), ear.broker, ear.id)
            row["problem"], row["detail"] = "decoder_failed", type(error).__name__
            if not turn.rows or turn.rows[-1] is not row:
                turn.rows.append(row)

    def _native(self, turn: Turn, ear: Ear, message: Message, row: dict[str, Any]) -> bool:
        """What is special about native devices; False when there is nothing more to hear in this message."""
        if not message.retained:
            self._count(turn, ear, message.at)
        leaf = message.topic.rsplit("/", 1)[-1]
        if leaf == "ev":
            number = journal.record_number(message.payload)
            return number is None or self._record(turn, ear, message, row, number)
        if message.retained:
            return True
        if leaf == "status":
            turn.births[ear.id] = ear
        elif leaf == "tap":
            self._repeated(turn, ear, message)
        return True

    def _count(self, turn: Turn, ear: Ear, at: float) -> None:
        """A device that floods is heard all the same, but somebody should look at it."""
        since, count = ear.burst
        if not 0 <= at - since < BURST_S:
            if count <= BURST:
                turn.calm.append((ear, FLOODS))
            since, count = at, 0
        ear.burst = (since, count + 1)
        if count == BURST:
            turn.alarms.append((ear, Alarm(at, FLOODS)))

    def _record(self, turn: Turn, ear: Ear, message: Message, row: dict[str, Any], number: tuple[str, int]) -> bool:
        """A journal record: new, known already (then only to be acknowledged again), or another of the same number."""
        boot, seq = number
        turn.acknowledge(ear, boot)
        known = self._known_record(ear, boot, seq)
        if known is None:
            row["boot"], row["seq"] = boot, seq
            self._pending[ear.id, boot, seq] = message.payload
            return True
        if journal.same_record(known, message.payload):
            self.counts["repeated_record"] += 1
            return False
        self.counts["conflicting_record"] += 1
        row["problem"], row["detail"] = "conflicting_record", f"boot {boot}, record {seq}"
        turn.rows.append(row)
        return False

    def _known_record(self, ear: Ear, boot: str, seq: int) -> bytes | None:
        key = (ear.id, boot)
        newest = self._newest.get(key)
        if newest is None:
            newest = devices.newest_record(ear.id, boot)
        self._newest[key] = max(newest, seq)
        if seq > newest:
            return None
        pending = self._pending.get((ear.id, boot, seq))
        return pending if pending is not None else devices.stored_records(ear.id, boot, [seq]).get(seq)

    def _repeated(self, turn: Turn, ear: Ear, message: Message) -> None:
        """A reader that got no answer asks again under the same number; the fold hears that only once."""
        try:
            rid = json.loads(message.payload).get("rid")
        except (ValueError, AttributeError, RecursionError):
            return
        if isinstance(rid, str) and 0 < len(rid) <= 100 and rid.isprintable():
            turn.repeats.append((ear, rid))

    def _too_large(self, turn: Turn, ear: Ear, message: Message) -> None:
        self.counts["oversized"] += 1
        size = f"{len(message.payload)} bytes"
        turn.touched[ear.id] = ear
        turn.rows.append(journal.row(journal.scrub_unknown(message), ear.broker, ear.id, "oversized", size))

    def _planted(self, turn: Turn, message: Message, broker: str) -> None:
        """Somebody else told a device what only we may tell: kept, shown, and taken off the broker if stored there."""
        if not message.payload:
            return
        self.counts["planted"] += 1
        turn.rows.append(journal.row(journal.scrub_unknown(message), broker, None, "planted"))
        turn.planted.append(message.topic.split("/dn/")[0])
        if message.retained:
            turn.says.append(Say(message.topic, b"", 1, retain=True))

    def _stranger(self, turn: Turn, message: Message, broker: str) -> None:
        """A topic of nobody: kept now and then, counted, and looked at for a device to adopt."""
        native = message.topic.startswith("fablab/v1/")
        if native and "/dn/" in message.topic:
            self._planted(turn, message, broker)
            return
        problem = "unknown_device" if native else "unknown_topic"
        self.counts[problem] += 1
        if message.at - self._strangers.get(message.topic, 0.0) < ONCE_PER_S:
            return
        if len(self._strangers) >= REMEMBERED:
            self._strangers.clear()
        self._strangers[message.topic] = message.at
        kept = journal.scrub_unknown(message)
        turn.rows.append(journal.row(replace(kept, payload=kept.payload[: journal.KEPT_BYTES]), broker, None, problem))
