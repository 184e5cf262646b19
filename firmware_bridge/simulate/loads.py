"""How machines draw power: standby, inrush, work and pauses, as watts over time; and the thresholds that fit them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of machine. Switched on it draws `idle_w`; work comes in bursts of `work_w` between pauses.

    Lengths are in seconds at pace 1. `on_w`, `off_w` and the two delays are thresholds a lab manager would set.
    """

    idle_w: float
    work_w: tuple[float, float]
    burst_s: tuple[float, float]
    pause_s: tuple[float, float]
    use_s: tuple[float, float]
    on_w: float
    off_w: float
    inrush_w: float = 0.0
    off_now_w: float = 0.0
    on_delay_s: float = 3.0
    off_delay_s: float = 20.0

    def thresholds(self) -> dict[str, float]:
        """The power options of a device with this load."""
        delays = {"on_delay_s": self.on_delay_s, "off_delay_s": self.off_delay_s}
        silence = {"offline_grace_s": 120.0, "stale_s": 200.0}
        return {"on_w": self.on_w, "off_w": self.off_w, **delays, **silence}

    def curve(self, chance: random.Random, pace: float) -> Iterator[tuple[float, float]]:
        """(seconds, watts) from switching on to switching off; never shorter than what the meter can see."""
        left = chance.uniform(*self.use_s) / pace
        if self.inrush_w:
            yield 2.0, self.inrush_w
        yield max(4.0, chance.uniform(20, 60) / pace), self.idle_w
        while left > 0:
            burst = max(3.0, chance.uniform(*self.burst_s) / pace)
            level = chance.uniform(*self.work_w)
            for _ in range(max(1, round(burst / 6))):
                piece = burst / max(1, round(burst / 6))
                yield piece, level * chance.uniform(0.93, 1.07)
            pause = max(3.0, chance.uniform(*self.pause_s) / pace)
            yield pause, self.idle_w
            left -= burst + pause


LOADS: dict[str, Load] = {
    "laser": Load(145, (620, 980), (15, 90), (8, 60), (900, 4200), on_w=60, off_w=40, inrush_w=420, off_now_w=2),
    "mill": Load(90, (450, 1150), (60, 400), (15, 120), (1200, 6000), on_w=50, off_w=30, inrush_w=900, off_now_w=3),
    "vinyl": Load(14, (34, 52), (20, 120), (10, 60), (400, 1800), on_w=10, off_w=6, off_now_w=1),
    "embroidery": Load(28, (62, 95), (30, 240), (10, 60), (900, 5400), on_w=18, off_w=10, off_now_w=1),
    "sewing": Load(9, (70, 130), (5, 40), (10, 80), (600, 3600), on_w=6, off_w=4, off_now_w=0),
    "soldering": Load(24, (62, 78), (8, 25), (10, 40), (600, 4200), on_w=15, off_w=8, off_now_w=1),
    "saw": Load(60, (700, 1300), (20, 120), (10, 60), (300, 1500), on_w=45, off_w=30, inrush_w=2100, off_now_w=0),
}
