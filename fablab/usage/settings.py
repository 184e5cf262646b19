"""A device's settings as the usage fold wants them: names and defaults in one place, nonsense refused by name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fablab.usage.power import Thresholds
from fablab.usage.presence import CONFIRM_S, Patience

GRACE_S = 600.0
TRUE_WILL_S = 5.0  # native wills are never late; a connection that takes over is born within this
NATIVE_SILENCE_S = 65.0
PLUG_SILENCE_S = 610.0  # twice the default TelePeriod and a little


@dataclass(frozen=True, slots=True)
class UsageOptions:
    """What the lab has configured for one device; made by `options`."""

    limits: Thresholds = Thresholds()
    patience: Patience = Patience(GRACE_S, CONFIRM_S, None)
    debounce_s: float = 5.0


def options(settings: Mapping[str, Any]) -> UsageOptions:
    """The settings of one device: `dialect`, `power` {on_w, off_w, on_delay_s, off_delay_s, offline_grace_s, stale_s,
    p_max_w}, `tap_debounce_s`, `hb_s`, `offline_after_s`; all may be missing. Raises ValueError naming the key."""
    power = settings.get("power") or {}
    if not isinstance(power, Mapping):
        raise ValueError("power: an object with on_w, off_w, … is needed")
    on_w = _figure(power, "on_w", 10.0)
    off_w = _figure(power, "off_w", on_w / 2)
    if off_w > on_w:
        raise ValueError(f"power.off_w: {off_w:g} is more than power.on_w, {on_w:g}")
    stale_s = _figure(power, "stale_s", PLUG_SILENCE_S)
    grace_s = _figure(power, "offline_grace_s", _figure(settings, "offline_grace_s", GRACE_S))
    p_max_w = _figure(power, "p_max_w", 0.0) or None
    limits = Thresholds(
        on_w, off_w, _figure(power, "on_delay_s", 5.0), _figure(power, "off_delay_s", 60.0), stale_s, p_max_w
    )
    confirm_s = TRUE_WILL_S if settings.get("dialect") == "fablab_v1" else CONFIRM_S
    patience = Patience(grace_s, min(confirm_s, grace_s), _silence_s(settings, stale_s))
    return UsageOptions(limits, patience, _figure(settings, "tap_debounce_s", 5.0))


def _silence_s(settings: Mapping[str, Any], stale_s: float) -> float | None:
    """How long a device may be silent; None where silence says nothing (printers tell their absence by a will)."""
    dialect = settings.get("dialect")
    if "offline_after_s" in settings:
        return _figure(settings, "offline_after_s", NATIVE_SILENCE_S)
    if dialect == "fablab_v1":
        return 3 * _figure(settings, "hb_s", 20.0) + 5 if "hb_s" in settings else NATIVE_SILENCE_S
    return stale_s if dialect == "tasmota" else None


def _figure(settings: Mapping[str, Any], key: str, default: float) -> float:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{key}: a number of at least 0 is needed, not {value!r}")
    return float(value)
