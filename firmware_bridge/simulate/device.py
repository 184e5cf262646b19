"""What simulated devices share: a clock that is handed in, chance from a seed, scripts, and what goes to the broker.

A simulated device is pure: it opens no socket and asks no clock. It is told what time it is (`advance`), what the
server says (`hear`) and whether its connection stands (`link`), and answers with what it publishes and whether it
connects or falls silent. `play.py` plays devices against each other in no time at all, `runner.py` on a real broker.

`pace` shortens the stories (how long a print or a visit lasts), never the protocol: uptimes, heartbeats, leases and
counters always follow the clock, so whatever a device says at any pace is true.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Script = Iterator[float]
"""Something that goes on in a device: yields how many seconds to wait before its next step."""


@dataclass(frozen=True, slots=True)
class Publish:
    """One message to the broker, at a moment in Unix seconds."""

    at: float
    topic: str
    payload: str
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """The device wants a connection to the broker."""

    at: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends: properly when `clean`, else without a word, so that the broker publishes the will."""

    at: float
    clean: bool = False


Action = Publish | Connect | Drop


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for a device that fell silent."""

    topic: str
    payload: str
    qos: int = 0
    retain: bool = True


@dataclass(slots=True)
class Truth:
    """What really happened, to compare with what was derived: one use from `start` to `end` (None while it lasts)."""

    start: float
    job: str | None = None
    end: float | None = None
    outcome: str | None = None
    paused_s: float = 0.0
    energy_wh: float | None = None
    uid: str | None = None


class Device:
    """Base of the simulated devices; a dialect adds what it says in `connected`, `heard` and its scripts."""

    def __init__(self, name: str, seed: int, pace: float = 1.0) -> None:
        self.name = name
        self.pace = pace
        self.random = random.Random(f"{seed}/{name}")
        self.now = 0.0
        self.online = False
        self.truth: list[Truth] = []
        self._out: list[Action] = []
        self._scripts: list[tuple[float, int, Script]] = []
        self._pushed = 0
        self._era = 0

    @property
    def will(self) -> Will | None:
        """What the broker is to say when the connection ends without a word."""
        return None

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topics this device listens to."""
        return ()

    def life(self) -> Script:
        """The main script, begun by `start`."""
        raise NotImplementedError

    def connected(self) -> None:
        """The connection stands: say what the dialect says then."""

    def heard(self, topic: str, payload: str, retained: bool) -> None:
        """A message on one of the subscriptions."""

    def start(self, now: float) -> list[Action]:
        """Switch the device on at `now`."""
        self.now = now
        self.spawn(self.life())
        return self.advance(now)

    def next_due(self) -> float:
        """When the device next does something by itself; infinity when never."""
        return self._scripts[0][0] if self._scripts else float("inf")

    def advance(self, now: float) -> list[Action]:
        """Live on until `now` and tell what was done meanwhile, in order."""
        while self._scripts and self._scripts[0][0] <= now:
            at, _, script = heapq.heappop(self._scripts)
            self.now = max(self.now, at)
            era = self._era
            wait = next(script, None)
            if wait is not None and era == self._era:
                self._push(self.now + max(wait, 0.0), script)
        self.now = max(self.now, now)
        return self._taken()

    def link(self, up: bool, now: float) -> list[Action]:
        """Tell the device that its connection stands or has ended."""
        before = self.advance(now)
        if up == self.online:
            return before
        self.online = up
        if up:
            self.connected()
        return before + self._taken()

    def hear(self, topic: str, payload: str, retained: bool, now: float) -> list[Action]:
        """Hand over a message that the broker delivered."""
        before = self.advance(now)
        self.heard(topic, payload, retained)
        return before + self._taken()

    def spawn(self, script: Script) -> None:
        """Let something go on beside what already goes on, from now."""
        self._push(self.now, script)

    def halt(self) -> None:
        """Stop all that goes on, the calling script too: the device has lost its power."""
        self._scripts.clear()
        self._era += 1

    def say(self, topic: str, payload: Mapping[str, Any] | str, qos: int = 0, retain: bool = False) -> None:
        """Publish, when there is a connection; what is said without one is lost."""
        if not self.online:
            return
        text = payload if isinstance(payload, str) else self.encode(payload)
        self._out.append(Publish(self.now, topic, text, qos, retain))

    def encode(self, payload: Mapping[str, Any]) -> str:
        """JSON as this dialect writes it."""
        return json.dumps(payload)

    def connect(self) -> None:
        """Ask for a connection."""
        self._out.append(Connect(self.now))

    def drop(self, clean: bool = False) -> None:
        """Fall silent."""
        self._out.append(Drop(self.now, clean))
        self.online = False

    def span(self, low_s: float, high_s: float) -> float:
        """A length of the story in seconds, by chance, shortened by the pace."""
        return self.random.uniform(low_s, high_s) / self.pace

    def chance(self, probability: float) -> bool:
        """True in so many of all cases."""
        return self.random.random() < probability

    def _push(self, at: float, script: Script) -> None:
        self._pushed += 1
        heapq.heappush(self._scripts, (at, self._pushed, script))

    def _taken(self) -> list[Action]:
        out, self._out = self._out, []
        return out
