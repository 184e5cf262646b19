"""A printer behind OctoPrint 1.11 with the plug-in OctoPrint-MQTT 0.8.16: what it says, when and in which order.

Learned from the recording of the real programs and from OctoPrint's documentation of events. Progress is published
every five seconds, retained; all events are fleeting. Cancelling fires PrintCancelled and then PrintFailed. Only
temperatures are kept while the connection is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_bridge.simulate import jobs
from firmware_bridge.simulate.device import Device, Script, Truth, Will

OUTCOMES = ("completed", "cancelled", "failed", "interrupted")
USUAL = (0.82, 0.08, 0.06, 0.04)
PROGRESS_S = 5.0
AMBIENT = 21.3
SPOOLS = {"tool0": 215.0, "bed": 60.0}


class OctoPrint(Device):
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
    ) -> None:
        super().__init__(name, seed, pace)
        self.base = base
        self.users = users
        self.story = story
        self.joins = joins
        self.job: jobs.Job | None = None
        self.path = ""
        self.progress = 0.0
        self.told = -1
        self.temperatures = dict.fromkeys(SPOOLS, AMBIENT)
        self.targets = dict.fromkeys(SPOOLS, 0.0)
        self.restarted = not joins
        self.printed = 0

    @property
    def will(self) -> Will:
        """OctoPrint-MQTT's last will."""
        return Will(f"{self.base}mqtt", "disconnected", qos=1)

    def connected(self) -> None:
        """Birth; a fresh OctoPrint also resets the retained progress once."""
        self.say(f"{self.base}mqtt", "connected", qos=1, retain=True)
        if self.restarted:
            self.restarted = False
            self._progress("", "", 0)
            slicing = dict.fromkeys(
                ("slicer", "source_location", "source_path", "destination_location", "destination_path"), ""
            )
            self._retained("progress/slicing", {**slicing, "progress": 0})

    def life(self) -> Script:
        """Switched on, then one print after the other."""
        self.connect()
        yield 0.05
        self.spawn(self._thermometers())
        if self.joins:
            yield from self._printing(self._begin(self._choice(), self.random.uniform(0.2, 0.9)))
        else:
            yield from self._plug_in()
        while True:
            yield self.span(240, 1500)
            yield from self._print(self._choice())

    def _choice(self) -> str:
        kind = self.random.choices(OUTCOMES, USUAL)[0]
        if self.story:
            kind = self.story[self.printed % len(self.story)]
        self.printed += 1
        return kind

    def _plug_in(self) -> Script:
        yield 3.5
        self._event("Connecting")
        yield 0.03
        for state, words in (("OPEN_SERIAL", "Opening serial connection"), ("CONNECTING", "Connecting")):
            self._state(state, words)
            yield 0.02
        self._state("OPERATIONAL", "Operational")
        self._event("Connected", {"port": "/dev/ttyACM0", "baudrate": 115200})

    def _print(self, kind: str) -> Script:
        job = jobs.choose(self.random, self.users)
        upload = {"name": job.name, "path": job.path, "target": "local", "select": True, "print": True}
        self._event("Upload", {**upload, "effective_select": True, "effective_print": True})
        self._event("UpdatedFiles", {"type": "printables"})
        yield 1.0
        self._event("FileSelected", {**_file(job), "owner": job.user, "user": job.user})
        yield 0.01
        self._state("STARTING", "Starting")
        self._heat(True)
        yield 0.1
        self.job = job
        begun = {**_file(job), "owner": job.user, "user": job.user}
        self._event("PrintStarted", begun)
        self.truth.append(Truth(self.now, job.name))
        self._event("ChartMarked", {"type": "print", "label": "Start"})
        self._event("GcodeScriptBeforePrintStartedRunning", begun)
        self._event("GcodeScriptBeforePrintStartedFinished", begun)
        self._state("PRINTING", "Printing")
        self.path, self.progress, self.told = job.path, 0.0, -1
        yield from self._printing((job, kind, job.seconds / self.pace))

    def _begin(self, kind: str, done: float) -> tuple[jobs.Job, str, float]:
        """A job that has been going on for a while when the lab starts to listen."""
        job = jobs.choose(self.random, self.users)
        length = job.seconds / self.pace
        self.job, self.path, self.progress = job, job.path, 100 * done
        self.temperatures.update(SPOOLS)
        self.targets.update(SPOOLS)
        self.truth.append(Truth(self.now - length * done, job.name))
        return job, kind, length

    def _printing(self, plot: tuple[jobs.Job, str, float]) -> Script:
        job, kind, length = plot
        stops_at = 100.0 if kind == "completed" else max(self.progress, 0.0) + self.random.uniform(3, 60)
        stops_at = min(stops_at, 99.5) if kind != "completed" else 100.0
        pauses_at = self.random.uniform(self.progress, stops_at) if self.chance(0.2) else 101.0
        began = self.now - length * self.progress / 100
        rate, layer = 100 / length, self.progress // (100 / job.layers)
        while self.progress < stops_at:
            step = min(PROGRESS_S, (stops_at - self.progress) / rate)
            yield step
            self.progress = stops_at if step < PROGRESS_S else self.progress + step * rate
            self._tell()
            if self.progress // (100 / job.layers) > layer:
                layer = self.progress // (100 / job.layers)
                self._event("ZChange", {"new": round(layer * 0.2 + 0.2, 2), "old": round(layer * 0.2, 2)})
            if self.progress >= pauses_at:
                pauses_at = 101.0
                yield from self._pause(job)
        yield from self._end(job, kind, self.now - began - self.truth[-1].paused_s)

    def _pause(self, job: jobs.Job) -> Script:
        self._state("PAUSING", "Pausing")
        yield 1.2
        where = {"position": {"x": 101.2, "y": 88.4, "z": 4.2, "e": 11.0, "t": 0, "f": 3000}}
        place = {**where, "fileposition": int(job.size * self.progress / 100), "progress": round(self.progress, 2)}
        self._event("PrintPaused", {**_file(job), "owner": job.user, **place, "user": job.user})
        self._state("PAUSED", "Paused")
        begun = self.now
        yield self.span(60, 600)
        self._event("PrintResumed", {**_file(job), "owner": job.user, "user": job.user})
        self.truth[-1].paused_s += self.now - begun
        self._state("PRINTING", "Printing")

    def _end(self, job: jobs.Job, kind: str, took: float) -> Script:
        ending = {"completed": self._done, "cancelled": self._cancelled, "failed": self._failed}
        if kind == "interrupted":
            yield from self._host_dies()
            return
        self.truth[-1].outcome = kind
        yield from ending[kind](job, {**_file(job), "owner": job.user, "time": took})
        self.job = None

    def _done(self, job: jobs.Job, word: dict[str, Any]) -> Script:
        self._heat(False)
        self._state("FINISHING", "Finishing")
        yield 0.01
        self._event("ChartMarked", {"type": "done", "label": "Done"})
        self._event("PrintDone", word)
        self.truth[-1].end = self.now
        self._event("GcodeScriptAfterPrintDoneRunning", word)
        self._event("GcodeScriptAfterPrintDoneFinished", word)
        yield 1.0
        self._state("OPERATIONAL", "Operational")

    def _cancelled(self, job: jobs.Job, word: dict[str, Any]) -> Script:
        self._event("PrintCancelling", {**word, "user": job.user})
        self._state("CANCELLING", "Cancelling")
        self._heat(False)
        yield 2.1
        place = {"position": {}, "fileposition": int(job.size * self.progress / 100), "progress": self.progress}
        self._event("PrintCancelled", {**word, **place, "user": job.user})
        self.truth[-1].end = self.now
        yield 0.1
        self._event("PrintFailed", {**word, "reason": "cancelled", "progress": self.progress})
        self._state("OPERATIONAL", "Operational")
        yield 2.0
        self.progress = 0.0
        self._tell()

    def _failed(self, job: jobs.Job, word: dict[str, Any]) -> Script:
        words = "Too many consecutive timeouts, printer still connected and alive?"
        self._event("Error", {"error": words, "reason": "timeout", "consequence": "disconnect"})
        yield 0.2
        failure = {"reason": "error", "error": words, "progress": round(self.progress / 100, 4)}
        self._event("PrintFailed", {**word, **failure})
        self.truth[-1].end = self.now
        self._state("OFFLINE_AFTER_ERROR", "Offline after error")
        self._event("Disconnected")
        self._heat(False)
        yield self.span(300, 900)
        yield from self._plug_in()

    def _host_dies(self) -> Script:
        """The computer behind the printer loses its power: the will is all that is heard."""
        self.truth[-1].outcome, self.truth[-1].end = "interrupted", self.now
        self.drop()
        self.job, self.path, self.progress, self.restarted = None, "", 0.0, True
        self.targets.update(dict.fromkeys(SPOOLS, 0.0))
        yield self.span(400, 1200)
        self.connect()
        yield from self._plug_in()

    def _heat(self, on: bool) -> None:
        self.targets.update(SPOOLS if on else dict.fromkeys(SPOOLS, 0.0))

    def _thermometers(self) -> Script:
        """Each reading that moved by a degree is told; heating is quick, cooling slow."""
        told = dict(self.temperatures)
        while True:
            yield 2.0
            for sensor, target in self.targets.items():
                aim = target or AMBIENT
                here = self.temperatures[sensor]
                here += (aim - here) * (0.12 if target else 0.02) + self.random.uniform(-0.4, 0.4)
                self.temperatures[sensor] = round(here, 2)
                if abs(here - told[sensor]) >= 1.0:
                    told[sensor] = here
                    self._retained(f"temperature/{sensor}", {"actual": self.temperatures[sensor], "target": target})

    def _tell(self) -> None:
        if int(self.progress) != self.told and self.path:
            self.told = int(self.progress)
            self._progress("local", self.path, self.told)

    def _progress(self, location: str, path: str, percent: int) -> None:
        self._retained("progress/printing", {"location": location, "path": path, "progress": percent})

    def _retained(self, leaf: str, payload: Mapping[str, Any]) -> None:
        self.say(f"{self.base}{leaf}", {**payload, "_timestamp": int(self.now)}, retain=True)

    def _state(self, state: str, words: str) -> None:
        self._event("PrinterStateChanged", {"state_id": state, "state_string": words})

    def _event(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        stamp = {"_event": name, "_timestamp": int(self.now)}
        self.say(f"{self.base}event/{name}", {**(payload or {}), **stamp})


def _file(job: jobs.Job) -> dict[str, Any]:
    return {"name": job.name, "path": job.path, "origin": "local", "size": job.size}
