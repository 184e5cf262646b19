"""One device's ear: its decoder and the usage fold behind it. The bridge, `replay` and `derive` all use exactly this.

Not thread-safe. A fold is a value in time: when the transaction that stored its changes was rolled back, throw the
fold away and make a new one from the last stored state.
"""

from collections.abc import Mapping
from typing import Any

from fablab.devices.readings import Message
from fablab.usage.changes import Change


class DeviceFold:
    """`DeviceFold("tasmota", {"base": "plug_bandsaw", "power": {…}}, state)`; `state` as `.state` once gave it."""

    def __init__(self, dialect: str, options: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for an unknown dialect or an impossible option, naming it."""
        raise NotImplementedError

    def hear(self, message: Message) -> list[Change]:
        """Fold one message (already scrubbed), received or our own. Never raises for what a device says: nonsense
        gives a `BadMessage`. Messages of one device come in order of `at`."""
        raise NotImplementedError

    def advance(self, now: float) -> list[Change]:
        """Fire the timers due up to `now`. Call it only when everything received before `now` has been heard."""
        raise NotImplementedError

    def next_due(self) -> float | None:
        """Unix seconds of the next timer, None without one."""
        raise NotImplementedError

    @property
    def state(self) -> dict[str, Any]:
        """JSON-able; made anew on each call."""
        raise NotImplementedError

    @property
    def acknowledge(self) -> dict[str, int]:
        """Native devices: boot → highest contiguous record heard, to be sent on `dn/ack` after the commit."""
        raise NotImplementedError

    @property
    def missing(self) -> tuple[tuple[str, int, int], ...]:
        """Native devices: (boot, first, last) ranges of records that the device has made and we have not heard."""
        raise NotImplementedError
