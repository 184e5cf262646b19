"""A metering plug with Tasmota (14.4) on a machine: its relay, its meter, and the load of the machine behind it.

After Tasmota's documentation: a change of power (PowerDelta) is told at once with MARGINS and SENSOR; STATE and SENSOR
come every TelePeriod (60 s here). `Total` counts kWh; it goes to flash only now and then, so a power cut rolls it back
to the last save. Times are local without a zone. The device itself publishes an empty `cmnd/<topic>/POWER` whenever it
connects. PulseTime is a lease: each POWER ON starts it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from firmware_bridge.simulate.device import Device, Script, Truth, Will
from firmware_bridge.simulate.loads import LOADS, Load

TELE_S = 60.0
DELTA_S = 1.0
VOLTAGE = 231
SAVED_S = 3600.0


class Node(Device):
    """What every Tasmota device says: birth and will, INFO, STATE, local time."""

    def __init__(
        self,
        name: str,
        seed: int,
        pace: float = 1.0,
        *,
        base: str,
        fulltopic: str = "%prefix%/%topic%/",
        zone: str = "Europe/Paris",
    ) -> None:
        super().__init__(name, seed, pace)
        self.base = base
        self.fulltopic = fulltopic
        self.zone = ZoneInfo(zone)
        self.boots = self.random.randint(8, 60)
        self.connects = 0
        self.booted_at = 0.0
        self.fresh = True
        self.relay: bool | None = None

    @property
    def will(self) -> Will:
        """Tasmota's last will."""
        return Will(self.topic("tele", "LWT"), "Offline", qos=1)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The commands that the simulated device obeys."""
        return tuple(self.topic("cmnd", command) for command in ("POWER", "STATE", "STATUS", "PulseTime"))

    def topic(self, prefix: str, leaf: str) -> str:
        """A topic after the device's FullTopic."""
        return self.fulltopic.replace("%prefix%", prefix).replace("%topic%", self.base) + leaf

    def connected(self) -> None:
        """Birth on every connect; after a boot also who it is and how the relay stands."""
        self.connects += 1
        self.say(self.topic("tele", "LWT"), "Online", retain=True)
        self.say(self.topic("cmnd", "POWER"), "")
        if not self.fresh:
            return
        self.fresh = False
        module = {"Module": "Nous A1T", "Version": "14.4.1(release-tasmota)"}
        group = {
            "FallbackTopic": f"cmnd/DVES_{crc32(self.name.encode()) & 0xFFFFFF:06X}_fb/",
            "GroupTopic": "cmnd/tasmotas/",
        }
        self.say(self.topic("tele", "INFO1"), {"Info1": {**module, **group}})
        self.say(
            self.topic("tele", "INFO2"),
            {"Info2": {"WebServerMode": "Admin", "Hostname": self.base, "IPAddress": "192.0.2.41"}},
        )
        info = {"RestartReason": "Power On", "BootCount": self.boots}
        self.say(self.topic("tele", "INFO3"), {"Info3": info})
        if self.relay is not None:
            self.tell_relay()

    def tell_relay(self) -> None:
        """The relay's position, as told on every change."""
        word = "ON" if self.relay else "OFF"
        self.say(self.topic("stat", "RESULT"), {"POWER": word})
        self.say(self.topic("stat", "POWER"), word)

    def state(self) -> dict[str, Any]:
        """The STATE message."""
        up = int(self.now - self.booted_at)
        hours, seconds = divmod(up, 3600)
        word: dict[str, Any] = {
            "Time": self.time(),
            "Uptime": f"{hours // 24}T{hours % 24:02}:{seconds // 60:02}:{seconds % 60:02}",
            "UptimeSec": up,
            "Heap": 25,
            "SleepMode": "Dynamic",
            "Sleep": 50,
            "LoadAvg": 19,
            "MqttCount": self.connects,
        }
        if self.relay is not None:
            word["POWER"] = "ON" if self.relay else "OFF"
        word["Wifi"] = {"AP": 1, "SSId": "fablab-iot", "Channel": 6, "Mode": "11n", "RSSI": 78, "Signal": -61}
        return word

    def time(self) -> str:
        """Local time, without its zone."""
        return datetime.fromtimestamp(self.now, self.zone).strftime("%Y-%m-%dT%H:%M:%S")


class TasmotaPlug(Node):
    """A plug on a machine with the given load. `always_on`: it only measures, its relay is closed from the boot on.

    Without it the relay opens and closes by command alone, and the machine runs only while it is closed.
    """

    def __init__(
        self,
        name: str,
        seed: int,
        pace: float = 1.0,
        *,
        base: str,
        load: str = "laser",
        always_on: bool = True,
        joins: bool = False,
        outages: bool = True,
        fulltopic: str = "%prefix%/%topic%/",
        zone: str = "Europe/Paris",
    ) -> None:
        super().__init__(name, seed, pace, base=base, fulltopic=fulltopic, zone=zone)
        self.load: Load = LOADS[load]
        self.always_on = always_on
        self.joins = joins
        self.outages = outages
        self.relay = always_on
        self.machine_w = 0.0
        self.power_w = 0
        self.total_wh = self.random.uniform(20_000, 90_000)
        self.saved_wh = self.total_wh
        self.yesterday_wh = self.random.uniform(100, 900)
        self.midnight_wh = self.total_wh
        self.day = ""
        self.counted_at = 0.0
        self.pulse_s = 0.0
        self.opens_at = float("inf")
        self.period_wh = self.total_wh

    def life(self) -> Script:
        """On the mains from the start; uses of the machine one after the other, now and then a lost plug."""
        self._boot()
        if self.joins:
            yield 8.0
            yield from self._use()
        while True:
            yield self.span(300, 1800)
            if self.outages and self.chance(0.12):
                yield from self._unplugged()
                continue
            yield from self._use()

    def heard(self, topic: str, payload: str, retained: bool) -> None:
        """Obey a command."""
        command = topic.rpartition("/")[2]
        if command == "POWER" and payload.upper() in ("ON", "OFF", "TOGGLE"):
            on = not self.relay if payload.upper() == "TOGGLE" else payload.upper() == "ON"
            self._switch(on)
        elif command == "STATE":
            self.say(self.topic("stat", "RESULT"), self.state())
        elif command == "STATUS" and payload.strip() in ("8", "10"):
            self._measure()
            leaf = {"Time": self.time(), "ENERGY": self._energy()}
            self.say(self.topic("stat", f"STATUS{payload.strip()}"), {"StatusSNS": leaf})
        elif command == "PulseTime" and payload.strip().isdigit():
            value = int(payload)
            self.pulse_s = value / 10 if value < 112 else float(value - 100)
            self.say(self.topic("stat", "RESULT"), {"PulseTime1": {"Set": value, "Remaining": value}})

    def _boot(self) -> None:
        self.booted_at = self.counted_at = self.now
        self.boots += 1
        self.fresh = True
        self.relay = self.always_on
        self.power_w = 0
        self.connect()
        self.spawn(self._telemetry())
        self.spawn(self._meter())

    def _use(self) -> Script:
        """Somebody works at the machine: watts after the load's shape, from switching it on to switching it off."""
        truth: Truth | None = None
        energy = 0.0
        for seconds, watts in self.load.curve(self.random, self.pace):
            self.machine_w = watts
            if truth is None and watts >= self.load.on_w and self.relay:
                self._measure()
                truth, energy = Truth(self.now), self.total_wh
                self.truth.append(truth)
            yield seconds
        self._measure()
        self.machine_w = self.load.off_now_w
        if truth is not None:
            truth.end, truth.outcome, truth.energy_wh = self.now, "ended", self.total_wh - energy

    def _unplugged(self) -> Script:
        """The plug is pulled: the will speaks, the counter falls back to its last save, all starts anew."""
        self._measure()
        self.drop()
        self.halt()
        self.spawn(self._plugged_in_again())
        yield 0.0

    def _plugged_in_again(self) -> Script:
        yield max(60.0, self.span(120, 900))
        self.total_wh = self.saved_wh
        self._boot()
        yield self.span(120, 600)
        self.spawn(self.life_goes_on())

    def life_goes_on(self) -> Script:
        """The uses after the first boot."""
        while True:
            yield from self._use()
            yield self.span(300, 1800)

    def _switch(self, on: bool) -> None:
        self._measure()
        self.relay = on
        self.tell_relay()
        self.opens_at = self.now + self.pulse_s if on and self.pulse_s else float("inf")

    def _meter(self) -> Script:
        """Once a second: the power that flows; a change is told with MARGINS and SENSOR."""
        while True:
            yield DELTA_S
            if self.now >= self.opens_at:
                self._switch(False)
            before = self.power_w
            self._measure()
            steady = self.random.uniform(-0.006, 0.006) * self.machine_w
            self.power_w = round(self.machine_w + steady) if self.relay else 0
            if abs(self.power_w - before) > max(2.0, 0.02 * before):
                self.say(self.topic("tele", "MARGINS"), {"MARGINS": {"PowerDelta": self.power_w - before}})
                self.say(self.topic("tele", "SENSOR"), {"Time": self.time(), "ENERGY": self._energy()})
            else:
                self.power_w = before

    def _telemetry(self) -> Script:
        yield 5.0
        while True:
            self._measure()
            self.say(self.topic("tele", "STATE"), self.state())
            period = round(self.total_wh - self.period_wh)
            self.period_wh = self.total_wh
            self.say(self.topic("tele", "SENSOR"), {"Time": self.time(), "ENERGY": self._energy(period)})
            if (self.now - self.booted_at) % SAVED_S < TELE_S:
                self.saved_wh = self.total_wh
            yield TELE_S

    def _measure(self) -> None:
        watts = self.power_w if self.relay else 0
        self.total_wh += watts * (self.now - self.counted_at) / 3600
        self.counted_at = self.now
        day = self.time()[:10]
        if day != self.day:
            self.yesterday_wh = self.total_wh - self.midnight_wh if self.day else self.yesterday_wh
            self.day, self.midnight_wh = day, self.total_wh

    def _energy(self, period_wh: int | None = None) -> Mapping[str, Any]:
        watts = self.power_w if self.relay else 0
        energy: dict[str, Any] = {
            "TotalStartTime": "2025-09-14T10:22:31",
            "Total": round(self.total_wh / 1000, 3),
            "Yesterday": round(self.yesterday_wh / 1000, 3),
            "Today": round(max(0.0, self.total_wh - self.midnight_wh) / 1000, 3),
        }
        if period_wh is not None:
            energy["Period"] = period_wh
        return energy | {
            "Power": watts,
            "ApparentPower": round(watts * 1.06),
            "ReactivePower": round(watts * 0.35),
            "Factor": 0.94 if watts else 0.0,
            "Voltage": VOLTAGE,
            "Current": round(watts * 1.06 / VOLTAGE, 3),
        }


class TasmotaReader(Node):
    """A PN532 card reader on a Tasmota board: a card is told about every two seconds as long as it lies there."""

    def __init__(
        self, name: str, seed: int, pace: float = 1.0, *, base: str, cards: tuple[str, ...], zone: str = "Europe/Paris"
    ) -> None:
        super().__init__(name, seed, pace, base=base, zone=zone)
        self.cards = cards

    def life(self) -> Script:
        """Cards are presented from time to time."""
        self.booted_at = self.now
        self.connect()
        self.spawn(self._telemetry())
        while True:
            yield max(8.0, self.span(200, 900))
            card = self.random.choice(self.cards)
            self.truth.append(Truth(self.now, uid=card))
            for _ in range(self.random.randint(1, 4)):
                self.say(self.topic("tele", "SENSOR"), {"Time": self.time(), "PN532": {"UID": card, "Data": ""}})
                yield 2.0

    def _telemetry(self) -> Script:
        yield 5.0
        while True:
            self.say(self.topic("tele", "STATE"), self.state())
            yield TELE_S
