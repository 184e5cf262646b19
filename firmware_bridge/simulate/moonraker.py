"""A Klipper printer behind Moonraker (0.11) with `[mqtt]`: status deltas, the job's states, its history on request.

Learned from the recording of the real programs and Moonraker's documentation. Only changed fields are sent, about every
`interval_s`; the first status after a start is whole. Klipper's clock is the host's uptime. A cancelled job says
cancelled, then standby with an empty name; a shutdown speaks through `webhooks`. Klipper prints on while Moonraker
restarts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from firmware_bridge.simulate import jobs
from firmware_bridge.simulate.device import Device, Script, Truth, Will

OUTCOMES = ("completed", "cancelled", "failed")
USUAL = (0.84, 0.09, 0.07)
AMBIENT = 21.9
FOLDER = "/home/pi/printer_data/gcodes/"
HISTORY = {"completed": "completed", "cancelled": "cancelled", "failed": "klippy_shutdown"}
EMPTY_STATS = {"filename": "", "total_duration": 0.0, "print_duration": 0.0, "filament_used": 0.0, "state": "standby"}
EMPTY_CARD = {"file_path": None, "progress": 0.0, "is_active": False, "file_position": 0, "file_size": 0}


class Moonraker(Device):
    """`story`: outcomes of the coming prints, repeated; empty: by chance. `joins`: in mid-print at the start."""

    def __init__(
        self,
        name: str,
        seed: int,
        pace: float = 1.0,
        *,
        base: str,
        users: tuple[str, ...] = ("mrossi",),
        story: tuple[str, ...] = (),
        joins: bool = False,
        interval_s: float = 2.0,
    ) -> None:
        super().__init__(name, seed, pace)
        self.base = base
        self.users = users
        self.story = story
        self.joins = joins
        self.interval_s = interval_s
        self.printed = 0
        self.uptime_at = 0.0
        self.uptime_0 = self.random.uniform(2000, 200000)
        self.status: dict[str, dict[str, Any]] = {}
        self.heat = {"heater_bed": [AMBIENT, 0.0], "extruder": [AMBIENT, 0.0]}
        self.history: list[dict[str, Any]] = []

    @property
    def will(self) -> Will:
        """Moonraker's last will."""
        return Will(f"{self.base}/moonraker/status", '{"server": "offline"}')

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Moonraker answers JSON-RPC requests."""
        return (f"{self.base}/moonraker/api/request",)

    def connected(self) -> None:
        """Birth, and the whole status about a second later."""
        self.say(f"{self.base}/moonraker/status", {"server": "online"}, retain=True)
        self.spawn(self._whole())

    def heard(self, topic: str, payload: str, retained: bool) -> None:
        """Answer the one request that a lab makes: the job history, newest first."""
        try:
            request = json.loads(payload)
            if request["method"] != "server.history.list":
                return
            limit = int(request.get("params", {}).get("limit", 50))
        except (ValueError, KeyError, TypeError):
            return
        found = self.history[::-1][:limit]
        answer = {"jsonrpc": "2.0", "result": {"count": len(self.history), "jobs": found}, "id": request.get("id")}
        self.say(f"{self.base}/moonraker/api/response", answer)

    def life(self) -> Script:
        """Switched on, then one print after the other."""
        self.uptime_at = self.now
        self.status = {
            "webhooks": {"state": "ready", "state_message": "Printer is ready"},
            "print_stats": {**EMPTY_STATS, "message": "", "info": {"total_layer": None, "current_layer": None}},
            "virtual_sdcard": dict(EMPTY_CARD),
            "display_status": {"progress": 0.0, "message": None},
            "idle_timeout": {"state": "Idle", "printing_time": 0.0},
        }
        if self.joins:
            self._load(self._job(), self.random.uniform(0.2, 0.9))
        self.connect()
        yield 0.05
        self.spawn(self._thermometers())
        if self.joins:
            yield from self._printing(self.printing, self._choice())
        while True:
            yield self.span(240, 1500)
            if self.chance(0.15):
                self.spawn(self._server_restarts())
            self._load(self._job(), 0.0)
            yield from self._printing(self.printing, self._choice())

    def _choice(self) -> str:
        kind = self.random.choices(OUTCOMES, USUAL)[0]
        if self.story:
            kind = self.story[self.printed % len(self.story)]
        self.printed += 1
        return kind

    def _job(self) -> jobs.Job:
        return jobs.choose(self.random, self.users)

    def _load(self, job: jobs.Job, done: float) -> None:
        """The file is loaded and the print begins, or has begun `done` of its time ago."""
        self.printing = job
        self.length = job.seconds / self.pace
        self.warm_up = min(150.0, self.length * 0.1)
        self.total = self.length * done
        self.truth.append(Truth(self.now - self.total, job.path))
        self.heat["heater_bed"][1], self.heat["extruder"][1] = 60.0, 215.0
        if done:
            self.heat["heater_bed"][0], self.heat["extruder"][0] = 60.0, 215.0
        self._change(
            print_stats={"filename": job.path, "state": "printing", **self._durations(), "message": ""},
            virtual_sdcard={"file_path": FOLDER + job.path, "is_active": True, "file_size": job.size, **self._place()},
            display_status={"progress": self._share()},
            idle_timeout={"state": "Printing"},
        )

    def _printing(self, job: jobs.Job, kind: str) -> Script:
        stops_at = self.length if kind == "completed" else self.random.uniform(self.total, self.length * 0.95)
        pauses_at = self.random.uniform(self.total, stops_at) if self.chance(0.2) else float("inf")
        while self.total < stops_at:
            step = min(self.interval_s, stops_at - self.total)
            yield step
            self.total = stops_at if step < self.interval_s else self.total + step
            if self.total < stops_at:
                self._change(
                    print_stats=self._durations(),
                    virtual_sdcard=self._place(),
                    display_status={"progress": self._share()},
                )
            if self.total >= pauses_at:
                pauses_at = float("inf")
                before = self.total
                yield from self._pause()
                stops_at += self.total - before
        yield from self._end(job, kind)

    def _pause(self) -> Script:
        self._change(
            print_stats={"state": "paused"}, virtual_sdcard={"is_active": False}, idle_timeout={"state": "Ready"}
        )
        begun = self.now
        yield self.span(60, 600)
        self.truth[-1].paused_s += self.now - begun
        self.total += self.now - begun
        self.length += self.now - begun
        self._change(
            print_stats={"state": "printing", **self._durations()},
            virtual_sdcard={"is_active": True},
            idle_timeout={"state": "Printing"},
        )

    def _end(self, job: jobs.Job, kind: str) -> Script:
        self.truth[-1].outcome, self.truth[-1].end = kind, self.now
        self.heat["heater_bed"][1] = self.heat["extruder"][1] = 0.0
        self._remember(job, kind)
        if kind == "completed":
            self._change(
                print_stats={"state": "complete", **self._durations()},
                virtual_sdcard={"file_path": None, "progress": 1.0, "is_active": False, "file_position": job.size},
                display_status={"progress": 1.0},
            )
            yield 2.5
            self._change(idle_timeout={"state": "Ready", "printing_time": 0.0})
        elif kind == "cancelled":
            self._change(print_stats={"state": "cancelled", **self._durations()}, virtual_sdcard=EMPTY_CARD)
            yield 1.0
            self._change(print_stats=EMPTY_STATS, display_status={"progress": 0.0})
        else:
            yield from self._shutdown()

    def _shutdown(self) -> Script:
        words = "MCU 'mcu' shutdown: Timer too close"
        hint = "\nThis often indicates the host computer is overloaded."
        self._change(webhooks={"state": "shutdown", "state_message": words + hint})
        yield 0.3
        self._change(print_stats={"state": "error", "message": words})
        yield self.span(300, 900)
        self._change(
            webhooks={"state": "ready", "state_message": "Printer is ready"},
            print_stats={**EMPTY_STATS, "message": ""},
            virtual_sdcard=EMPTY_CARD,
            display_status={"progress": 0.0},
        )

    def _server_restarts(self) -> Script:
        """Moonraker is away for a moment; Klipper prints on and nobody hears it."""
        yield self.span(300, 1500)
        self.drop()
        yield max(20.0, self.span(30, 90))
        self.connect()

    def _remember(self, job: jobs.Job, kind: str) -> None:
        self.history.append(
            {
                "job_id": f"{len(self.history) + 301:06X}",
                "user": job.user,
                "filename": job.path,
                "status": HISTORY[kind],
                "start_time": self.truth[-1].start,
                "end_time": self.now,
                **self._durations(),
                "metadata": {"size": job.size, "filament_type": job.material, "filament_weight_total": job.grams},
                "auxiliary_data": [],
            }
        )

    def _durations(self) -> dict[str, Any]:
        extruded = max(0.0, self.total - self.warm_up - self.truth[-1].paused_s)
        used = self.printing.grams * 335 * min(1.0, extruded / max(1.0, self.length - self.warm_up))
        return {"total_duration": round(self.total, 3), "print_duration": extruded, "filament_used": round(used, 2)}

    def _place(self) -> dict[str, Any]:
        return {"progress": self._share(), "file_position": int(self._share() * self.printing.size)}

    def _share(self) -> float:
        return min(1.0, max(0.0, (self.total - self.warm_up) / max(1.0, self.length - self.warm_up)))

    def _thermometers(self) -> Script:
        while True:
            yield self.interval_s
            changed: dict[str, dict[str, Any]] = {}
            for name, (here, target) in self.heat.items():
                aim = target or AMBIENT
                there = round(here + (aim - here) * (0.15 if target else 0.02) + self.random.uniform(-0.3, 0.3), 2)
                self.heat[name][0] = there
                if abs(there - here) > 0.25:
                    changed[name] = {"temperature": there}
            self._change(**changed)

    def _change(self, **objects: Mapping[str, Any]) -> None:
        """Send the fields that differ from what was last known, as Moonraker does."""
        delta: dict[str, dict[str, Any]] = {}
        for name, fields in objects.items():
            known = self.status.setdefault(name, {})
            new = {field: value for field, value in fields.items() if known.get(field, ...) != value}
            known.update(new)
            if new:
                delta[name] = new
        if delta:
            self.say(f"{self.base}/klipper/status", {"eventtime": self._eventtime(), "status": delta})

    def _whole(self) -> Script:
        yield 1.0
        self.say(f"{self.base}/klipper/status", {"eventtime": self._eventtime(), "status": self.status})

    def _eventtime(self) -> float:
        return round(self.uptime_0 + self.now - self.uptime_at, 3)

    def encode(self, payload: Mapping[str, Any]) -> str:
        """Moonraker writes compact JSON."""
        return json.dumps(payload, separators=(",", ":"))
