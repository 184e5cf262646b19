"""One device's ear: its decoder and the usage fold behind it. The bridge, `replay` and `derive` all use exactly this.

Not thread-safe. A fold is a value in time: when the transaction that stored its changes was rolled back, throw the
fold away and make a new one from the last stored state.
"""

from collections.abc import Mapping
from typing import Any

from fablab.devices.readings import Message
from fablab.usage import lives, rules
from fablab.usage.changes import Change
from fablab.usage.codec import from_json, to_json
from firmware_bridge.decoders import BY_NAME

STATE_VERSION = 1


class DeviceFold:
    """`DeviceFold("tasmota", {"base": "plug_bandsaw", "power": {…}}, state)`; `state` as `.state` once gave it."""

    __slots__ = ("_decode", "_how", "_options", "_state", "_usage")

    def __init__(self, dialect: str, options: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for an unknown dialect or an impossible option, naming it."""
        if dialect not in BY_NAME:
            raise ValueError(f"dialect: {dialect!r} is none of {', '.join(BY_NAME)}")
        base = options.get("base")
        if not isinstance(base, str) or not base or any(sign in base for sign in "+#\0"):
            raise ValueError("base: the root of the device's topics is needed, without wildcards")
        self._decode = BY_NAME[dialect].decode
        self._options = dict(options)
        self._how = rules.options({**options, "dialect": dialect})
        known = state if state and state.get("version") == STATE_VERSION else {}
        self._state: dict[str, Any] = dict(known.get("decoder", {}))
        self._usage = from_json(rules.UsageState, known.get("usage", {}))

    def hear(self, message: Message) -> list[Change]:
        """Fold one message (already scrubbed), received or our own. Never raises for what a device says: nonsense
        gives a `BadMessage`. Messages of one device come in order of `at`."""
        state, readings = self._decode(self._state, message, self._options)
        usage, changes = rules.hear(self._usage, readings, self._how)
        self._state, self._usage = state, usage
        return changes

    def advance(self, now: float) -> list[Change]:
        """Fire the timers due up to `now`. Call it only when everything received before `now` has been heard."""
        self._usage, changes = rules.advance(self._usage, now, self._how)
        return changes

    def next_due(self) -> float | None:
        """Unix seconds of the next timer, None without one."""
        return rules.next_due(self._usage, self._how)

    @property
    def state(self) -> dict[str, Any]:
        """JSON-able; made anew on each call."""
        return {"version": STATE_VERSION, "decoder": self._state, "usage": to_json(self._usage)}

    @property
    def acknowledge(self) -> dict[str, int]:
        """Native devices: boot → highest contiguous record heard, to be sent on `dn/ack` after the commit."""
        return {life.boot: lives.contiguous(life) for life in self._usage.native.lives if life.heard or life.floor}

    @property
    def missing(self) -> tuple[tuple[str, int, int], ...]:
        """Native devices: (boot, first, last) ranges of records that the device has made and we have not heard."""
        return tuple((life.boot, *span) for life in self._usage.native.lives for span in lives.missing(life))
