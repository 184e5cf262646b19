"""Stores a turn: answers, journal, sessions, states and events, in one transaction or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fablab.core import events, outbox
from fablab.core.db import db, transaction
from fablab.devices import service as devices
from fablab.interlock import alarms
from fablab.usage import recording
from fablab.usage.recording import Derived, instant
from firmware_bridge.dialogue import DISOBEYS, Dialogue
from firmware_bridge.inbound import Inbound
from firmware_bridge.registry import Ear, Registry
from firmware_bridge.turn import Turn

TELL_EVERY_S = 2.0
"""Figures that only move (power, progress) become an event at most once in so many seconds and device."""
SEEN_EVERY_S = 60.0
PLANTED = "planted_command"
UNGRANTED = "relay_on_without_grant"


class Store:
    """One instance for the life of the worker."""

    def __init__(self, registry: Registry, dialogue: Dialogue, inbound: Inbound) -> None:
        self._registry = registry
        self._dialogue = dialogue
        self._inbound = inbound
        self._seen: dict[tuple[str, str, str], float] = {}
        self.sightings = 0

    def waiting(self, now: float) -> bool:
        """True when something was put into the outbox for devices; costs one look at an index."""
        found = outbox.is_waiting("device", instant(now))
        db.session.rollback()
        return found

    def undo(self) -> None:
        """The transaction failed: what it was to remember is not known yet."""
        self.sightings = 0
        self._seen.clear()

    def store(self, turn: Turn, *, claim: bool = False, sweep: bool = False, orphans: bool = False) -> bool:
        """Store the turn; with `claim`, obey the outbox too. True when devices have changed and must be read anew."""
        with transaction():
            reload = self._obey(turn) if claim else False
            if orphans:
                self._dialogue.end_orphans(turn)
                recording.end_abandoned(instant(turn.now))
            self._dialogue.answer(turn)
            if sweep:
                self._dialogue.sweep(turn, self._registry.ears())
            self._dialogue.acknowledge(turn)
            self._dialogue.ask_for_gaps(turn)
            self._alarms(turn)
            devices.append_journal(turn.rows)
            self._sessions(turn)
            for ear, change in turn.settled:
                self._dialogue.settled(turn, ear, change)
            self._status(turn)
            devices.save_states([_state(ear) for ear in turn.touched.values()])
            return self._sightings(turn) or reload

    def _obey(self, turn: Turn) -> bool:
        """Do what other processes asked for. Done in the transaction that does it, so never twice."""
        reload = False
        for row in outbox.claim("device", instant(turn.now)):
            if row.payload.get("op") == "review":
                self._dialogue.review(turn, row.payload)
            elif row.payload.get("op") == "reload":
                reload = True
            outbox.done(row.id, instant(turn.now))
        return reload

    def _alarms(self, turn: Turn) -> None:
        for base in turn.planted:
            ear = self._registry.native(base)
            if ear is not None:
                self._dialogue.alarm(ear, PLANTED, turn.now)
        for ear, kind in turn.calm:
            _end_alarm(turn, ear, kind)
        for ear, alarm in list(turn.alarms):
            self._dialogue.alarm(ear, alarm.kind, alarm.at)
            if alarm.kind == UNGRANTED:
                self._dialogue.switch_off(turn, ear)

    def _sessions(self, turn: Turn) -> None:
        derived = [self._attributed(one) for one in turn.sessions.values()]
        stored = recording.store_sessions(derived, instant(turn.now))
        for one in stored:
            ear = turn.touched.get(one.device_id)
            if ear is None:
                continue
            if one.open:
                ear.live["session_id"], ear.live["person_id"] = one.id, one.person_id
            elif ear.live.get("session_id") == one.id:
                ear.live["session_id"] = ear.live["person_id"] = None
            if one.began:
                _end_alarm(turn, ear, DISOBEYS)
        recording.store_readings([row for ear, reading in turn.samples if (row := _sample(ear, reading)) is not None])

    def _attributed(self, one: Derived) -> Derived:
        """With the card of who badged at a plain reader of the machine, where its own device knows of none."""
        if one.change.uid is not None:
            return one
        return replace(one, tapped=self._dialogue.present(one.resource_id, one.change.start_at))

    def _status(self, turn: Turn) -> None:
        """Tell the wall what has changed: states at once, figures now and then."""
        for ear in turn.touched.values():
            if ear.id not in turn.status and not (ear.moved and turn.now - ear.told_at >= TELL_EVERY_S):
                continue
            ear.moved, ear.told_at = False, turn.now
            if ear.live.get("relay") is False:
                _end_alarm(turn, ear, UNGRANTED)
            shown = {name: ear.live.get(name) for name in ("state", "progress", "power_w", "since")}
            resource = None if ear.resource_id is None else str(ear.resource_id)
            events.append("resource.status", instant(turn.now), resource_id=resource, device_id=str(ear.id), **shown)

    def _sightings(self, turn: Turn) -> bool:
        """Remember the devices that were seen; True when there is a new one."""
        fresh = False
        self.sightings = len(self._inbound.sightings)
        for broker, sighting in list(self._inbound.sightings)[: self.sightings]:
            key = (broker, sighting.dialect, sighting.base)
            if turn.now - self._seen.get(key, 0.0) < SEEN_EVERY_S:
                continue
            if len(self._seen) > 10_000:
                self._seen.clear()
            self._seen[key] = turn.now
            fresh |= devices.see(sighting, broker, instant(turn.now)) is not None
        return fresh


def _end_alarm(turn: Turn, ear: Ear, kind: str) -> None:
    if kind in ear.alarms:
        ear.alarms.discard(kind)
        alarms.end_alarms(ear.id, (kind,), instant(turn.now))


def _state(ear: Ear) -> dict[str, Any]:
    if ear.heard_at:
        ear.seen_at = instant(ear.heard_at)
    return {
        "device": ear.id,
        "fold": ear.fold.state if ear.fold is not None else None,
        "live": dict(ear.live),
        "online": ear.online,
        "last_seen_at": ear.seen_at,
        "model": ear.model,
    }


def _sample(ear: Ear, reading: Any) -> dict[str, Any] | None:
    session = ear.live.get("session_id")
    if session is None:
        return None
    return {
        "session_id": session,
        "at": instant(reading.at),
        "power_w": ear.live.get("power_w"),
        "energy_wh": ear.energy_wh,
        "progress": ear.live.get("progress"),
    }
