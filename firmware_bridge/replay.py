"""Derives usage again from the journal, as the bridge would today, and shows or applies what would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fablab.core.actor import Actor
from fablab.devices import service as devices
from fablab.devices.models import Device, Journal
from fablab.devices.readings import Message
from fablab.usage import recording
from fablab.usage.changes import Change, SessionChange
from fablab.usage.models import UsageSession
from fablab.usage.recording import Derived
from firmware_bridge.devicefold import DeviceFold

CLOSE_WH = 0.05
CLOSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """One session that the journal tells otherwise than the database: `new`, `gone`, or `changed` in `fields`."""

    device: Device
    kind: str
    key: str
    derived: SessionChange | None
    stored: UsageSession | None
    fields: tuple[str, ...] = ()


def derive(device: Device, now: datetime) -> dict[str, SessionChange]:
    """Everything that the journal of one device says about its use: session key → present value."""
    fold = DeviceFold(device.dialect, {**device.options, "base": device.base})
    sessions: dict[str, SessionChange] = {}
    for row in devices.journal_of(device.id):
        _keep(sessions, fold.hear(_message(row)))
    _keep(sessions, fold.advance(now.timestamp()))
    return sessions


def differences(device: Device, now: datetime, since: datetime | None = None) -> Iterator[Difference]:
    """What would change for one device, in order of start. Sessions that still run are left to the bridge."""
    derived = derive(device, now)
    stored = {row.key: row for row in recording.sessions_of(device.id)}
    for key in sorted({*derived, *stored}, key=lambda one: _start(derived.get(one), stored.get(one))):
        told, kept = derived.get(key), stored.get(key)
        if since is not None and _start(told, kept) < since.timestamp():
            continue
        if (told is not None and told.end_at is None) or (kept is not None and kept.ended_at is None):
            continue
        if kept is None:
            yield Difference(device, "new", key, told, None)
        elif told is None:
            yield Difference(device, "gone", key, None, kept)
        elif fields := _fields(told, kept):
            yield Difference(device, "changed", key, told, kept, fields)


def apply(actor: Actor, found: list[Difference], now: datetime) -> None:
    """Make the database say what the journal says, in one transaction; an audit entry names who did it."""
    told = [Derived(one.device.id, one.device.resource_id, one.derived) for one in found if one.derived is not None]
    gone = [one.stored.id for one in found if one.derived is None and one.stored is not None]
    recording.correct(actor, told, gone, now)


def _keep(sessions: dict[str, SessionChange], changes: list[Change]) -> None:
    for change in changes:
        if isinstance(change, SessionChange):
            if change.withdrawn:
                sessions.pop(change.key, None)
            else:
                sessions[change.key] = change


def _message(row: Journal) -> Message:
    at = row.received_at.timestamp()
    return Message(row.topic, bytes(row.payload), at, row.qos, row.retained, row.outbound)


def _start(derived: SessionChange | None, stored: UsageSession | None) -> float:
    if derived is not None:
        return derived.start_at
    return stored.started_at.timestamp() if stored is not None else 0.0


def _fields(derived: SessionChange, stored: UsageSession) -> tuple[str, ...]:
    return tuple(name for name, value in recording.values(derived).items() if not _same(value, getattr(stored, name)))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs((one - other).total_seconds()) < CLOSE_S
    if isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) < CLOSE_WH
    return bool(one == other)
