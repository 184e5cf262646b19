"""Offers that are declined, expire, are accepted and made by many processes at once, on both databases: every entry of
a line is passed on exactly once, a slot is offered to one person at a time, and nobody waits beside free time."""

import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core import events
from fablab.core.config import Config
from fablab.core.db import db
from fablab.reservations import waiting
from fablab.reservations.models import LIVE, Allocation, Reservation, ReservationState, WaitingEntry, WaitingState
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.slow

PROCESSES = 6
START = NOW + timedelta(days=2, hours=1)
END = START + timedelta(hours=1)

WORKER = """
import random, sys, time
from datetime import datetime, timedelta
from pathlib import Path
from flask_babel import force_locale
from sqlalchemy import select
from fablab.core.actor import Actor, Role, system
from fablab.core.app import create_core_app
from fablab.core.config import load_config
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Denied
from fablab.reservations import offers, waiting
from fablab.reservations.models import Reservation, ReservationState, WaitingEntry
from fablab.resources.models import Resource

file, url, now, seed, task, *rest = sys.argv[1:]
now, rng = datetime.fromisoformat(now), random.Random(int(seed))
app = create_core_app(load_config(Path(file)).with_changes(database={"url": url}))


def held():
    db.session.rollback()
    query = select(Reservation.id, Reservation.held_until).where(Reservation.state == ReservationState.HELD)
    return db.session.execute(query).all()


def open_entries():
    return db.session.scalars(select(WaitingEntry.id).where(WaitingEntry.state.in_(("waiting", "offered")))).all()


def give_back(ident):
    row = db.session.get_one(Reservation, ident)
    ids = sorted(one.resource_id for one in row.allocations)
    with transaction():
        for one in ids:
            lock(Resource, one)
        row = lock(Reservation, ident)
        if row.state is not ReservationState.BOOKED:
            return
        row.state = ReservationState.CANCELLED
        for one in row.allocations:
            one.live = False
        waiting.freed(ids, row.starts_at, row.ends_at, now)


def answer():
    while open_entries():
        for ident, until in held():
            try:
                if rng.random() < 0.5:
                    offers.decline_hold(system("job"), ident, now)
                else:
                    offers.expire_holds(until)
            except Conflict:
                pass
        time.sleep(0.01)


def join():
    for text in rest:
        person, resource, start, end = text.split("/")
        actor = Actor(int(person), Role.MAKER, "api")
        times = datetime.fromisoformat(start), datetime.fromisoformat(end)
        try:
            waiting.join(actor, int(person), int(resource), *times, 60, now)
        except (Conflict, Denied) as error:
            assert "free" in str(error), error


def cancel():
    for text in rest:
        give_back(int(text))


with app.app_context(), force_locale("en"):
    db.session.connection()
    db.session.rollback()
    print("ready", flush=True)
    sys.stdin.readline()
    {"answer": answer, "join": join, "cancel": cancel}[task]()
"""


def run(config: Config, tasks: list[list[str]]) -> None:
    """Each task in a process of its own; all begin at the same moment and end well."""
    common = [str(config.base_dir / "config.toml"), config.database.url, NOW.isoformat()]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *common, str(number), *task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number, task in enumerate(tasks)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=120)
        assert worker.returncode == 0
    db.session.rollback()


def offered() -> list[int]:
    """The entries that were offered something, in the order of the offers."""
    return [int(one.data["entry_id"]) for one in events.since(0, 10_000) if one.kind == "waiting.offered"]


def test_a_line_is_asked_one_by_one_however_many_answer(app: Flask, config: Config) -> None:
    laser = make.make_machine()
    booked = make.make_reservation(make.make_person(), [laser], START, END)
    with force_locale("en"):
        line = [_join(laser, START, END) for _ in range(15)]
    run(config, [["cancel", str(booked.id)], *([["answer"]] * PROCESSES)])
    assert offered() == line
    states = Counter(db.session.scalars(select(WaitingEntry.state)))
    assert set(states) <= {WaitingState.DECLINED, WaitingState.EXPIRED}
    assert states.total() == len(line)
    assert db.session.scalars(select(Allocation.id).where(LIVE)).all() == []
    ended = Counter(one.kind for one in events.since(0, 10_000))
    assert ended["reservation.offer_declined"] + ended["reservation.offer_expired"] == len(line)


def test_nobody_waits_beside_free_time(app: Flask, config: Config) -> None:
    machines = [make.make_machine(name) for name in ("Laser", "Saw", "Mill")]
    hours = [(START + timedelta(hours=number), END + timedelta(hours=number)) for number in range(4)]
    pairs = [machines[:2], machines[2:], machines[1:], machines[:1]]
    booked = [
        make.make_reservation(make.make_person(), some, *hour)
        for number, hour in enumerate(hours)
        for some in (pairs[:2] if number % 2 else pairs[2:])
    ]
    wishes = [
        f"{make.make_person().id}/{one.id}/{begin.isoformat()}/{end.isoformat()}"
        for one in machines
        for begin, end in (*hours, *hours, (hours[0][0], hours[3][1]))
    ]
    ids = [str(one.id) for one in booked]
    run(config, [["cancel", *ids[0::2]], ["cancel", *ids[1::2]], *(["join", *wishes[part::4]] for part in range(4))])
    entries = offered()
    assert len(entries) == len(set(entries))
    _each_offer_is_one_persons()
    for entry in db.session.scalars(select(WaitingEntry).where(WaitingEntry.state == WaitingState.WAITING)):
        assert _busy(entry.resource_id, entry.starts_at, entry.ends_at), (entry.resource_id, entry.starts_at)


def _join(laser: Resource, starts_at: datetime, ends_at: datetime) -> int:
    person = make.make_person()
    return waiting.join(make.make_actor(person), person.id, laser.id, starts_at, ends_at, 60, NOW).id


def _busy(resource_id: int, starts_at: datetime, ends_at: datetime) -> bool:
    """No hour of the time is free: each waits for one, all begin on the hour."""
    query = select(Allocation.starts_at).where(LIVE, Allocation.resource_id == resource_id)
    taken = set(db.session.scalars(query))
    return all(starts_at + timedelta(hours=number) in taken for number in range((ends_at - starts_at).seconds // 3600))


def _each_offer_is_one_persons() -> None:
    held = db.session.scalars(select(Reservation).where(Reservation.state == ReservationState.HELD)).all()
    entries = db.session.scalars(select(WaitingEntry).where(WaitingEntry.state == WaitingState.OFFERED)).all()
    assert sorted((one.id, one.person_id) for one in held) == sorted((one.offer_id, one.person_id) for one in entries)
