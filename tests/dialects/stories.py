"""The worked stories of the four dialects, and how an answer is compared with one."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "fixtures" / "dialects"
FILES = ("octoprint", "moonraker", "tasmota", "fablab_v1")


@cache
def lines(dialect: str) -> tuple[dict[str, Any], ...]:
    """The lines of a recording, in order."""
    text = (FOLDER / f"{dialect}.jsonl").read_text(encoding="utf-8")
    return tuple(json.loads(line) for line in text.splitlines() if line.strip())


@cache
def expected(dialect: str) -> dict[str, Any]:
    """The answer to each sequence of a file."""
    answers: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    sequences: dict[str, Any] = answers[f"{dialect}.jsonl"]["sequences"]
    return sequences


ALL = [(dialect, name) for dialect in FILES for name in expected(dialect)]


def sequence(dialect: str, name: str) -> list[dict[str, Any]]:
    """The lines of one sequence."""
    return [line for line in lines(dialect) if line.get("seq") == name]


def devices(dialect: str) -> dict[str, Any]:
    """The devices of all sequences of a file."""
    return {device: options for story in expected(dialect).values() for device, options in story["devices"].items()}


def complaints(story: Mapping[str, Any], answer: Mapping[str, Any], whole_file: bool = False) -> list[str]:
    """What is wrong with this answer to this story; only its own devices are looked at."""
    mine = set(story["devices"])
    got = [each for each in answer["sessions"] if each["device"] in mine]
    found: list[str] = []
    for want in story.get("sessions", []):
        hit = next((each for each in got if not _differences(want, each)), None)
        if hit is not None:
            got.remove(hit)
        elif not want.get("optional"):
            found.append(f"no session like {want}, have {[(_differences(want, each), each) for each in got]}")
    if not whole_file:
        found += [f"unexpected session {each}" for each in got]
    found += _tap_complaints(story, [each for each in answer["taps"] if each["device"] in mine])
    for want in story.get("alarms", []):
        close = [each for each in answer["alarms"] if each["kind"] == want["kind"] and abs(each["t"] - want["t"]) < 5]
        if len(close) != 1:
            found.append(f"alarm {want} heard {len(close)} times")
    final = [each["state"] for each in answer["availability"] if each["device"] in mine][-1:]
    if "availability_final" in story and final != [story["availability_final"]]:
        found.append(f"availability ends {final}")
    return found


def _differences(want: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    found = []
    for edge in ("start", "end"):
        if got[edge] is None or not _in_time(want, got[edge], edge):
            found.append(f"{edge} {got[edge]} for {want[edge]}")
    if got["outcome"] not in [want["outcome"], *want.get("outcome_any_of", [])]:
        found.append(f"outcome {got['outcome']}")
    for key in ("job", "uid", "sid", "material", "grams", "working_s"):
        if want.get(key) is not None and got[key] != want[key]:
            found.append(f"{key} {got[key]!r}")
    if want.get("energy_wh") is not None and not near(want["energy_wh"], want["energy_tol_wh"], got["energy_wh"]):
        found.append(f"energy {got['energy_wh']}")
    low, high = want.get("energy_range_wh", (None, None))
    if low is not None and not low <= got["energy_wh"] <= high:
        found.append(f"energy {got['energy_wh']}")
    if want.get("paused_s") is not None and not near(want["paused_s"], want["paused_tol_s"], got["paused_s"]):
        found.append(f"paused {got['paused_s']}")
    if not set(want.get("flags", [])) <= set(got["flags"]):
        found.append(f"flags {got['flags']}")
    return found


def _in_time(want: Mapping[str, Any], got: float, edge: str) -> bool:
    if near(want[edge], want[f"{edge}_tol"], got):
        return True
    low, high = want.get(f"{edge}_range", (1, 0))
    return bool(low <= got <= high)


def near(want: float, tolerance: float, got: float | None) -> bool:
    """Whether a figure is within the tolerance."""
    return got is not None and abs(got - want) <= tolerance + 1e-9


def _tap_complaints(story: Mapping[str, Any], got: Iterable[Mapping[str, Any]]) -> list[str]:
    want = [(each["t"], each["uid"], each.get("decision")) for each in story.get("taps", [])]
    have = [(each["t"], each["uid"], each["decision"]) for each in got]
    if len(want) != len(have):
        return [f"taps {have} for {want}"]
    wrong = [
        (w, h)
        for w, h in zip(want, have, strict=True)
        if abs(w[0] - h[0]) > 1 or w[1] != h[1] or w[2] not in (None, h[2])
    ]
    return [f"tap {pair}" for pair in wrong]
