"""How usage follows from readings: a pure fold, the same live, in `replay` and in `derive`.

`hear(state, readings)` and `advance(state, now)` return a new state and the changes; the old state stays valid.
Time comes from the readings; the only clock is the caller's `now`. Sources: the design note on MQTT dialects,
rules R1 to R12; docs/decisions/0003.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fablab.devices.readings import Reading
from fablab.usage.changes import Change


@dataclass(frozen=True, slots=True)
class UsageOptions:
    """What the lab has configured for one device; see `options`."""


@dataclass(frozen=True, slots=True)
class UsageState:
    """All that the fold remembers of one device. Small, and JSON-able by `fablab.usage.codec`."""


def options(settings: Mapping[str, Any]) -> UsageOptions:
    """The settings of one device (power{on_w, off_w, …}, tap_debounce_s, hb_s, …) with their defaults."""
    raise NotImplementedError


def hear(state: UsageState, readings: Iterable[Reading], how: UsageOptions) -> tuple[UsageState, list[Change]]:
    """Fold readings, which are in the order of hearing. Timers that were due before them fire first."""
    raise NotImplementedError


def advance(state: UsageState, now: float, how: UsageOptions) -> tuple[UsageState, list[Change]]:
    """Let time pass: fire what is due up to `now`, each at its own due time, however late the call."""
    raise NotImplementedError


def next_due(state: UsageState, how: UsageOptions) -> float | None:
    """When `advance` has something to do next, if nothing is heard until then."""
    raise NotImplementedError
