"""Which simulated devices there are, by name, and how a plan (a JSON file) becomes devices.

A plan is `{"seed": 1, "pace": 10, "devices": [{"kind": "octoprint", "name": "mk4-1", "options": {…}}, …]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware_bridge.simulate.device import Device
from firmware_bridge.simulate.loads import LOADS
from firmware_bridge.simulate.moonraker import Moonraker
from firmware_bridge.simulate.native import Native
from firmware_bridge.simulate.octoprint import OctoPrint
from firmware_bridge.simulate.tasmota import TasmotaPlug, TasmotaReader
from firmware_bridge.simulate.visits import Visits

KINDS = ("octoprint", "moonraker", "tasmota", "tasmota-reader", "fablab_v1")


class PlanError(ValueError):
    """The plan cannot be played; the text says why, in one sentence."""


def read(file: Path, pace: float | None = None, seed: int | None = None) -> list[Device]:
    """The devices of a plan; `pace` and `seed` replace the plan's own. Raises PlanError."""
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        own = float(plan.get("pace", 1.0)), int(plan.get("seed", 1))
        wanted = [(str(one["kind"]), str(one["name"]), dict(one.get("options", {}))) for one in plan["devices"]]
    except OSError as error:
        raise PlanError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanError(f"{file} is not a plan of devices: {error!r}") from error
    speed, number = pace if pace is not None else own[0], seed if seed is not None else own[1]
    return [make(kind, name, number, speed, options) for kind, name, options in wanted]


def make(kind: str, name: str, seed: int, pace: float, options: Mapping[str, Any]) -> Device:
    """One device. Raises PlanError for an unknown kind or option."""
    told: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    try:
        match kind:
            case "octoprint":
                return OctoPrint(name, seed, pace, **told)
            case "moonraker":
                return Moonraker(name, seed, pace, **told)
            case "tasmota":
                return TasmotaPlug(name, seed, pace, **told)
            case "tasmota-reader":
                return TasmotaReader(name, seed, pace, **told)
            case "fablab_v1":
                return _native(name, seed, pace, told)
    except TypeError as error:
        raise PlanError(f"{name}: {error}") from error
    except KeyError as error:
        raise PlanError(f"{name}: unknown load {error}; known: {', '.join(LOADS)}") from error
    raise PlanError(f"{name}: unknown kind {kind!r}; known: {', '.join(KINDS)}")


def _native(name: str, seed: int, pace: float, told: dict[str, Any]) -> Native:
    """A reader: `cards` are numbers or (number, weight); `first_s`, `gap_s` and `troubles` describe its visitors."""
    cards = tuple((card, 1.0) if isinstance(card, str) else (card[0], card[1]) for card in told.pop("cards", ()))
    known = {key: told.pop(key) for key in ("first_s", "gap_s", "troubles") if key in told}
    return Native(name, seed, pace, visits=Visits(cards, **known), **told)
