"""The demo lab's devices: their rows in the database, and the plan by which the simulators speak for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fablab.demo.members import Member
from fablab.demo.resources import RESOURCES, ResourceSeed

POWER: dict[str, dict[str, float]] = {
    "laser": {"on_w": 60, "off_w": 40, "on_delay_s": 3, "off_delay_s": 20},
    "vinyl": {"on_w": 10, "off_w": 6, "on_delay_s": 3, "off_delay_s": 20},
    "embroidery": {"on_w": 18, "off_w": 10, "on_delay_s": 3, "off_delay_s": 20},
    "soldering": {"on_w": 15, "off_w": 8, "on_delay_s": 3, "off_delay_s": 20},
}
SILENCE = {"offline_grace_s": 120, "stale_s": 200}
READER = "reader_laser2"
UNKNOWN_CARD = "53BB1F05110001"

STORIES: dict[str, tuple[str, ...]] = {
    "ender": ("failed", "completed", "completed", "cancelled", "completed"),
    "mini": ("interrupted", "completed", "completed", "completed", "cancelled"),
}
"""What the first prints come to, so that a failure and a lost device are seen soon; the others follow chance."""

JOINS = ("mk4-1", "mk4-2", "mini", "voron", "ender", "laser-2", "embroidery")
"""What is in the middle of something when the demo starts."""


def base_of(seed: ResourceSeed, site: str) -> str:
    """The topic root of the device on a resource."""
    return f"fablab/v1/{site}/{seed.base}" if seed.device == "fablab_v1" else seed.base


def account(seed: ResourceSeed) -> str:
    """What the device calls itself on the broker: a native one as in its topics."""
    return seed.base if seed.device == "fablab_v1" else seed.key


def rows(site: str, now: datetime) -> list[dict[str, Any]]:
    """Adopted devices, in the order of the resources; the badge reader at the second laser is the last."""
    first_seen = now - timedelta(days=90)
    common = {"broker": "main", "state": "adopted", "first_seen_at": first_seen, "adopted_at": first_seen}
    made = [
        {
            **common,
            "name": seed.name["fr"],
            "dialect": seed.device,
            "base": base_of(seed, site),
            "resource_id": number,
            "options": options(seed),
            "model": MODELS[seed.device],
        }
        for number, seed in enumerate(RESOURCES, 1)
        if seed.device
    ]
    laser = next(number for number, seed in enumerate(RESOURCES, 1) if seed.key == "laser-2")
    reader = {"name": "Lecteur P2", "dialect": "tasmota", "base": READER, "resource_id": laser}
    settings = {"fulltopic": "%prefix%/%topic%/", "tap_debounce_s": 5, "uid_format": "hex"}
    return [*made, {**common, **reader, "options": settings, "model": "Tasmota 14.4.1, PN532"}]


MODELS = {
    "octoprint": "OctoPrint 1.11",
    "moonraker": "Moonraker 0.11",
    "tasmota": "Nous A1T, Tasmota 14.4.1",
    "fablab_v1": "fablab-reader 1.2.0",
}


def options(seed: ResourceSeed) -> dict[str, Any]:
    """The options that a lab manager would have set for the device on this resource."""
    if seed.device == "tasmota":
        return {"fulltopic": "%prefix%/%topic%/", "power": {**POWER[seed.load], **SILENCE}}
    if seed.device == "fablab_v1":
        return {"hb_s": 20, "offline_after_s": 65, "lease_ms": 60000}
    return {}


def plan(
    site: str, zone: str, seed: int, pace: float, people: Sequence[Member], cards: dict[str, list[list[Any]]]
) -> dict[str, Any]:
    """The plan for the simulators. `cards` says, by resource, which card numbers are presented and how often."""
    users = tuple(one.seed.name.split(" ")[0].lower() for one in people if one.seed.language != "bg")
    devices = [
        {"kind": one.device, "name": account(one), "options": _told(one, site, zone, users, cards.get(one.key, []))}
        for one in RESOURCES
        if one.device
    ]
    numbers = [number for number, _ in cards.get(READER, [])]
    devices.append(
        {"kind": "tasmota-reader", "name": READER, "options": {"base": READER, "cards": numbers, "zone": zone}}
    )
    return {"seed": seed, "pace": pace, "devices": devices}


def _told(seed: ResourceSeed, site: str, zone: str, users: tuple[str, ...], cards: list[list[Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {"base": base_of(seed, site)}
    if seed.load:
        told["load"] = seed.load
    if seed.device in ("octoprint", "moonraker"):
        told |= {"users": list(users), "story": list(STORIES.get(seed.key, ())), "joins": seed.key in JOINS}
    elif seed.device == "tasmota":
        told |= {"zone": zone, "joins": seed.key in JOINS}
    else:
        told |= {"cards": cards, "first_s": {"laser-1": [40, 60], "cnc": [200, 500]}.get(seed.key, [900, 1800])}
    return told
