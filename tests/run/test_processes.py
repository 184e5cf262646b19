"""Starting and ending what a lab consists of: one dies, all end; asked to end, nobody stays behind."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine

from fablab.core import housekeeping, ports
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.core.events import Event, append
from fablab.core.outbox import Outbox, done, put
from fablab.core.schema import SchemaError
from fablab.jobs import TIMETABLE, Job
from fablab.run import lab, scheduler, web
from fablab.run.leader import Leader

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

PLAY = """
import os, sys, time
from fablab.run import supervisor
folder, *scripts = sys.argv[1:]
sys.path.insert(0, folder)
os.environ["PYTHONPATH"] = folder
programs = [supervisor.Program(script, script) for script in scripts]
sys.exit(supervisor.supervise(programs, lambda: True, lambda: print("announced", flush=True)))
"""

PROGRAMS = {
    "stays": "import os, time\nopen(os.environ['FOLDER'] + '/stays', 'w').write(str(os.getpid()))\ntime.sleep(60)",
    "dies": "import sys, time\ntime.sleep(1)\nprint('a last word', flush=True)\nsys.exit(7)",
    "stubborn": """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(os.environ['FOLDER'] + '/stubborn', 'w').write(str(os.getpid()))
        time.sleep(60)
    """,
}


def start(folder: Path, *names: str) -> subprocess.Popen[str]:
    for name in names:
        (folder / f"{name}.py").write_text(textwrap.dedent(PROGRAMS[name]))
    environment = {**os.environ, "FOLDER": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", PLAY, str(folder), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def number_of(folder: Path, name: str) -> int:
    deadline = time.monotonic() + 15
    while not (folder / name).exists() or not (folder / name).read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int((folder / name).read_text())


def lives(number: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, 0)
        return True
    return False


def gone(number: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while lives(number) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(number)


def test_one_that_dies_ends_all_and_gives_its_exit_status(tmp_path: Path) -> None:
    running = start(tmp_path, "stays", "dies")
    said, _ = running.communicate(timeout=20)
    assert running.returncode == 7
    assert "announced" in said
    assert "a last word" in said
    assert gone(number_of(tmp_path, "stays"), 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_end_it_ends_all_and_that_is_success(tmp_path: Path, number: signal.Signals) -> None:
    running = start(tmp_path, "stays")
    child = number_of(tmp_path, "stays")
    running.send_signal(number)
    running.communicate(timeout=10)
    assert running.returncode == 0
    assert gone(child, 1)


@pytest.mark.slow
def test_who_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    running = start(tmp_path, "stubborn")
    child = number_of(tmp_path, "stubborn")
    running.terminate()
    running.communicate(timeout=15)
    assert gone(child, 1)


def test_children_end_when_the_supervisor_was_killed(tmp_path: Path) -> None:
    running = start(tmp_path, "stays")
    child = number_of(tmp_path, "stays")
    running.kill()
    assert gone(child, 5)
    assert running.stdout is not None
    running.stdout.close()
    running.wait(5)


def test_a_port_in_use_is_said_in_one_sentence(sqlite_config: Config) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        assert ports.first_free("127.0.0.1", port) != port
        config = sqlite_config.with_changes(web={"port": port})
        with pytest.raises(web.PortInUse, match=f"port {port} of 127.0.0.1 is in use; stop"):
            web.require_port(config)
    assert web.address(config.with_changes(web={"host": "0.0.0.0"})) == f"http://127.0.0.1:{port}"


def test_a_first_start_makes_key_and_tables_and_refuses_a_newer_database(sqlite_config: Config) -> None:
    config = sqlite_config.with_changes(
        web={"secret_key_file": Path("new/key")}, database={"url": "sqlite:///new/lab.db"}
    )
    lab.prepare(config)
    key = config.path(Path("new/key"))
    assert key.stat().st_mode & 0o077 == 0
    assert len(config.secret_key) >= 32
    before = config.secret_key
    lab.prepare(config)
    assert config.secret_key == before
    with sqlite3.connect(config.path(Path("new/lab.db"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer Fablab"):
        lab.prepare(config)


@pytest.fixture
def leaders(app: Flask) -> Iterator[tuple[Leader, Leader]]:
    pair = Leader(db.engine), Leader(db.engine)
    yield pair
    for one in pair:
        one.release()


def test_one_leads_and_the_other_takes_over(leaders: tuple[Leader, Leader]) -> None:
    first, second = leaders
    assert first.acquire()
    assert first.acquire()
    assert first.holds()
    assert not second.acquire()
    first.release()
    assert not first.holds()
    assert second.acquire()


def test_a_leader_that_is_killed_frees_its_lock(sqlite_config: Config) -> None:
    code = (
        "import sys, time\nfrom sqlalchemy import create_engine\nfrom fablab.run.leader import Leader\n"
        "leader = Leader(create_engine(sys.argv[1]))\nprint(leader.acquire(), flush=True)\ntime.sleep(60)"
    )
    url = sqlite_config.database_url
    other = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    mine = Leader(create_engine(url))
    assert not mine.acquire()
    other.kill()
    other.wait(5)
    other.stdout.close()
    assert mine.acquire()
    mine.release()


def test_jobs_run_on_their_timetable_until_stopped(app: Flask) -> None:
    stop, runs = threading.Event(), []

    def run(now: datetime) -> int:
        runs.append(now)
        if len(runs) == 1:
            raise RuntimeError("a job that fails is run again")
        stop.set()
        return 1

    scheduler.run(app, stop, (Job("try", timedelta(seconds=0.1), run),))
    assert len(runs) >= 2
    assert all(one.tzinfo is not None for one in runs)


def test_every_job_bears_to_be_run_twice(app: Flask) -> None:
    for job in TIMETABLE:
        job.run(NOW)
        assert job.run(NOW) == 0


def test_what_was_told_long_ago_is_forgotten(app: Flask) -> None:
    with transaction():
        append("old", NOW - timedelta(days=31))
        append("new", NOW - timedelta(days=29))
        put("device", "a", {}, NOW - timedelta(days=40))
        put("device", "b", {}, NOW - timedelta(days=40))
    with transaction() as session:
        delivered, waiting = session.query(Outbox).order_by(Outbox.id)
        done(delivered.id, NOW - timedelta(days=8))
    assert housekeeping.forget_delivered(NOW) == 2
    assert [one.kind for one in db.session.query(Event)] == ["new"]
    assert [one.id for one in db.session.query(Outbox)] == [waiting.id]
    assert housekeeping.forget_delivered(NOW) == 0
