"""What of a message goes into the journal: scrubbed, cut, with its record number, and the reason if it is no good."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fablab.core import badges
from fablab.devices.readings import Message
from firmware_bridge.decoders import DECODERS, Decoder

MOST_BYTES = 65_536
KEPT_BYTES = 4_096
"""Of a message that is too large, so much is kept for people to look at."""

_HIGHEST = 2**31


def row(
    message: Message, broker: str, device_id: int | None = None, problem: str | None = None, detail: str | None = None
) -> dict[str, Any]:
    """A row of the journal for a message that is scrubbed already."""
    payload = message.payload
    return {
        "device_id": device_id,
        "broker": broker,
        "received_at": datetime.fromtimestamp(message.at, UTC),
        "topic": message.topic[:1024],
        "payload": payload if len(payload) <= MOST_BYTES else payload[:KEPT_BYTES],
        "qos": message.qos,
        "retained": message.retained,
        "outbound": message.outbound,
        "boot": None,
        "seq": None,
        "problem": problem,
        "detail": detail,
    }


def scrub(message: Message, decoder: Decoder, options: dict[str, Any]) -> Message:
    """The message as it may be kept and decoded: every card number replaced by its keyed hash."""
    return decoder.scrub(message, options, badges.cloak)


def scrub_unknown(message: Message) -> Message:
    """A message of nobody we know, without what any dialect would hide; without its content where that fails."""
    try:
        for decoder in DECODERS:
            message = decoder.scrub(message, {}, badges.cloak)
    except Exception:  # rather nothing kept than a card number
        return Message(message.topic, b"", message.at, message.qos, message.retained, message.outbound)
    return message


def record_number(payload: bytes) -> tuple[str, int] | None:
    """(boot, seq) of a native journal record; None when it does not name them properly."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    boot, seq = told.get("boot"), told.get("seq")
    if not isinstance(boot, str) or not 0 < len(boot) <= 64 or "\0" in boot:
        return None
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < _HIGHEST:
        return None
    return boot, seq


def same_record(one: bytes, other: bytes) -> bool:
    """True when two payloads tell the same record; that one was sent again (`r`) makes no difference."""
    if one == other:
        return True
    try:
        left, right = json.loads(one), json.loads(other)
    except (ValueError, RecursionError):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        left.pop("r", None)
        right.pop("r", None)
    return bool(left == right)
