"""The adopted devices in memory: whom a topic belongs to, what to subscribe to, and each one's ear."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog

from fablab.core.db import db
from fablab.devices import service as devices
from fablab.devices.models import Device, DeviceState
from fablab.interlock import service as interlock
from fablab.interlock.alarms import open_alarms
from firmware_bridge.decoders import BY_NAME, Decoder
from firmware_bridge.devicefold import DeviceFold
from firmware_bridge.topics import Router, without_overlaps

log = structlog.get_logger("bridge.registry")

NATIVE = "fablab_v1"
MAIN = "main"
DIALOGUE = ("status", "info", "hb", "tap", "rsp")
"""What native devices say on the connection of the dialogue; their journal (`ev`) comes with the telemetry."""


class Ear:
    """One adopted device: its fold, what people see of it, and the grant that runs on it.

    All of it is a copy of what the database holds; after a failed transaction it is thrown away and read again.
    """

    def __init__(self, row: Device, running: interlock.Running | None, alarms: set[str]) -> None:
        self.id = row.id
        self.name = row.name
        self.broker = row.broker
        self.base = row.base
        self.native = row.dialect == NATIVE
        self.resource_id = row.resource_id
        self.options: dict[str, Any] = {**row.options, "base": row.base}
        self.decoder: Decoder | None = BY_NAME.get(row.dialect)
        self.model = row.model
        self.live: dict[str, Any] = dict(row.live)
        self.online = row.online
        self.seen_at: datetime | None = row.last_seen_at
        self.fold = self._fold(row)
        self.running = running
        self.alarms = alarms  # kinds that are open
        self.lease_until = 0.0
        self.unproven_at: float | None = None  # a grant of which no use was seen yet
        self.heard_boot: str | None = None
        self.heard_up: tuple[float, float] | None = None  # receipt and up-time (s) of the newest heartbeat
        self.past_boots: deque[str] = deque(maxlen=20)
        self.heard_at = 0.0
        self.timed_at = 0.0
        self.burst = (0.0, 0)  # begin of a window, and how many messages came in it
        self.planned: float | None = None
        self.moved = False
        self.told_at = 0.0
        self.sampled_at = 0.0
        self.energy_wh: float | None = None

    def _fold(self, row: Device) -> DeviceFold | None:
        try:
            return DeviceFold(row.dialect, self.options, row.fold)
        except Exception as error:  # an option that the decoder refuses must not keep the others from being heard
            log.warning("device cannot be heard", device=self.id, reason=str(error))
            self.live["problem"] = str(error)[:200]
            return None

    def topics(self) -> list[str]:
        """MQTT filters of what this device says."""
        return list(self.decoder.topics(self.options)) if self.decoder is not None else []

    def next_due(self) -> float | None:
        """When the fold wants to be woken; None for never."""
        return self.fold.next_due() if self.fold is not None else None


class Registry:
    """All ears, found by topic; and the timers of their folds."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._ears: dict[int, Ear] = {}
        self._routers: dict[str, Router[int]] = {}
        self._due: list[tuple[float, int]] = []
        self._lost: set[int] = set()
        self.known: set[tuple[str, str, str]] = set()
        self.retired: dict[str, list[str]] = {}

    def load(self) -> None:
        """Read all devices anew: adopted ones keep their ear unless something about them has changed."""
        rows = devices.list_devices()
        self.known = {(row.broker, row.dialect, row.base) for row in rows}
        adopted = [row for row in rows if row.state is DeviceState.ADOPTED]
        grants = {one.device_id: one for one in interlock.running_grants()}
        alarms: dict[int, set[str]] = {}
        for alarm in open_alarms():
            alarms.setdefault(alarm.device_id, set()).add(alarm.kind)
        ears = {row.id: self._ear(row, grants.get(row.id), alarms.get(row.id, set())) for row in adopted}
        self._ears = ears
        self._lost.clear()
        self._routers = {
            broker: Router((one, ear.id) for ear in ears.values() if ear.broker == broker for one in ear.topics())
            for broker in {ear.broker for ear in ears.values()}
        }
        self.retired = {}
        for row in rows:
            if row.state is not DeviceState.ADOPTED:
                self.retired.setdefault(row.broker, []).extend(_topics(row))
        self._due = []
        for ear in ears.values():
            ear.planned = None
            self.plan(ear)
        db.session.rollback()

    def find(self, broker: str, topic: str) -> list[Ear]:
        """The devices that `topic` belongs to; reads again those that a failed transaction has thrown away."""
        router = self._routers.get(broker)
        return [self.ear(ident) for ident in router.find(topic)] if router is not None else []

    def ear(self, ident: int) -> Ear:
        """The ear of an adopted device."""
        if ident in self._lost:
            row = db.session.get(Device, ident, populate_existing=True)
            if row is not None:
                grants = interlock.running_grants(device_id=ident)
                kinds = {one.kind for one in open_alarms(ident)}
                self._ears[ident] = Ear(row, grants[-1] if grants else None, kinds)
                self.plan(self._ears[ident])
            self._lost.discard(ident)
        return self._ears[ident]

    def ear_of(self, ident: int) -> Ear | None:
        """The ear of a device, if it is adopted."""
        return self.ear(ident) if ident in self._ears else None

    def native(self, base: str) -> Ear | None:
        """The native device with this topic root, if it is adopted."""
        return next((ear for ear in self.ears() if ear.native and ear.base == base), None)

    def ears(self) -> Iterable[Ear]:
        """All adopted devices."""
        return [self.ear(ident) for ident in list(self._ears)]

    def lose_all(self) -> None:
        """Throw away what devices have in memory: the transaction that was to store it has failed."""
        self._lost.update(self._ears)

    def remembered(self, broker: str, topic: str) -> list[Ear]:
        """As `find`, but without asking the database: for a word that only says no."""
        router = self._routers.get(broker)
        return [self._ears[ident] for ident in router.find(topic)] if router is not None else []

    def plan(self, ear: Ear) -> None:
        """Note when this device's fold wants to be woken next, unless it is woken before that anyway."""
        due = ear.next_due()
        if due is not None and (ear.planned is None or due < ear.planned):
            ear.planned = due
            heapq.heappush(self._due, (due, ear.id))

    def due(self, now: float) -> list[Ear]:
        """Devices whose timers have come; each once."""
        found: dict[int, Ear] = {}
        while self._due and self._due[0][0] <= now:
            planned, ident = heapq.heappop(self._due)
            ear = self._ears.get(ident)
            if ear is None or ident in self._lost or ear.planned != planned:
                continue
            ear.planned = None
            at = ear.next_due()
            if at is not None and at <= now:
                found[ident] = ear
            else:
                self.plan(ear)
        return list(found.values())

    def next_due(self) -> float | None:
        """When the next timer of any device comes."""
        return self._due[0][0] if self._due else None

    def telemetry(self, broker: str) -> list[str]:
        """Filters of the telemetry connection to one broker, none overlapping another."""
        others = [ear for ear in self._ears.values() if ear.broker == broker and not ear.native]
        filters = [one for ear in others for one in ear.topics()]
        if broker == MAIN:
            filters += [f"fablab/v1/{site}/+/up/ev" for site in self.sites()]
        return without_overlaps(filters)

    def dialogue(self) -> list[str]:
        """Filters of the connection for the dialogue with native devices."""
        return [f"fablab/v1/{site}/+/up/{leaf}" for site in self.sites() for leaf in DIALOGUE]

    def ours(self) -> list[str]:
        """Filters of what only we may say; our own words never come back to us."""
        return [f"fablab/v1/{site}/+/dn/+" for site in self.sites()]

    def sites(self) -> list[str]:
        """The lab's own site, and that of any native device adopted from another one."""
        return sorted({self._site, *(ear.base.split("/")[2] for ear in self._ears.values() if ear.native)})

    def _ear(self, row: Device, running: interlock.Running | None, alarms: set[str]) -> Ear:
        old = self._ears.get(row.id)
        if old is None or row.id in self._lost or old.options != {**row.options, "base": row.base}:
            return Ear(row, running, alarms)
        old.name, old.resource_id, old.broker = row.name, row.resource_id, row.broker
        return old


def _topics(row: Device) -> list[str]:
    """What we may have been subscribed to for a device that is adopted no more."""
    decoder = BY_NAME.get(row.dialect)
    if decoder is None or row.dialect == NATIVE:
        return []
    return decoder.topics({**row.options, "base": row.base})
