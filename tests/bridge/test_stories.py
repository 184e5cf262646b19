"""The worked stories of all dialects, played through a real broker into the database.

The clock of the bridge follows the recording: it is set to a line's time, the line is published, and the next one waits
until the bridge has stored it. So the whole path is real but for the hours in between. What the broker hands out as
stored at the beginning is published before the bridge comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core import badges
from fablab.core.app import create_core_app
from fablab.core.config import WEEKDAYS, Config, Hours
from fablab.core.db import db
from fablab.devices.models import Device
from fablab.interlock.models import AccessDecision
from fablab.people.models import Badge
from fablab.usage.models import UsageSession
from firmware_bridge.bridge import Bridge
from firmware_bridge.derive import CONTROL, T0, TAIL_S
from tests.bridge.conftest import Client, LiveBroker, RunBridge, until
from tests.dialects import stories
from tests.factories import NOW, make_device, make_machine, make_person, save

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ADA = "04A2246AB15C80"
ALWAYS = {day: (Hours(opens=time(0), closes=time(0)),) for day in WEEKDAYS}


class Clock:
    """The time of the recording."""

    def __init__(self) -> None:
        self.t = 0.0

    def __call__(self) -> float:
        return T0 + self.t


@pytest.fixture
def core(sqlite_config: Config) -> Iterator[Flask]:
    """The core app of a lab that is always open."""
    app = create_core_app(sqlite_config.with_changes(lab={"opening_hours": ALWAYS}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def _more(bridge: Bridge, before: int) -> bool:
    return bridge.stored > before


def speaker(topic: str) -> str:
    """The account that may speak on a topic."""
    return topic.split("/")[3] if topic.startswith("fablab/v1/") else "fablab-devices"


class Stage:
    """Plays the lines of one story."""

    def __init__(self, live: LiveBroker, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._clients: dict[str, Client] = {}

    def say(self, line: dict[str, Any], *, retain: bool) -> None:
        """Publish a line as its device did."""
        name = speaker(line["topic"])
        if name not in self._clients:
            self._clients[name] = Client(self._live, name)
            self._clients[name].__enter__()
        self._clients[name].say(line["topic"], line["payload"], qos=line["qos"], retain=retain)

    def play(self, bridge: Bridge, lines: list[dict[str, Any]]) -> None:
        """One line after the other, each stored before the next."""
        for line in lines:
            self._clock.t = line["t"]
            if line["topic"] == CONTROL or line.get("dir"):
                continue
            before = bridge.stored
            self.say(line, retain=bool(line.get("pub_retain")))
            if bridge.registry.remembered("main", line["topic"]):
                until(partial(_more, bridge, before), what=f"stored {line['topic']} at {line['t']}")
        self._clock.t = lines[-1]["t"] + TAIL_S
        until(lambda: (bridge.registry.next_due() or 1e12) > self._clock() and not len(bridge.inbox), what="timers")

    def close(self) -> None:
        """Disconnect all devices."""
        for client in self._clients.values():
            client.__exit__()


@pytest.mark.parametrize(("dialect", "name"), stories.ALL)
def test_the_bridge_hears_what_really_happened(
    core: Flask, broker: LiveBroker, run_bridge: RunBridge, dialect: str, name: str
) -> None:
    story = stories.expected(dialect)[name]
    lines = stories.sequence(dialect, name)
    person = make_person(name="Ada Lovelace")
    save(Badge(person_id=person.id, uid_hash=badges.uid_hash(ADA), issued_at=NOW))
    names = {_adopt(key, options): key for key, options in story["devices"].items()}
    clock = Clock()
    clock.t = lines[0]["t"]
    stage = Stage(broker, clock)
    stored = [line for line in lines if line["retain"]]
    for line in stored:
        stage.say({**line, "qos": 1}, retain=True)  # acknowledged, so it is stored before the bridge comes
    bridge = run_bridge(core, broker, clock=clock)
    until(lambda: bridge.stored >= len(stored), what="what the broker had stored")
    stage.play(bridge, [line for line in lines if not line["retain"]])
    stage.close()
    db.session.rollback()
    answer = {"sessions": _sessions(names, person.id), "taps": [], "alarms": [], "availability": []}
    assert not stories.complaints(_sessions_only(story), answer)
    # Plain readers say nothing of a decision: nobody here holds those cards.
    decisions = [tap.get("decision", "denied") for tap in story.get("taps", [])]
    assert [one for one in decisions if one != "granted_offline"] == _decisions()


def _adopt(key: str, options: dict[str, Any]) -> int:
    base = options["base"]
    rest = {name: value for name, value in options.items() if name not in ("dialect", "base")}
    return make_device(make_machine(key), name=key, dialect=options["dialect"], base=base, options=rest).id


def _sessions_only(story: dict[str, Any]) -> dict[str, Any]:
    sessions = [{**one, "sid": None} for one in story.get("sessions", [])]
    return {"devices": story["devices"], "sessions": sessions}


def _sessions(names: dict[int, str], ada: int) -> list[dict[str, Any]]:
    found = []
    for row in db.session.scalars(select(UsageSession).order_by(UsageSession.started_at)):
        end = row.ended_at.timestamp() - T0 if row.ended_at else None
        columns = ("job", "energy_wh", "paused_s", "working_s", "material", "grams", "flags")
        found.append(
            {name: getattr(row, name) for name in columns}
            | {"device": names[row.device_id or 0], "start": row.started_at.timestamp() - T0, "end": end}
            | {"outcome": row.outcome.value if row.outcome else None, "uid": ADA if row.person_id == ada else None}
        )
    return found


def _decisions() -> list[str]:
    words = {(True, "start"): "granted", (True, "end"): "tap_out", (False, None): "denied"}
    rows = db.session.scalars(select(AccessDecision).order_by(AccessDecision.id))
    return [words[row.granted, row.act] for row in rows if db.session.get(Device, row.device_id)]
