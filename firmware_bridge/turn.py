"""One turn of the worker: what was heard, what follows from it, and what is to be said. Stored in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fablab.devices.readings import BadMessage, DeviceInfo, Heartbeat, Message
from fablab.usage.changes import Alarm, Availability, Change, LiveReading, SessionChange, TapHeard
from fablab.usage.recording import Derived, clean, instant
from firmware_bridge import journal
from firmware_bridge.mqtt import compact
from firmware_bridge.registry import Ear

SAMPLE_S = 15.0
"""Points of a session's curve are this far apart."""


@dataclass(frozen=True, slots=True)
class Say:
    """Something to publish once the transaction is committed."""

    topic: str
    payload: bytes
    qos: int = 1
    expiry_s: int | None = None
    retain: bool = False


class Turn:
    """Collects in memory; nothing here touches the database. `now` is the clock when the turn began."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.rows: list[dict[str, Any]] = []
        self.touched: dict[int, Ear] = {}
        self.sessions: dict[tuple[int, str], Derived] = {}
        self.taps: list[tuple[Ear, TapHeard]] = []
        self.repeats: list[tuple[Ear, str]] = []
        self.beats: dict[int, tuple[Ear, Heartbeat]] = {}
        self.births: dict[int, Ear] = {}
        self.alarms: list[tuple[Ear, Alarm]] = []
        self.samples: list[tuple[Ear, LiveReading]] = []
        self.status: dict[int, Ear] = {}
        self.settled: list[tuple[Ear, SessionChange]] = []
        self.acks: dict[int, tuple[Ear, set[str]]] = {}
        self.says: list[Say] = []
        self.planted: list[str] = []
        self.calm: list[tuple[Ear, str]] = []

    def take(self, ear: Ear, message: Message, row: dict[str, Any]) -> None:
        """Give a scrubbed message to a device's fold and note what follows; `row` is its place in the journal."""
        self.rows.append(row)
        self.touched[ear.id] = ear
        if ear.fold is None:
            row["problem"] = "bad_options"
            return
        changes = ear.fold.hear(message)
        if not (message.retained or message.outbound):
            ear.heard_at = message.at
        for change in changes:
            if type(change) is BadMessage:
                row["problem"], row["detail"] = change.reason, change.detail[:300] or None
            else:
                self.note(ear, change)

    def let_pass(self, ear: Ear, now: float) -> None:
        """Let time pass for a device, up to `now`."""
        if ear.fold is not None:
            self.touched[ear.id] = ear
            for change in ear.fold.advance(now):
                self.note(ear, change)

    def note(self, ear: Ear, change: Change) -> None:
        """Keep one change for the transaction, and show it in the device's live state."""
        handler = _HANDLERS.get(type(change))
        if handler is not None:
            handler(self, ear, change)

    def say(self, ear: Ear, leaf: str, body: dict[str, Any], *, qos: int = 1, expiry_s: int | None = None) -> None:
        """Say something to a native device: into its journal and its fold now, onto the broker after the commit."""
        payload = compact({"v": 1, **body})
        message = Message(f"{ear.base}/dn/{leaf}", payload, max(self.now, ear.heard_at), qos, outbound=True)
        if ear.decoder is not None:
            message = journal.scrub(message, ear.decoder, ear.options)  # people's names are not for the journal
        self.take(ear, message, journal.row(message, ear.broker, ear.id))
        self.says.append(Say(message.topic, payload, qos, expiry_s))

    def acknowledge(self, ear: Ear, boot: str) -> None:
        """Tell the device, after the commit, up to which record of this life everything is stored."""
        self.acks.setdefault(ear.id, (ear, set()))[1].add(boot)

    def _session(self, ear: Ear, change: SessionChange) -> None:
        is_open = change.end_at is None and not change.withdrawn
        progress = ear.live.get("progress") if is_open else None
        self.sessions[ear.id, change.key] = Derived(ear.id, ear.resource_id, change, progress)
        live = ear.live
        if is_open:
            ear.unproven_at = None
            job = clean(change.job, 500)
            state = "paused" if change.paused else "working"
            if (live.get("session"), live.get("job"), live.get("state")) != (change.key, job, state):
                self.status[ear.id] = ear
            live.update(state=state, session=change.key, job=job, since=instant(change.start_at).isoformat())
            ear.energy_wh = change.energy_wh
            return
        self.settled.append((ear, change))
        if live.get("session") == change.key:
            live.update(session=None, job=None, progress=None, since=instant(change.end_at or self.now).isoformat())
            live["state"] = "idle" if ear.online else "offline"
            self.status[ear.id] = ear

    def _availability(self, ear: Ear, change: Availability) -> None:
        ear.online = change.state == "online"
        ear.live["state"] = ("working" if ear.live.get("session") else "idle") if ear.online else "offline"
        self.status[ear.id] = ear

    def _live(self, ear: Ear, change: LiveReading) -> None:
        live = ear.live
        if change.power_w is not None:
            ear.moved |= live.get("power_w") != change.power_w
            live["power_w"] = change.power_w
        if change.progress is not None:
            percent = round(change.progress * 100, 1)
            ear.moved |= live.get("progress") != percent
            live["progress"] = percent
        if change.relay is not None and live.get("relay") != change.relay:
            live["relay"] = change.relay
            self.status[ear.id] = ear
        if live.get("session") and change.at - ear.sampled_at >= SAMPLE_S:
            ear.sampled_at = change.at
            self.samples.append((ear, change))

    def _tap(self, ear: Ear, change: TapHeard) -> None:
        self.taps.append((ear, change))

    def _alarm(self, ear: Ear, change: Alarm) -> None:
        self.alarms.append((ear, change))

    def _beat(self, ear: Ear, change: Heartbeat) -> None:
        if ear.heard_boot is not None and ear.heard_boot != change.boot:
            ear.past_boots.append(ear.heard_boot)
        ear.heard_boot, ear.heard_up = change.boot, (change.at, change.up_ms / 1000)
        if change.relay:
            ear.unproven_at = None
        self.beats[ear.id] = (ear, change)

    def _info(self, ear: Ear, change: DeviceInfo) -> None:
        ear.model = " ".join(word for word in (change.hardware, change.firmware) if word)[:200] or ear.model
        ear.live["caps"] = list(change.caps)


_HANDLERS: dict[type, Callable[[Turn, Ear, Any], None]] = {
    SessionChange: Turn._session,
    Availability: Turn._availability,
    LiveReading: Turn._live,
    TapHeard: Turn._tap,
    Alarm: Turn._alarm,
    Heartbeat: Turn._beat,
    DeviceInfo: Turn._info,
}
