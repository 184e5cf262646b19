"""`fablab derive`: a recording folded through decoders and usage derivation, without database or broker.

Lines are those of `fablab record` and of the fixtures: {t, topic, payload, qos, retain, …}, `t` in seconds from the
start, which is 2026-03-02T08:00:00Z as far as times inside payloads are meant to agree. A line with `dir: out` is what
the system itself said; topic `$fixture/ctl` is a stage direction. A restart of the subscriber is a restart of the
bridge: what it remembers is what it had stored.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from fablab.devices.readings import Message
from fablab.usage.changes import Alarm, Availability, Change, SessionChange, TapHeard
from firmware_bridge.decoders import BY_NAME
from firmware_bridge.devicefold import DeviceFold
from firmware_bridge.topics import Router

T0 = 1772438400.0  # 2026-03-02T08:00:00Z
TAIL_S = 3600.0  # after the last line the clock runs on
LONGEST_S = 1e9  # thirty years
CONTROL = "$fixture/ctl"


class DeriveError(Exception):
    """The recording or the list of devices is not what it should be; the message says where and why."""


def derive(
    lines: Iterable[Mapping[str, Any]], devices: Mapping[str, Mapping[str, Any]], sequence: str | None = None
) -> dict[str, Any]:
    """What these lines say of these devices: {"sessions", "taps", "alarms", "availability"}, times in the recording's
    seconds, each list in order of time. Raises DeriveError naming the line or device that makes no sense."""
    ears = {name: _Ear(name, options) for name, options in devices.items()}
    heard = Router((pattern, name) for name, ear in ears.items() for pattern in ear.decoder.topics(ear.options))
    said = Router((pattern, name) for name, ear in ears.items() for pattern in ear.decoder.commands(ear.options))
    last = 0.0
    for count, line in enumerate(lines, 1):
        if sequence is not None and line.get("seq") != sequence:
            continue
        message = _message(line, count)
        last = max(last, message.at)
        if message.topic == CONTROL:
            for ear in ears.values():
                ear.direct(message.payload)
            continue
        for name in (said if message.outbound else heard).find(message.topic):
            ears[name].note(ears[name].fold.hear(message))
    for ear in ears.values():
        ear.note(ear.fold.advance(max(last, T0) + TAIL_S))
    return _answer(ears)


class _Ear:
    """A device's fold and all that it has told."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.dialect, self.options = _checked(name, options)
        try:
            self.fold = DeviceFold(self.dialect, self.options)
        except ValueError as error:
            raise DeriveError(f"device {name}: {error}") from None
        self.decoder = BY_NAME[self.dialect]
        self.sessions: dict[str, SessionChange] = {}
        self.taps: dict[str, TapHeard] = {}
        self.alarms: list[Alarm] = []
        self.availability: list[Availability] = []

    def direct(self, word: bytes) -> None:
        """Obey a stage direction: after a restart nothing is known but what was stored."""
        if word == b"subscriber_restart":
            self.fold = DeviceFold(self.dialect, self.options, json.loads(json.dumps(self.fold.state)))

    def note(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, SessionChange):
                self.sessions[change.key] = change
            elif isinstance(change, TapHeard):
                self.taps[change.key] = change
            elif isinstance(change, Alarm):
                self.alarms.append(change)
            elif isinstance(change, Availability):
                self.availability.append(change)


def _answer(ears: Mapping[str, _Ear]) -> dict[str, Any]:
    sessions = [
        _session(name, change) for name, ear in ears.items() for change in ear.sessions.values() if not change.withdrawn
    ]
    taps = [
        {"t": _t(tap.at), "device": name, "uid": tap.uid or tap.h1 or tap.tok, "decision": tap.decision}
        for name, ear in ears.items()
        for tap in ear.taps.values()
    ]
    alarms = [
        {"t": _t(each.at), "device": name, "kind": each.kind} for name, ear in ears.items() for each in ear.alarms
    ]
    states = [
        {"t": _t(each.at), "device": name, "state": each.state}
        for name, ear in ears.items()
        for each in ear.availability
    ]
    return {
        "sessions": sorted(sessions, key=lambda each: (each["start"], each["device"])),
        "taps": sorted(taps, key=lambda each: (each["t"], each["device"])),
        "alarms": sorted(alarms, key=lambda each: (each["t"], each["device"])),
        "availability": sorted(states, key=lambda each: (each["t"], each["device"])),
    }


def _session(device: str, change: SessionChange) -> dict[str, Any]:
    return {
        "device": device,
        "start": _t(change.start_at),
        "end": None if change.end_at is None else _t(change.end_at),
        "outcome": change.outcome,
        "job": change.job,
        "energy_wh": change.energy_wh,
        "paused_s": change.paused_s,
        "working_s": change.working_s,
        "material": change.material,
        "grams": change.grams,
        "uid": change.uid,
        "sid": change.sid,
        "flags": list(change.flags),
    }


def _t(at: float) -> float:
    return round(at - T0, 3)


def _checked(name: str, options: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(options, Mapping):
        raise DeriveError(f"device {name}: an object with at least dialect and base is needed")
    dialect = options.get("dialect")
    if not isinstance(dialect, str) or dialect not in BY_NAME:
        raise DeriveError(f"device {name}: dialect {dialect!r} is none of {', '.join(BY_NAME)}")
    return dialect, dict(options)


def _message(line: Any, count: int) -> Message:
    if not isinstance(line, Mapping):
        raise DeriveError(f"line {count}: a JSON object is needed")
    t, topic, payload = line.get("t"), line.get("topic"), line.get("payload")
    if isinstance(t, bool) or not isinstance(t, int | float) or not -LONGEST_S <= t <= LONGEST_S:
        raise DeriveError(f"line {count}: t must be a number of seconds")
    if not isinstance(topic, str) or not isinstance(payload, str):
        raise DeriveError(f"line {count}: topic and payload must be texts")
    qos = line.get("qos")
    return Message(
        topic,
        _bytes(payload),
        T0 + t,
        qos if qos in (0, 1, 2) else 0,
        line.get("retain") is True,
        line.get("dir") == "out",
    )


def _bytes(payload: str) -> bytes:
    """The payload as it was; lone surrogates stand for single bytes, as Python writes bytes that are no text."""
    try:
        return payload.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return payload.encode("utf-8", "replace")


# -- the command ------------------------------------------------------------------------------------------------------


def _read_lines(path: Path) -> list[Any]:
    lines = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for count, text in enumerate(file, 1):
                if text.strip():
                    lines.append(_parsed(text, f"{path.name}, line {count}"))
    except (OSError, UnicodeDecodeError) as error:
        raise DeriveError(f"{path.name} cannot be read: {_reason(error)}") from None
    return lines


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DeriveError(f"{where}: this is not JSON") from None


def _reason(error: Exception) -> str:
    return (error.strerror or "it is no file") if isinstance(error, OSError) else "it is not UTF-8 text"


def _read_devices(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DeriveError(f"{path.name} cannot be read: {_reason(error)}") from None
    devices = _parsed(text, path.name)
    if not isinstance(devices, dict):
        raise DeriveError(f"{path.name}: an object of devices by their id is needed")
    return devices


@click.command("derive")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--devices", "devices_file", required=True, type=click.Path(path_type=Path), help="The devices, as JSON.")
@click.option("--sequence", help="Only the lines of this sequence.")
def derive_command(recording: Path, devices_file: Path, sequence: str | None) -> None:
    """Derive usage from a recording, without database or broker; prints JSON."""
    try:
        devices = _read_devices(devices_file)
        lines = _read_lines(recording)
        if sequence is not None and not any(isinstance(line, dict) and line.get("seq") == sequence for line in lines):
            raise DeriveError(f"{recording.name} has no sequence {sequence}")
        result = derive(lines, devices, sequence)
    except DeriveError as error:
        click.echo(f"fablab derive: {error}", err=True)
        raise SystemExit(1) from None
    click.echo(json.dumps(result, indent=1, ensure_ascii=False))
