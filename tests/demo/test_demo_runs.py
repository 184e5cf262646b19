"""The demo as somebody tries it: it starts, its pages answer, the devices are heard, and it ends without a trace."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from fablab.core import ports

pytest.importorskip("iotcore")
pytestmark = [pytest.mark.slow, pytest.mark.broker]


class Demo:
    """A demo that runs, with what it prints."""

    def __init__(self, folder: Path) -> None:
        self.printed = folder / "printed"
        self.port = ports.any_free()
        with self.printed.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fablab", "demo", "--speed", "60", "--port", str(self.port)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        self.folder = folder

    def wait(self, condition: Callable[[], object], timeout: float = 40.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def text(self) -> str:
        return self.printed.read_text()

    def ask(self, query: str) -> int:
        (file,) = self.folder.glob("fablab-demo-*/fablab.db")
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return int(connection.execute(query).fetchone()[0])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    running.process.send_signal(signal.SIGTERM)
    try:
        running.process.wait(20)
    finally:
        running.process.kill()


def children(number: int) -> set[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    parents = {int(one): int(parent) for one, parent in rows}
    found = {number}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {number}


def lives(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_the_demo_lives_and_ends_without_a_trace(demo: Demo) -> None:
    demo.wait(lambda: "Ctrl-C ends it" in demo.text())
    told = demo.text()
    assert f"http://127.0.0.1:{demo.port}" in told
    for role in ("admin", "manager", "instructor", "maker"):
        assert f"{role}@lab.example" in told
    assert re.search(r"password  [a-z]+-[a-z]+-\d{4}", told)
    with urlopen(f"http://127.0.0.1:{demo.port}/wall", timeout=10) as page:
        assert page.status == 200
        assert "Fab Lab du Morvan" in page.read().decode()
    live = "SELECT count(*) FROM usage_session WHERE key NOT LIKE 'history%'"
    demo.wait(lambda: demo.ask(live) >= 6)
    demo.wait(lambda: demo.ask("SELECT count(*) FROM access_decision WHERE rid NOT LIKE 'history%'") >= 1)
    demo.wait(lambda: demo.ask(f"{live} AND ended_at IS NOT NULL") >= 1, 90)
    assert demo.ask("SELECT count(*) FROM journal WHERE problem IS NOT NULL") == 0
    everybody = children(demo.process.pid)
    assert len(everybody) >= 5
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(20) == 0
    assert not [one for one in everybody if lives(one)]
    assert not list(demo.folder.glob("fablab-demo-*"))
