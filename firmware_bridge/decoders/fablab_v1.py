"""The lab's own protocol `fablab/v1` (docs/device-builders.md).

Topics `fablab/v1/<site>/<dev>/{up|dn}/<leaf>`; the option `base` is all before `/up`. JSON, `v` = 1, unknown keys are
ignored, a higher `v` is kept and derives nothing. A life of the device is its `boot`; `up` counts ms since then.
  up/status  retained, the will: {on, boot, conn, why}          up/info  retained: {boot, why, fw, hw, caps, ring, …}
  up/hb      {boot, conn, up, n, seq, relay, lid, lease, sess, w (W), wh (Wh since boot), q}
  up/ev      journal record {boot, seq, up, ts (ms)|null, tq, e, d: {…}, r: 1 when sent again}
  up/tap     {boot, up, rid, uid|h1|tok}                         up/rsp   answer to a command
  dn/tap, dn/lease, dn/ack   ours: {rid, ok, act, code, lid, ttl} · {boot, lid, ttl, why} · {boot, seq}
Records: boot · tap{rid, uid|h1, ok, auth} · use.start{sid, rid, auth, lid} · tick{sid, wh, w} · use.state{sid, s} ·
use.end{sid, why, run_s, wh} · job.start{sid, job, material} · job.progress{pct} · job.end{sid, out, g} ·
relay{on, why} · fault{code, txt} · lost{from, to} · cfg. Their `wh` counts from the start of the use.

A stored (retained) tap, record or heartbeat is nobody's word and is dropped; answers count only when they are ours.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fablab.devices.readings import (
    AckSent,
    BadMessage,
    Birth,
    Death,
    DeviceInfo,
    Heartbeat,
    JournalRecord,
    LeaseSent,
    Message,
    Reading,
    Sighting,
    SignOfLife,
    TapAnswered,
    TapAsked,
)
from firmware_bridge.decoders.parse import (
    EARLIEST,
    Bad,
    depth_over,
    json_object,
    number,
    section,
    text,
    whole,
)
from firmware_bridge.decoders.uids import canonical_uid

NAME = "fablab_v1"
DISCOVERY = ("fablab/v1/+/+/up/status", "fablab/v1/+/+/up/info")

MOST_BYTES = 4096  # the protocol asks devices for 480; a longer record is still a record
DEEPEST = 4
LONGEST_UP_MS = 320_000_000_000  # ten years
_TOPIC = re.compile(r"(fablab/v1/[a-z0-9-]{1,32}/([a-z0-9-]{1,32}))/up/(?:status|info)")
_BOOT = re.compile(r"[A-Za-z0-9._-]{1,40}")
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{8,128}")
_CARD = re.compile(r'("uid"\s*:\s*")([^"]*)')


def topics(options: Mapping[str, Any]) -> list[str]:
    """MQTT filters of one device."""
    return [f"{options.get('base', '')}/up/+"]


def commands(options: Mapping[str, Any]) -> list[str]:
    """Our answers, leases and acknowledgements."""
    base = options.get("base", "")
    return [f"{base}/dn/tap", f"{base}/dn/lease", f"{base}/dn/ack"]


def recognise(message: Message) -> Sighting | None:
    """Its birth or its info."""
    match = _TOPIC.fullmatch(message.topic)
    if match is None:
        return None
    try:
        body = _body(message)
        _boot(body)
    except Bad:
        return None
    caps = _caps(body)
    abilities = ("badge",) * ("tap" in caps) + ("switch",) * ("relay" in caps) + ("power", "energy") * ("power" in caps)
    return Sighting(NAME, match[1], match[2], text(body.get("hw")) or "", match[2], abilities)


def scrub(message: Message, options: Mapping[str, Any], cloak: Callable[[str], str]) -> Message:
    """Card numbers cloaked in taps and records; names and greetings dropped from our own answers."""
    leaf = message.topic.rpartition("/")[2]
    if leaf == "tap" and message.outbound:
        return replace(message, payload=_without_names(message.payload))
    if leaf not in ("tap", "ev") or (b'"uid"' not in message.payload and b"\\u" not in message.payload):
        return message
    raw = _unescaped(message.payload)
    hidden = _CARD.sub(lambda match: match[1] + _cloaked(match[2], cloak), raw)
    return message if hidden == raw else replace(message, payload=hidden.encode())


def decode(state: dict[str, Any], message: Message, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reading]]:
    """See the module's head. The state stays empty: order and time are matters of `fablab.usage`."""
    base = options.get("base", "")
    if not message.topic.startswith(f"{base}/"):
        return state, []
    leaf = message.topic[len(base) + 1 :]
    read = (_OURS if message.outbound else _THEIRS).get(leaf)
    if read is None or (message.retained and leaf not in ("up/status", "up/info")):
        return state, []
    try:
        return state, read(_body(message), message)
    except Bad as bad:
        return state, [*_numbered(leaf, message), BadMessage(message.at, message.topic, bad.reason, bad.detail)]


def _numbered(leaf: str, message: Message) -> list[Reading]:
    """A record that makes no sense has its number all the same: it is stored, and the device may forget it."""
    if leaf != "up/ev":
        return []
    try:
        body = json_object(message.payload, MOST_BYTES)
        return [JournalRecord(message.at, _boot(body), _need(body, "seq", 1), 0, "", {}, again=True)]
    except Bad:
        return []


def _body(message: Message) -> dict[str, Any]:
    body = json_object(message.payload, MOST_BYTES)
    brackets = message.payload.count(b"{") + message.payload.count(b"[")
    if brackets > DEEPEST and depth_over(body, DEEPEST):
        raise Bad("too_deep")
    version = whole(body.get("v", 1), 1)
    if version is None:
        raise Bad("bad_field", "v")
    if version > 1:
        raise Bad("newer_version", f"v={version}")
    return body


def _boot(body: Mapping[str, Any]) -> str:
    boot = body.get("boot")
    if not isinstance(boot, str) or not _BOOT.fullmatch(boot):
        raise Bad("bad_field", "boot")
    return boot


def _need(body: Mapping[str, Any], key: str, low: int = 0, high: int = 2**31) -> int:
    value = whole(body.get(key), low, high)
    if value is None:
        raise Bad("bad_field", key)
    return value


def _token(value: Any) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _digest(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and _DIGEST.fullmatch(value) else None


def _caps(body: Mapping[str, Any]) -> tuple[str, ...]:
    caps = body.get("caps")
    return tuple(filter(None, map(text, caps[:20]))) if isinstance(caps, list) else ()


def _status(body: Mapping[str, Any], message: Message) -> list[Reading]:
    boot, conn, on = _boot(body), _need(body, "conn"), body.get("on")
    if on is True:
        return [Birth(message.at, boot, conn, message.retained)]
    if on is False:
        return [Death(message.at, boot, conn, text(body.get("why"), 20) or "lost", message.retained)]
    raise Bad("bad_field", "on")


def _info(body: Mapping[str, Any], message: Message) -> list[Reading]:
    caps = _caps(body) + ("journal",) * bool(whole(body.get("ring"), 1))
    why, firmware, hardware = (text(body.get(key)) or "" for key in ("why", "fw", "hw"))
    return [DeviceInfo(message.at, _boot(body), why, firmware, hardware, caps, message.retained)]


def _heartbeat(body: Mapping[str, Any], message: Message) -> list[Reading]:
    relay = body.get("relay")
    return [
        Heartbeat(
            message.at,
            _boot(body),
            _need(body, "conn"),
            _need(body, "n"),
            _need(body, "up", 0, LONGEST_UP_MS),
            whole(body.get("seq"), 0, 2**31) or 0,
            relay if isinstance(relay, bool) else None,
            whole(body.get("lid"), 0, 2**53),
            whole(body.get("lease"), 0, LONGEST_UP_MS),
            _token(body.get("sess")),
            number(body.get("w"), 0, 100_000),
            number(body.get("wh"), 0, 1e9),
            whole(body.get("q"), 0, 2**31) or 0,
        )
    ]


def _tap(body: Mapping[str, Any], message: Message) -> list[Reading]:
    rid = _token(body.get("rid"))
    if rid is None:
        raise Bad("bad_field", "rid")
    boot, up_ms = _boot(body), _need(body, "up", 0, LONGEST_UP_MS)
    uid, h1, tok = canonical_uid(body.get("uid")), _digest(body.get("h1")), _digest(body.get("tok"))
    if uid is None and h1 is None and tok is None:
        raise Bad("bad_field", "uid")
    return [TapAsked(message.at, boot, up_ms, rid, uid, h1, tok)]


def _record(body: Mapping[str, Any], message: Message) -> list[Reading]:
    kind = body.get("e")
    boot, seq, up_ms = _boot(body), _need(body, "seq", 1), _need(body, "up", 0, LONGEST_UP_MS)
    if not isinstance(kind, str) or len(kind) > 20:
        raise Bad("bad_field", "e")
    data, wrong = _data(kind, section(body.get("d")))
    clock = number(body.get("ts"), EARLIEST * 1000, (message.at + 86400) * 1000) if body.get("tq") != "none" else None
    again = body.get("r") in (1, True)
    record = JournalRecord(message.at, boot, seq, up_ms, kind, data, again, None if clock is None else clock / 1000)
    return [record, BadMessage(message.at, message.topic, "bad_field", wrong)] if wrong else [record]


def _answer(body: Mapping[str, Any], message: Message) -> list[Reading]:
    rid, ok, act = _token(body.get("rid")), body.get("ok"), body.get("act")
    if rid is None or not isinstance(ok, bool):
        raise Bad("bad_field", "rid" if rid is None else "ok")
    lid, ttl = whole(body.get("lid"), 0, 2**53), whole(body.get("ttl"), 0, 86_400_000)
    return [TapAnswered(message.at, rid, ok, text(act, 20), text(body.get("code"), 40), lid, ttl)]


def _lease(body: Mapping[str, Any], message: Message) -> list[Reading]:
    lid, ttl = _need(body, "lid", 0, 2**53), _need(body, "ttl", 0, 86_400_000)
    return [LeaseSent(message.at, _boot(body), lid, ttl, text(body.get("why"), 40), text(body.get("how"), 10) or "now")]


def _ack(body: Mapping[str, Any], message: Message) -> list[Reading]:
    return [AckSent(message.at, _boot(body), _need(body, "seq"))]


_THEIRS: dict[str, Callable[[Mapping[str, Any], Message], list[Reading]]] = {
    "up/status": _status,
    "up/info": _info,
    "up/hb": _heartbeat,
    "up/ev": _record,
    "up/tap": _tap,
    "up/rsp": lambda _, message: [SignOfLife(message.at)],
}
_OURS: dict[str, Callable[[Mapping[str, Any], Message], list[Reading]]] = {
    "dn/tap": _answer,
    "dn/lease": _lease,
    "dn/ack": _ack,
}


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _energy(value: Any) -> float | None:
    return number(value, 0, 1e7)


def _word(value: Any) -> str | None:
    return text(value, 40)


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "sid": lambda value: value if isinstance(value, str) and _BOOT.fullmatch(value) else None,
    "rid": _token,
    "uid": canonical_uid,
    "h1": _digest,
    "ok": _boolean,
    "on": _boolean,
    "relay": _boolean,
    "wh": _energy,
    "w": lambda value: number(value, 0, 100_000),
    "run_s": lambda value: number(value, 0, 1e8),
    "pct": lambda value: number(value, 0, 100),
    "g": lambda value: number(value, 0, 1e6),
    "lid": lambda value: whole(value, 0, 2**53),
    "from": lambda value: whole(value, 1, 2**31),
    "to": lambda value: whole(value, 1, 2**31),
    "job": lambda value: text(value, 200),
    "material": lambda value: text(value, 100),
    "txt": lambda value: text(value, 200),
    "auth": _word,
    "why": _word,
    "code": _word,
    "out": _word,
    "s": _word,
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "use.start": ("sid",),
    "use.end": ("sid",),
    "use.state": ("sid", "s"),
    "tick": ("sid",),
    "job.start": ("sid",),
    "job.end": ("sid",),
    "lost": ("from", "to"),
}


def _data(kind: str, raw: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The checked values of a record, and the name of a field that it needs and has not."""
    data = {key: value for key, check in _FIELDS.items() if key in raw and (value := check(raw[key])) is not None}
    return data, next((key for key in _REQUIRED.get(kind, ()) if key not in data), "")


def _cloaked(raw: str, cloak: Callable[[str], str]) -> str:
    uid = canonical_uid(raw)
    return "" if uid is None else uid if uid.startswith("badge:") else cloak(uid)


def _unescaped(payload: bytes) -> str:
    """The payload as text in which nothing can hide behind JSON's escapes."""
    raw = payload.decode("utf-8", "replace")
    if "\\u" not in raw:
        return raw
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.replace("\\u", "?")


def _without_names(payload: bytes) -> bytes:
    try:
        body = json_object(payload)
    except Bad:
        return b"{}"
    return json.dumps({key: value for key, value in body.items() if key not in ("who", "txt")}).encode()
