"""Fifty people for one slot at once: exactly one gets it, the others are told that it is taken. Real processes, both
databases, through the service and through HTTP."""

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server

from fablab.core.actor import system
from fablab.core.config import Config
from fablab.core.db import db
from fablab.people import tokens
from fablab.people.models import Person
from fablab.reservations.models import Allocation, Reservation
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.slow

PROCESSES, TRIES = 10, 5
START = NOW + timedelta(hours=1)
END = START + timedelta(hours=1)

RACER = """
import sys
from datetime import datetime
from pathlib import Path
from fablab.core.actor import Actor, Role
from fablab.core.app import create_core_app
from fablab.core.config import load_config
from fablab.core.db import db
from fablab.core.errors import Denied
from fablab.reservations import service

file, url, resource, start, end, now, *people = sys.argv[1:]
app = create_core_app(load_config(Path(file)).with_changes(database={"url": url}))
with app.app_context():
    db.session.connection()
    db.session.rollback()
    print("ready", flush=True)
    sys.stdin.readline()
    for person in people:
        try:
            actor = Actor(int(person), Role.MAKER, "api")
            times = [datetime.fromisoformat(text) for text in (start, end, now)]
            service.book(actor, int(person), [int(resource)], times[0], times[1], "", times[2])
            print("booked", flush=True)
        except Denied as error:
            print(" ".join(denial.code for denial in error.denials), flush=True)
"""


def race(config: Config, laser: Resource, people: list[Person]) -> Counter[str]:
    """What each try of each process was told; all begin at the same moment."""
    common = [str(config.base_dir / "config.toml"), config.database.url, str(laser.id)]
    times = [at.isoformat() for at in (START, END, NOW)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, *common, *times, *(str(one.id) for one in people[number::PROCESSES])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(PROCESSES)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told: Counter[str] = Counter()
    for racer in racers:
        output, _ = racer.communicate(timeout=120)
        told.update(output.split("\n")[:-1])
        assert racer.returncode == 0
    return told


def stored() -> tuple[int, int]:
    """How many reservations and allocations there are."""
    db.session.rollback()
    counts = [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Reservation, Allocation)]
    return counts[0], counts[1]


def test_fifty_processes_tries_one_booking(app: Flask, config: Config) -> None:
    laser = make.make_machine()
    people = [make.make_person() for _ in range(PROCESSES * TRIES)]
    assert race(config, laser, people) == {"booked": 1, "slot_taken": PROCESSES * TRIES - 1}
    assert stored() == (1, 1)


def test_fifty_requests_one_created_the_others_409(app: Flask) -> None:
    laser = make.make_machine(rules={"horizon_days": 30})
    secrets = [
        tokens.create(system("cli"), make.make_person(member_until=None).id, "race", ["book"], None, NOW)[1]
        for _ in range(PROCESSES * TRIES)
    ]
    day = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=7)
    day += timedelta(days=day.weekday() == 6)
    body = json.dumps(
        {"resource_id": str(laser.id), "start": day.isoformat(), "end": (day + timedelta(hours=1)).isoformat()}
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    statuses: list[int] = []
    start = threading.Barrier(len(secrets))

    def ask(secret: str) -> None:
        start.wait()
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        line.request("POST", "/api/v1/reservations", body, headers)
        answer = line.getresponse()
        codes = [one["code"] for one in json.loads(answer.read()).get("denials", [])]
        statuses.append(answer.status if codes in ([], ["slot_taken"]) else -1)
        line.close()

    clients = [threading.Thread(target=ask, args=(secret,)) for secret in secrets]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    server.shutdown()
    thread.join()
    server.server_close()
    assert Counter(statuses) == {201: 1, 409: len(secrets) - 1}
    assert stored() == (1, 1)
