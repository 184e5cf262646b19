"""How much a machine has drawn, from a counter that may fall and leap, and from power where no counter is believed.

The energy of a session is the sum of the believable rises of the counter between its start and its last evidence.
A fall is a reset: what the counter shows now is added only when the machine can have drawn it since. A leap beyond
what the machine can draw is refused, and power is summed up instead, each figure held until the next one comes, but
no longer than `stale_s`. Never negative. Source: the design note on MQTT dialects, rule R5.
"""

from dataclasses import dataclass

from fablab.usage.copies import replace

LEAST_P_MAX_W = 3700.0  # what a common socket gives
SLACK_WH = 12.0  # the step of coarse counters


@dataclass(frozen=True, slots=True)
class Meter:
    """What is known of one meter. `wh` counts since `begin`."""

    watts: float | None = None
    watts_at: float = 0.0
    peak_w: float = 0.0
    total_wh: float | None = None
    total_at: float = 0.0
    wh: float = 0.0  # by the counter, up to `total_at`
    summed_wh: float = 0.0  # by power, since `total_at`
    high_wh: float | None = None  # the counter before it fell, as long as this may have been one stray message
    high_at: float = 0.0
    at_high_wh: float = 0.0


def begin(meter: Meter) -> Meter:
    """Count from here."""
    return replace(meter, wh=0.0, summed_wh=0.0, high_wh=None)


def energy_wh(meter: Meter) -> float:
    """Wh since `begin`, up to the last reading of either kind."""
    return meter.wh + meter.summed_wh


def is_measured(meter: Meter) -> bool:
    """Whether there is anything to measure with."""
    return meter.watts is not None or meter.total_wh is not None


def with_power(meter: Meter, at: float, watts: float, stale_s: float) -> Meter:
    """The meter after a power reading."""
    held = _held(meter, at, stale_s)
    peak = max(meter.peak_w, watts)
    return replace(meter, watts=watts, watts_at=at, peak_w=peak, summed_wh=meter.summed_wh + held)


def held_until(meter: Meter, at: float, stale_s: float) -> Meter:
    """The meter at `at`, if the last power reading has held until then."""
    return replace(meter, watts_at=max(at, meter.watts_at), summed_wh=meter.summed_wh + _held(meter, at, stale_s))


def with_total(meter: Meter, at: float, wh: float, stale_s: float, p_max_w: float | None = None) -> Meter:
    """The meter after a counter reading."""
    meter = held_until(meter, at, stale_s)
    last = meter.total_wh
    if last is None:
        return replace(meter, total_wh=wh, total_at=at)
    most_w = p_max_w or max(LEAST_P_MAX_W, 1.2 * meter.peak_w)
    if meter.high_wh is not None:
        stray = _stray_fall(meter, at, wh, most_w)
        if stray is not None:
            return stray
    rise = wh - last
    believable = _believable(rise if rise >= 0 else wh, at - meter.total_at, most_w)
    after = replace(meter, total_wh=wh, total_at=at, summed_wh=0.0, high_wh=None)
    if rise >= 0:
        return replace(after, wh=meter.wh + (rise if believable else meter.summed_wh))
    grown = meter.wh + (wh if believable else meter.summed_wh)
    return replace(after, wh=grown, high_wh=last, high_at=meter.total_at, at_high_wh=meter.wh)


def _stray_fall(meter: Meter, at: float, wh: float, most_w: float) -> Meter | None:
    """A counter that fell for one message and is back where it was: an old message came late, nothing was reset."""
    high = meter.high_wh
    if high is None or wh < high or not _believable(wh - high, at - meter.high_at, most_w):
        return None
    return replace(meter, total_wh=wh, total_at=at, wh=meter.at_high_wh + wh - high, summed_wh=0.0, high_wh=None)


def _believable(wh: float, seconds: float, most_w: float) -> bool:
    return wh <= most_w * max(seconds, 0.0) / 3600 + SLACK_WH


def _held(meter: Meter, at: float, stale_s: float) -> float:
    if meter.watts is None:
        return 0.0
    return meter.watts * min(max(at - meter.watts_at, 0.0), stale_s) / 3600
