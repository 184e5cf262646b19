"""What a broker, a network and a restart may do to a recording without changing what it means."""

import random
from collections.abc import Sequence
from typing import Any

Lines = Sequence[dict[str, Any]]

JUNK = (
    "",
    "{",
    "[]",
    "null",
    "true",
    "nan",
    "{}",
    '{"a":' * 2000,
    "9" * 5000,
    "\udcff\udcfe\x00",
    '{"ENERGY":{"Power":NaN,"Total":"x"},"up":-1,"seq":1e999}',
)


def each_twice(lines: Lines, chance: random.Random) -> list[dict[str, Any]]:
    """Every line comes twice."""
    return [line for each in lines for line in (each, each)]


def redelivered(lines: Lines, chance: random.Random) -> list[dict[str, Any]]:
    """What was sent with QoS 1 comes again, up to a quarter of an hour later."""
    out: list[dict[str, Any]] = []
    waiting: list[tuple[float, dict[str, Any]]] = []
    for line in lines:
        for due in [each for each in waiting if each[0] <= line["t"]]:
            waiting.remove(due)
            out.append({**due[1], "t": line["t"], "dup": True})
        out.append(line)
        if line.get("qos") == 1 and line.get("dir") != "out" and not line.get("retain"):
            waiting.append((line["t"] + chance.choice([0.5, 3, 20, 200, 900]), line))
    return out


def with_junk(lines: Lines, chance: random.Random) -> list[dict[str, Any]]:
    """Truncated, broken and binary payloads on the device's own topics, in between."""
    out: list[dict[str, Any]] = []
    for line in lines:
        if chance.random() < 0.3 and not line["topic"].startswith("$"):
            cut = line["payload"][: chance.randrange(len(line["payload"]) or 1)]
            out.append({**line, "payload": chance.choice([cut, *JUNK]), "dir": None})
        out.append(line)
    return out


def restarted_at(lines: Lines, place: int) -> list[dict[str, Any]]:
    """The subscriber restarts after `place` lines; what the broker has stored by then comes first."""
    stored: dict[str, dict[str, Any]] = {}
    for line in lines[:place]:
        if line.get("pub_retain", line.get("retain")) and line.get("dir") != "out":
            stored[line["topic"]] = line
    last = lines[place - 1]
    restart = {
        "t": last["t"],
        "topic": "$fixture/ctl",
        "payload": "subscriber_restart",
        "qos": 0,
        "seq": last.get("seq"),
    }
    again = [{**line, "t": last["t"], "retain": True} for line in stored.values()]
    return [*lines[:place], restart, *again, *lines[place:]]


def swapped(lines: Lines, chance: random.Random) -> list[dict[str, Any]]:
    """Neighbouring lines of different devices change places."""
    out = list(lines)
    place = 0
    while place + 1 < len(out):
        if out[place].get("seq") != out[place + 1].get("seq") and chance.random() < 0.5:
            out[place], out[place + 1] = out[place + 1], out[place]
            place += 1
        place += 1
    return out
