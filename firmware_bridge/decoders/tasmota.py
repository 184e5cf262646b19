"""Plugs, relays and readers with Tasmota (arendst/Tasmota xdrv_02_9_mqtt, xdrv_03_energy, xsns_40, xsns_51;
tasmota/docs @9849ab9; 14.x seen).

Topics by FullTopic (default `%prefix%/%topic%/`; order and extra levels are free), prefixes tele, stat, cmnd:
  tele LWT     `Online` | `Offline`, retained, the will; everything else QoS 0 and not retained
  tele SENSOR  {"Time": local without zone, "ENERGY": {"Total": kWh, "Power": W (list: one per phase), …}} each
               TelePeriod or PowerDelta; readers: {"PN532"|"RC522"|"RDM6300"|…: {"UID": hex}}, every ~2 s while the
               card lies there
  tele STATE, stat RESULT, stat POWER<n>   {"POWER": "ON"}, {"UptimeSec": s}; STATUS8/10/11 wrap the same
  tele INFO3   {"Info3": {"RestartReason"}}: after each boot, not after a mere reconnect
  cmnd POWER   the device publishes an empty one itself on every connect; ours count as `Commanded`

Oddities: `Today` is reset at local midnight, so Total is used · Total goes to flash only at midnight and restart: a
power cut rolls it back, some firmware leaps it forward · switching off sends no reading · a plain reconnect tells no
state · Time is 1970 before NTP and steps twice a year · late wills (#7189) · a retained SENSOR may be of a dead plug ·
PowerOnState 3 (default) closes the relay by itself after a power cut.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fablab.devices.readings import (
    BadgeRead,
    BadMessage,
    Commanded,
    EnergyTotal,
    Fault,
    Message,
    Offline,
    Online,
    Power,
    Reading,
    Relay,
    Restarted,
    Sighting,
    SignOfLife,
)
from firmware_bridge.decoders.parse import (
    EARLIEST,
    Bad,
    decoded,
    depth_over,
    fingerprint,
    json_object,
    number,
    remembered,
    section,
    text,
)
from firmware_bridge.decoders.stamps import place
from firmware_bridge.decoders.uids import canonical_uid, is_ambiguous

NAME = "tasmota"
DISCOVERY = ("tasmota/discovery/+/config", "tele/+/LWT")

MOST_WATTS = 100_000.0
MOST_KWH = 10_000_000.0
_PREFIXES = ("tele", "stat", "cmnd")
_UID = re.compile(r'("(?:UID|NUID)"\s*:\s*")([^"]*)')
_SECRET = re.compile(r"pass|data|auth|ssid", re.IGNORECASE)


def topics(options: Mapping[str, Any]) -> list[str]:
    """MQTT filters of one device: what it says, not what it is told."""
    tele, stat, _ = _roots(options)
    return [f"{tele}+", f"{stat}+"]


def commands(options: Mapping[str, Any]) -> list[str]:
    """Our switching."""
    return [f"{_roots(options)[2]}+"]


def recognise(message: Message) -> Sighting | None:
    """`tasmota/discovery/<MAC>/config` tells everything; an LWT under the default FullTopic at least a name."""
    levels = message.topic.split("/")
    if len(levels) == 4 and levels[:2] == ["tasmota", "discovery"] and levels[3] == "config":
        return _discovered(message)
    if len(levels) == 3 and levels[0] == "tele" and levels[2] == "LWT" and message.payload in (b"Online", b"Offline"):
        return Sighting(NAME, levels[1], name=levels[1])
    return None


def scrub(message: Message, options: Mapping[str, Any], cloak: Callable[[str], str]) -> Message:
    """Card numbers cloaked, card contents and passwords dropped, also in payloads that are broken."""
    payload = message.payload
    if b"UID" not in payload and b"assw" not in payload and b"SSId" not in payload:
        return message
    spelling = str(options.get("uid_format", "hex"))
    try:
        body = json_object(payload)
        if depth_over(body, 8):
            raise Bad("too_deep")
    except Bad:
        hide = _hider(cloak, spelling)
        return replace(message, payload=_UID.sub(hide, payload.decode("utf-8", "replace")).encode())
    return replace(message, payload=json.dumps(_scrubbed(body, cloak, spelling)).encode())


def decode(state: dict[str, Any], message: Message, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reading]]:
    """See the module's head."""
    topic = message.topic
    tele, stat, cmnd = _roots(options)
    if message.outbound:
        return state, _commanded(message, topic[len(cmnd) :], options) if topic.startswith(cmnd) else []
    for root in (tele, stat):
        if topic.startswith(root):
            break
    else:
        return state, []
    leaf = topic[len(root) :]
    try:
        if leaf == "LWT":
            return state, _presence(message, _placed(state, message), options)
        if message.retained or "/" in leaf:
            return state, []
        if root == stat and leaf.startswith("POWER"):
            return state, _plain_power(message, leaf, _placed(state, message), options)
        return _report(state, message, options)
    except Bad as bad:
        return state, [BadMessage(message.at, topic, bad.reason, bad.detail)]


def _roots(options: Mapping[str, Any]) -> tuple[str, str, str]:
    return _full_topics(str(options.get("base", "")), str(options.get("fulltopic") or "%prefix%/%topic%/"))


@lru_cache(4096)
def _full_topics(base: str, full: str) -> tuple[str, str, str]:
    pattern = full if full.endswith("/") else f"{full}/"
    tele, stat, cmnd = (pattern.replace("%prefix%", prefix).replace("%topic%", base) for prefix in _PREFIXES)
    return tele, stat, cmnd


def _placed(state: Mapping[str, Any], message: Message) -> float:
    """The time of a message that carries none."""
    return place(state.get("anchor"), None, message.at)[1]


def _presence(message: Message, at: float, options: Mapping[str, Any]) -> list[Reading]:
    word = decoded(message.payload, 200).strip()
    if word == options.get("onln", "Online"):
        return [Online(at, message.retained)]
    if word == options.get("ofln", "Offline"):
        return [Offline(at, message.retained)]
    raise Bad("bad_field", "LWT")


def _report(
    state: dict[str, Any], message: Message, options: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Reading]]:
    """Any JSON report; what it says follows from its keys, not from its topic, which settings can change."""
    if not message.payload:
        raise Bad("not_json")
    body = json_object(message.payload)
    for wrapper in ("StatusSNS", "StatusSTS"):
        if isinstance(body.get(wrapper), dict):
            body = body[wrapper]
    if not body:
        raise Bad("bad_field", "Time")
    stamp, at = _seconds(body.get("Time")), _placed(state, message)
    if stamp is not None:
        mark = fingerprint(message.topic, message.payload)
        ring = state.get("ring", [])
        if mark in ring:
            return state, []
        anchor, at = place(state.get("anchor"), stamp, message.at)
        state = {**state, "ring": remembered(ring, mark), "anchor": anchor}
    state, out = _restarts(state, body, at)
    out += _energy(body, at, options)
    out += _switch(body, at, options)
    out += _badges(body, at, options)
    if "MaxPowerReached" in body:
        out.append(Fault(at, "overpower"))
    return state, out or [SignOfLife(at)]


def _restarts(state: dict[str, Any], body: Mapping[str, Any], at: float) -> tuple[dict[str, Any], list[Reading]]:
    """A boot, by its report or because the up-time fell."""
    if "RestartReason" in section(body.get("Info3")):
        return {**state, "up": 0.0, "up_at": at}, [Restarted(at)]
    up = number(body.get("UptimeSec"), 0, 1e10)
    if up is None:
        return state, []
    last, last_at = state.get("up"), state.get("up_at", at)
    fell = last is not None and up < last and up < last + (at - last_at) - 60
    return {**state, "up": up, "up_at": at}, [Restarted(at)] if fell else []


def _energy(body: Mapping[str, Any], at: float, options: Mapping[str, Any]) -> list[Reading]:
    """Counter before power, so that the reading which ends a session finds its energy counted."""
    meter = body.get("ENERGY")
    if not isinstance(meter, dict):
        return []
    out: list[Reading] = []
    channel = options.get("channel")
    total = _figure(meter.get("Total"), channel, MOST_KWH)
    if total is not None:
        out.append(EnergyTotal(at, total * 1000))
    watts = _figure(meter.get("Power"), channel, MOST_WATTS)
    if watts is not None:
        out.append(Power(at, watts))
    return out


def _figure(value: Any, channel: Any, high: float) -> float | None:
    """A figure, or of several phases the chosen one, else their sum."""
    if not isinstance(value, list):
        return number(value, 0, high)
    figures = [number(each, 0, high) for each in value[:8]]
    if isinstance(channel, int) and 1 <= channel <= len(figures):
        return figures[channel - 1]
    known = [each for each in figures if each is not None]
    return sum(known) if known and len(known) == len(figures) else None


def _switch(body: Mapping[str, Any], at: float, options: Mapping[str, Any]) -> list[Reading]:
    for key in _power_keys(options):
        on = _on(body.get(key))
        if on is not None:
            return [Relay(at, on)]
    return []


def _power_keys(options: Mapping[str, Any]) -> tuple[str, ...]:
    channel = options.get("channel")
    return (f"POWER{channel}",) if isinstance(channel, int) and channel > 1 else ("POWER", "POWER1")


def _plain_power(message: Message, leaf: str, at: float, options: Mapping[str, Any]) -> list[Reading]:
    payload = decoded(message.payload, 200)
    if leaf not in _power_keys(options):
        return [SignOfLife(at)]
    if payload.startswith("{"):  # SetOption4
        return _switch(json_object(message.payload), at, options) or [SignOfLife(at)]
    on = _on(payload)
    if on is None:
        raise Bad("bad_field", leaf)
    return [Relay(at, on)]


def _on(value: Any) -> bool | None:
    return {"ON": True, "OFF": False}.get(value) if isinstance(value, str) else None


def _commanded(message: Message, leaf: str, options: Mapping[str, Any]) -> list[Reading]:
    if leaf not in _power_keys(options):
        return []
    word = message.payload[:10].decode("utf-8", "replace").strip().upper()
    on = {"ON": True, "1": True, "TRUE": True, "OFF": False, "0": False, "FALSE": False}.get(word)
    return [] if on is None else [Commanded(message.at, on)]


def _badges(body: Mapping[str, Any], at: float, options: Mapping[str, Any]) -> list[Reading]:
    spelling = str(options.get("uid_format", "hex"))
    out: list[Reading] = []
    for value in body.values():
        if isinstance(value, dict) and "UID" in value:
            uid = canonical_uid(value["UID"], spelling)
            if uid is not None:
                out.append(BadgeRead(at, uid, is_ambiguous(spelling)))
    return out


def _seconds(value: Any) -> float | None:
    """The device's local time as seconds of a clock of its own; None before it was set."""
    if not isinstance(value, str) or not 19 <= len(value) <= 32:
        return None
    try:
        seconds = datetime.fromisoformat(value[:19]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return seconds if seconds > EARLIEST else None


def _discovered(message: Message) -> Sighting | None:
    try:
        body = json_object(message.payload)
    except Bad:
        return None
    base = text(body.get("t"), 100)
    if base is None:
        return None
    options = [
        ("fulltopic", text(body.get("ft"), 200)),
        ("onln", text(body.get("onln"))),
        ("ofln", text(body.get("ofln"))),
    ]
    return Sighting(
        NAME,
        base,
        name=text(body.get("dn")) or base,
        model=text(body.get("md")) or "",
        serial=text(body.get("mac")) or "",
        abilities=("power", "energy", "switch"),
        options=tuple((key, value) for key, value in options if value),
    )


def _scrubbed(body: Any, cloak: Callable[[str], str], spelling: str) -> Any:
    if isinstance(body, list):
        return [_scrubbed(each, cloak, spelling) for each in body]
    if not isinstance(body, dict):
        return body
    clean = {}
    for key, value in body.items():
        if key in ("UID", "NUID"):
            clean[key] = _cloaked(value, cloak, spelling)
        elif isinstance(value, dict | list):
            clean[key] = _scrubbed(value, cloak, spelling)
        elif not _SECRET.search(key):
            clean[key] = value
    return clean


def _cloaked(value: Any, cloak: Callable[[str], str], spelling: str) -> str:
    uid = canonical_uid(value, spelling)
    return "" if uid is None else uid if uid.startswith("badge:") else cloak(uid)


def _hider(cloak: Callable[[str], str], spelling: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match[1] + _cloaked(match[2], cloak, spelling)
