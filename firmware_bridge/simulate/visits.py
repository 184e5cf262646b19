"""The people at a native reader: who comes with which card, works for how long, taps out or walks away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_bridge.simulate.device import Script

if TYPE_CHECKING:
    from firmware_bridge.simulate.native import Native

WALKS_AWAY = 0.1
"""How many forget to tap out; the reader ends the use when nothing was done for a while."""
IDLE_S = 600.0


class Visits:
    """Chance decides, by the weights of the cards; `troubles` are lost radio and power cuts between the visits."""

    def __init__(
        self,
        cards: tuple[tuple[str, float], ...],
        *,
        gap_s: tuple[float, float] = (200, 1200),
        first_s: tuple[float, float] | None = None,
        troubles: float = 0.12,
    ) -> None:
        self.cards = cards
        self.gap_s = gap_s
        self.first_s = first_s
        self.troubles = troubles

    def people(self, device: Native) -> Script:
        """One visit after the other: tap, and tap again with another card's luck when refused."""
        if not self.cards:
            return
        yield max(2.0, device.span(*(self.first_s or self.gap_s)))
        while True:
            if device.sid is None:
                yield from device.tap(self._card(device))
            while device.sid is not None:
                yield 1.0
            if device.chance(self.troubles):
                yield from self._trouble(device)
            yield max(4.0, device.span(*self.gap_s))

    def work(self, device: Native, sid: str) -> Script:
        """The machine works under the open use; then its user taps out, or walks away and leaves it idle."""
        uid = device.truth[-1].uid or ""
        working = False
        for seconds, watts in device.load.curve(device.random, device.pace):
            if device.sid != sid:
                return
            device.count()
            device.machine_w = watts
            works = watts >= device.load.on_w and watts > device.load.idle_w * 1.5
            if works != working:
                working = works
                if device.end_at_rest and not works:
                    device.end_use("revoked")
                    return
                device.record("use.state", {"sid": sid, "s": "work" if works else "idle"})
            yield seconds
        device.count()
        device.machine_w = device.load.off_now_w
        if device.chance(WALKS_AWAY):
            yield IDLE_S / device.pace
            if device.sid == sid:
                device.end_use("idle")
        while device.sid == sid:
            yield from device.tap(uid)
            yield 3.0

    def _card(self, device: Native) -> str:
        cards, weights = zip(*self.cards, strict=True)
        return str(device.random.choices(cards, weights)[0])

    def _trouble(self, device: Native) -> Script:
        if device.chance(0.3):
            device.reboot("power", dark_s=max(15.0, device.span(60, 240)))
            yield 0.0
        else:
            yield from device.vanish(max(20.0, device.span(120, 600)))
