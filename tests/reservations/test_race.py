"""Many people for one slot at once: exactly one gets it, the others are told which time is taken; nobody hangs, nothing
breaks. Real processes, real HTTP, both databases."""

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
from fablab.reservations.models import Allocation, Reservation
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.slow

PROCESSES, TRIES, ROUNDS = 8, 25, 20
CLIENTS = 50


@contextmanager
def racers(config: Config, laser: Resource, secrets: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ready to race, each with its share of the tokens; ended afterwards."""
    command = [sys.executable, "-m", "tests.reservations.racer", str(config.base_dir / "config.toml")]
    started = [
        subprocess.Popen(
            [*command, config.database.url, str(laser.id), *secrets[number::PROCESSES]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(PROCESSES)
    ]
    try:
        for one in started:
            assert _line(one) == "ready"
        yield started
        for one in started:
            one.communicate(timeout=30)
            assert one.returncode == 0
    finally:
        for one in started:
            one.kill()
            one.communicate()


def race(started: list[subprocess.Popen[str]], start: datetime, end: datetime) -> Counter[str]:
    """What all attempts at this slot were told, together; they begin at the same moment."""
    for one in started:
        assert one.stdin is not None
        one.stdin.write(f"{shown(start)} {shown(end)}\n")
        one.stdin.flush()
    told: Counter[str] = Counter()
    for one in started:
        told.update(json.loads(_line(one)))
    return told


def shown(at: datetime) -> str:
    """An instant as the API writes it."""
    return at.isoformat().replace("+00:00", "Z")


def _line(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().rstrip("\n")


def whole_hours(count: int) -> list[datetime]:
    """Hours of the coming weeks at which the lab is open: four on each working day."""
    first = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=2)
    days = [day for number in range(count) if (day := first + timedelta(days=number)).weekday() < 5]
    return [day + timedelta(hours=hour) for day in days for hour in range(4)][:count]


def secrets_of(count: int) -> list[str]:
    """Tokens of as many people."""
    people = [make.make_person(member_until=None) for _ in range(count)]
    return [tokens.create(system("cli"), one.id, "race", ["book"], None, NOW)[1] for one in people]


def stored() -> tuple[int, int]:
    """How many reservations and allocations there are."""
    db.session.rollback()
    counts = [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Reservation, Allocation)]
    return counts[0], counts[1]


def test_two_hundred_attempts_of_eight_processes_book_once_in_every_round(app: Flask, config: Config) -> None:
    laser = make.make_machine()
    with racers(config, laser, secrets_of(PROCESSES * TRIES)) as started:
        for start in whole_hours(ROUNDS):
            end = start + timedelta(hours=1)
            refused = f"409 slot_taken {shown(start)} {shown(end)}"
            assert race(started, start, end) == {"201": 1, refused: PROCESSES * TRIES - 1}
    assert stored() == (ROUNDS, ROUNDS)


def test_fifty_requests_one_created_the_others_409(app: Flask) -> None:
    laser, secrets = make.make_machine(), secrets_of(CLIENTS)
    (day,) = whole_hours(1)
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
