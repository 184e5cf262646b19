"""OctoPrint with the plug-in OctoPrint-MQTT (OctoPrint/OctoPrint-MQTT 0.8.16 @7c15ca5, OctoPrint docs/events).

Topics under the base topic (default `octoPrint/`, free text such as `lab/mk4/`):
  mqtt                `connected` | `disconnected`, plain text, QoS 1, retained, also the will
  event/<Event>       JSON of the event with `_event` and `_timestamp` (host's clock, whole seconds); QoS 0
  progress/printing   {location, path, progress 0…100, _timestamp}, always published retained
  temperature/<part>  {actual, target, _timestamp} in °C
Events used: PrintStarted, PrintPaused, PrintResumed, PrintDone {time: s without pauses}, PrintCancelled,
PrintFailed {reason: cancelled|error}, PrinterStateChanged {state_id}, Startup, Shutdown, Disconnected.

Oddities: a cancelled print fires PrintCancelled *and* PrintFailed, in either order (OctoPrint #1170, #1836) · 100 %
comes twice (#123) or never · the path of `progress` is frozen when a file is selected, so it is no job name (#147) ·
progress with an empty path means that OctoPrint has just started (#88): what printed before has died · temperatures
are queued while the broker is away and flushed with old stamps · events during an outage are lost · the clock of a
Raspberry Pi without RTC is anything · up to 0.8.12 every event was retained: stored ones say nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fablab.devices.readings import (
    BadMessage,
    JobEnded,
    JobPaused,
    JobProgressed,
    JobResumed,
    JobStarted,
    JobStopping,
    Message,
    Offline,
    Online,
    Outcome,
    Reading,
    Restarted,
    Sighting,
    SignOfLife,
)
from firmware_bridge.decoders.parse import Bad, decoded, fingerprint, json_object, number, remembered, text
from firmware_bridge.decoders.stamps import place

NAME = "octoprint"
DISCOVERY = ("+/mqtt", "+/event/PrinterStateChanged", "+/+/event/PrinterStateChanged")

_IDLE: dict[str, Outcome] = {
    "OPERATIONAL": "unknown",
    "OFFLINE": "interrupted",
    "ERROR": "failed",
    "OFFLINE_AFTER_ERROR": "failed",
    "CLOSED_WITH_ERROR": "failed",
    "CLOSED": "interrupted",
}
_TONE = {"CANCELLING": "cancelled", "FINISHING": "completed"}  # what the next idle state will mean


def topics(options: Mapping[str, Any]) -> list[str]:
    """MQTT filters of one OctoPrint."""
    root = _root(options)
    return [f"{root}mqtt", f"{root}event/+", f"{root}progress/+", f"{root}temperature/+"]


def commands(options: Mapping[str, Any]) -> list[str]:
    """None: the plug-in takes no commands."""
    return []


def recognise(message: Message) -> Sighting | None:
    """Its events carry `_event`, the last level of the topic, and `_timestamp`; its birth alone says `connected`."""
    head, _, leaf = message.topic.rpartition("/")
    if leaf == "mqtt" and message.payload in (b"connected", b"disconnected"):
        return Sighting(NAME, f"{head}/", name=head, abilities=("job",))
    root, _, kind = head.rpartition("/")
    if kind != "event" or not root:
        return None
    try:
        body = json_object(message.payload)
    except Bad:
        return None
    if body.get("_event") != leaf or "_timestamp" not in body:
        return None
    return Sighting(NAME, f"{root}/", name=root, abilities=("job",))


def scrub(message: Message, options: Mapping[str, Any], cloak: Callable[[str], str]) -> Message:
    """Nothing to hide: printers read no cards, and the plug-in publishes no secrets."""
    return message


def decode(state: dict[str, Any], message: Message, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reading]]:
    """See the module's head."""
    root = _root(options)
    if message.outbound or not message.topic.startswith(root):
        return state, []
    area, _, leaf = message.topic[len(root) :].partition("/")
    try:
        if area == "mqtt" and not leaf:
            return state, _presence(message)
        if message.retained:
            return state, []
        if area == "event" or (area, leaf) == ("progress", "printing") or area == "temperature":
            return _stamped(state, message, area, leaf)
    except Bad as bad:
        return state, [BadMessage(message.at, message.topic, bad.reason, bad.detail)]
    return state, []


def _root(options: Mapping[str, Any]) -> str:
    base = str(options.get("base", "octoPrint/"))
    return base if base.endswith("/") else f"{base}/"


def _presence(message: Message) -> list[Reading]:
    word = decoded(message.payload, 64).strip()
    if word == "connected":
        return [Online(message.at, message.retained)]
    if word == "disconnected":
        return [Offline(message.at, message.retained)]
    raise Bad("bad_field", "mqtt")


def _stamped(state: dict[str, Any], message: Message, area: str, leaf: str) -> tuple[dict[str, Any], list[Reading]]:
    """A live JSON message: sorted out if it came before, placed in time by its stamp if it waited in a queue."""
    body = json_object(message.payload)
    if area == "event" and body.get("_event") != leaf:
        raise Bad("bad_field", "_event")
    mark = fingerprint(message.topic, message.payload)
    ring = state.get("ring", [])
    stamp = number(body.get("_timestamp"), 0, 4e9)
    if stamp is not None and area != "temperature":
        if mark in ring:
            return state, []
        state = {**state, "ring": remembered(ring, mark)}
    if area == "temperature":  # flushed late after an outage, so its stamp teaches nothing
        return state, [SignOfLife(message.at)]
    anchor, at = place(state.get("anchor"), stamp, message.at)
    state = {**state, "anchor": anchor}
    if area == "progress":
        return state, [_progress(body, at)]
    return _event(state, leaf, body, at)


def _progress(body: Mapping[str, Any], at: float) -> Reading:
    percent = number(body.get("progress"), 0, 100)
    path = body.get("path")
    if path == "" and percent == 0:
        return Restarted(at)
    name = text(path, 500)
    if percent is None or name is None:
        raise Bad("bad_field", "progress" if percent is None else "path")
    return JobProgressed(at, name.rpartition("/")[2], percent / 100, opens=1 <= percent <= 99)


def _event(
    state: dict[str, Any], event: str, body: Mapping[str, Any], at: float
) -> tuple[dict[str, Any], list[Reading]]:
    if event == "PrinterStateChanged":
        return _state_changed(state, text(body.get("state_id")) or "", at)
    if event == "PrintCancelling":
        return {**state, "tone": "cancelled"}, [SignOfLife(at)]
    if event == "PrintStarted":
        user = text(body.get("user")) or text(body.get("owner"))
        return {**state, "tone": None}, [JobStarted(at, _name(body), user)]
    if event in ("PrintDone", "PrintCancelled", "PrintFailed"):
        ends = state.get("ends", [])
        this = [event, body.get("_timestamp"), _name(body)]
        if this in ends:  # longer remembered than other events: one that comes again would be a job of its own
            return state, []
        state = {**state, "ends": [*ends[-5:], this]}
    make = _EVENTS.get(event)
    return state, [make(body, at) if make else SignOfLife(at)]


def _state_changed(state: dict[str, Any], what: str, at: float) -> tuple[dict[str, Any], list[Reading]]:
    if what in _IDLE:
        outcome: Outcome = state.get("tone") or _IDLE[what]
        return {**state, "tone": None}, [JobStopping(at, outcome)]
    if what in _TONE:
        return {**state, "tone": _TONE[what]}, [JobProgressed(at)]
    if what == "PRINTING":
        return {**state, "tone": None}, [JobProgressed(at, paused=False, opens=True)]
    if what == "PAUSED":
        return state, [JobProgressed(at, paused=True)]
    return state, [JobProgressed(at) if what in ("PAUSING", "RESUMING") else SignOfLife(at)]


def _name(body: Mapping[str, Any]) -> str | None:
    name = text(body.get("name"), 500)
    path = text(body.get("path"), 500)
    return name or (path.rpartition("/")[2] if path else None)


def _ended(body: Mapping[str, Any], at: float, outcome: Outcome) -> Reading:
    return JobEnded(at, outcome, _name(body), text(body.get("owner")), ran_s=number(body.get("time"), 0, 1e7))


def _failed(body: Mapping[str, Any], at: float) -> Reading:
    return _ended(body, at, "cancelled" if body.get("reason") == "cancelled" else "failed")


_EVENTS: dict[str, Callable[[Mapping[str, Any], float], Reading]] = {
    "PrintPaused": lambda _, at: JobPaused(at),
    "PrintResumed": lambda _, at: JobResumed(at),
    "PrintDone": lambda body, at: _ended(body, at, "completed"),
    "PrintCancelled": lambda body, at: _ended(body, at, "cancelled"),
    "PrintFailed": _failed,
    "Disconnected": lambda _, at: JobStopping(at, "interrupted"),
    "Shutdown": lambda _, at: JobStopping(at, "interrupted"),
    "Startup": lambda _, at: Restarted(at),
}
