"""Simulated devices played in no time at all: a broker of one paragraph and a clock that jumps to the next thing due.

For tests and for looking at what a device would say; `runner.py` plays the same devices on a real broker.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from firmware_bridge.simulate.device import Action, Connect, Device, Drop, Publish

ANSWER_S = 0.03
"""How long the lab takes to answer in a play."""

Lab = Callable[[Publish], Iterable[tuple[str, str]]]
"""What the lab answers to a message of a device: topics and payloads."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a subscriber of everything would hear it; `outbound`: the lab said it."""

    at: float
    topic: str
    payload: str
    qos: int
    retain: bool
    outbound: bool = False


class Stage:
    """Plays devices from `start`; `lab` answers them. `cut` takes the broker away for a while."""

    def __init__(self, devices: Sequence[Device], start: float, lab: Lab | None = None) -> None:
        self.devices = devices
        self.now = start
        self.lab = lab
        self.broker_up = True
        self._waiting: set[int] = set()
        self._post: list[tuple[float, int, str, str]] = []
        self._posted = 0
        self._opening = [heard for device in devices for heard in self._carry(device, device.start(start))]

    def run(self, seconds: float) -> Iterator[Heard]:
        """All that is said within the next `seconds`, in order."""
        until = self.now + seconds
        opening, self._opening = self._opening, []
        yield from opening
        while (at := self._next()) <= until:
            self.now = max(self.now, at)
            yield from self._step()
        self.now = until
        for device in self.devices:
            yield from self._carry(device, device.advance(until))

    def cut(self) -> list[Heard]:
        """The broker goes away; nobody hears any will."""
        self.broker_up = False
        self._waiting = {id(device) for device in self.devices if device.online}
        return [heard for device in self.devices for heard in self._carry(device, device.link(False, self.now))]

    def mend(self) -> list[Heard]:
        """The broker is back and the devices connect again."""
        self.broker_up = True
        back = [device for device in self.devices if id(device) in self._waiting]
        return [heard for device in back for heard in self._carry(device, device.link(True, self.now))]

    def tell(self, topic: str, payload: str, after_s: float = 0.0) -> None:
        """The lab says something of its own accord."""
        self._posted += 1
        heapq.heappush(self._post, (self.now + after_s, self._posted, topic, payload))

    def _next(self) -> float:
        due = [device.next_due() for device in self.devices]
        return min(*due, self._post[0][0] if self._post else float("inf"), float("inf"))

    def _step(self) -> Iterator[Heard]:
        while self._post and self._post[0][0] <= self.now:
            at, _, topic, payload = heapq.heappop(self._post)
            yield Heard(at, topic, payload, 1, False, outbound=True)
            for device in self.devices:
                if device.online and topic in device.subscriptions:
                    yield from self._carry(device, device.hear(topic, payload, False, at))
        for device in self.devices:
            if device.next_due() <= self.now:
                yield from self._carry(device, device.advance(self.now))

    def _carry(self, device: Device, actions: Iterable[Action]) -> list[Heard]:
        heard: list[Heard] = []
        for action in actions:
            match action:
                case Publish():
                    heard.append(Heard(action.at, action.topic, action.payload, action.qos, action.retain))
                    self._answer(action)
                case Drop():
                    self._waiting.discard(id(device))
                    will = device.will
                    if will is not None and not action.clean and self.broker_up:
                        heard.append(Heard(action.at, will.topic, will.payload, will.qos, will.retain))
                case Connect() if self.broker_up:
                    heard += self._carry(device, device.link(True, action.at))
                case Connect():
                    self._waiting.add(id(device))
        return heard

    def _answer(self, said: Publish) -> None:
        if self.lab is not None:
            for topic, payload in self.lab(said):
                self.tell(topic, payload, ANSWER_S)
