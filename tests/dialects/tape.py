"""A recording made by hand: short calls for what a device says, then what `derive` makes of it."""

import json
from typing import Any, Self

from firmware_bridge.derive import T0, derive


class Tape:
    """Lines of one device; `say(t, leaf, payload)` puts one under its topic root."""

    def __init__(self, dialect: str, base: str, root: str | None = None, **options: Any) -> None:
        self.device = {"dialect": dialect, "base": base, **options}
        self.root = f"{base}/" if root is None else root
        self.lines: list[dict[str, Any]] = []

    def say(self, t: float, leaf: str, payload: Any = "", **line: Any) -> Self:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.lines.append({"t": t, "topic": f"{self.root}{leaf}", "payload": text, "qos": 0, "retain": False, **line})
        return self

    def direct(self, t: float, word: str) -> Self:
        self.lines.append({"t": t, "topic": "$fixture/ctl", "payload": word, "qos": 0, "retain": False})
        return self

    def answer(self) -> dict[str, Any]:
        return derive(self.lines, {"it": self.device})

    def sessions(self) -> list[tuple[float, float | None, str | None]]:
        """(start, end, outcome) of each session."""
        return [(each["start"], each["end"], each["outcome"]) for each in self.answer()["sessions"]]

    def states(self) -> list[tuple[float, str]]:
        return [(each["t"], each["state"]) for each in self.answer()["availability"]]

    def alarms(self) -> list[tuple[float, str]]:
        return [(each["t"], each["kind"]) for each in self.answer()["alarms"]]


class OctoPrint(Tape):
    def __init__(self, base: str = "lab/mk4/", clock: float = T0) -> None:
        super().__init__("octoprint", base, base)
        self.clock = clock

    def event(self, t: float, name: str, **body: Any) -> Self:
        file = {"name": "a.gcode", "path": "jigs/a.gcode"} if name.startswith("Print") else {}
        self.say(t, f"event/{name}", {**file, **body, "_event": name, "_timestamp": int(self.clock + t)})
        return self

    def state(self, t: float, word: str) -> Self:
        return self.event(t, "PrinterStateChanged", state_id=word)

    def progress(self, t: float, percent: int, path: str = "jigs/a.gcode", **line: Any) -> Self:
        body = {"location": "local", "path": path, "progress": percent, "_timestamp": int(self.clock + t)}
        self.say(t, "progress/printing", body, **line)
        return self


class Plug(Tape):
    def __init__(self, base: str = "plug", **options: Any) -> None:
        power = {"on_w": 60, "off_w": 40, "on_delay_s": 5, "off_delay_s": 60, "offline_grace_s": 600, "stale_s": 700}
        super().__init__("tasmota", base, "", power=power, **options)
        self.name = base

    def lwt(self, t: float, word: str, **line: Any) -> Self:
        self.say(t, f"tele/{self.name}/LWT", word, **line)
        return self

    def watts(self, t: float, watts: Any, kwh: Any = None, **line: Any) -> Self:
        energy = {"Power": watts} | ({} if kwh is None else {"Total": kwh})
        self.say(t, f"tele/{self.name}/SENSOR", {"Time": clock(line.pop("stamp", t)), "ENERGY": energy}, **line)
        return self

    def relay(self, t: float, word: str, **line: Any) -> Self:
        self.say(t, f"stat/{self.name}/POWER", word, **line)
        return self


def clock(t: float) -> str:
    """Tasmota's local time, UTC+1."""
    seconds = 9 * 3600 + int(t)
    return f"2026-03-{2 + seconds // 86400:02}T{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Native(Tape):
    def __init__(self, **options: Any) -> None:
        super().__init__("fablab_v1", "fablab/v1/lab1/saw-1", hb_s=20, offline_after_s=65, lease_ms=60000, **options)
        self.n = 0

    def up(self, t: float, leaf: str, boot: str = "1-aa", **body: Any) -> Self:
        line = {key: body.pop(key) for key in ("retain", "qos") if key in body}
        self.say(t, f"up/{leaf}", {"v": 1, "boot": boot, **body}, **line)
        return self

    def birth(self, t: float, conn: int = 1, boot: str = "1-aa", **line: Any) -> Self:
        return self.up(t, "status", boot, on=True, conn=conn, **line)

    def will(self, t: float, conn: int = 1, boot: str = "1-aa", **line: Any) -> Self:
        return self.up(t, "status", boot, on=False, conn=conn, why="lost", **line)

    def beat(self, t: float, up: float, boot: str = "1-aa", conn: int = 1, **body: Any) -> Self:
        self.n += 1
        return self.up(t, "hb", boot, **{"conn": conn, "up": int(up * 1000), "n": self.n, "seq": 0, **body})

    def record(self, t: float, up: float, seq: int, kind: str, boot: str = "1-aa", r: int = 0, **data: Any) -> Self:
        again = {"r": 1} if r else {}
        return self.up(t, "ev", boot, seq=seq, up=int(up * 1000), ts=None, tq="none", e=kind, d=data, **again)

    def tap(self, t: float, up: float, rid: str, uid: str = "04A2246AB15C80", boot: str = "1-aa") -> Self:
        return self.up(t, "tap", boot, up=int(up * 1000), rid=rid, uid=uid)

    def ours(self, t: float, leaf: str, **body: Any) -> Self:
        self.say(t, f"dn/{leaf}", {"v": 1, **body}, dir="out")
        return self
