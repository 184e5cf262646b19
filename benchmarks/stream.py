"""One event to two hundred watchers: how long until each has it. The floor tells them within its own process, from
memory; Fablab's event is committed by another process, as the bridge does it, and found in the database.
"""

import itertools
import selectors
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import booking, floor_app, lab
from benchmarks.measure import Row, Table, percentile
from benchmarks.servers import HOST, Client, serving
from fablab.core import clock, events
from fablab.core.app import create_core_app
from fablab.core.db import db, transaction

WATCHERS = 200
THREADS = 256
PATIENCE_S = 10.0


class Watchers:
    """Open streams that are read together."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._eyes = selectors.DefaultSelector()
        self._heard: dict[socket.socket, bytes] = {}
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        for _ in range(WATCHERS):
            line = socket.create_connection((HOST, port), timeout=PATIENCE_S)
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n".encode())
            self._eyes.register(line, selectors.EVENT_READ)
            self._heard[line] = b""
        if len(self.until(b"\n\n", time.perf_counter())) < WATCHERS or self.refused():
            raise RuntimeError("not every stream was opened")

    def refused(self) -> bool:
        """Whether a stream was answered with anything but 200."""
        return any(not told.startswith(b"HTTP/1.1 200") for told in self._heard.values())

    def until(self, mark: bytes, begun: float) -> list[float]:
        """Seconds from `begun` until each watcher has heard `mark`; those that have not in time are left out."""
        waiting = {line for line, told in self._heard.items() if mark not in told}
        arrived = [0.0] * (WATCHERS - len(waiting))
        while waiting and time.perf_counter() < begun + PATIENCE_S:
            for key, _ in self._eyes.select(0.5):
                line = key.fileobj
                assert isinstance(line, socket.socket)
                self._heard[line] += line.recv(65536)
                if line in waiting and mark in self._heard[line]:
                    waiting.discard(line)
                    arrived.append(time.perf_counter() - begun)
        return arrived

    def close(self) -> None:
        """Closes them all."""
        for line in self._heard:
            line.close()
        self._eyes.close()


def latencies(watchers: Watchers, ring: Callable[[str], None], times: int) -> tuple[list[float], int]:
    """Seconds of every watcher and event, and how many are missing."""
    found: list[float] = []
    for number in range(times):
        mark = f"probe-{number}-{time.monotonic_ns()}"
        time.sleep(0.05 + number % 7 * 0.013)  # not in step with anything that looks now and then
        begun = time.perf_counter()
        ring(mark)
        found += watchers.until(mark.encode(), begun)
    return found, times * WATCHERS - len(found)


@contextmanager
def floor(folder: Path) -> Iterator[tuple[Watchers, Callable[[str], None]]]:
    """The floor's watchers, and how to tell them something."""
    url = f"sqlite:///{folder}/floor.db"
    floor_app.fill(url, [], 1)
    with serving(booking.FLOOR, {"FLOOR_DATABASE": url}, THREADS) as port:
        watchers, client = Watchers(port, "/stream", {}), Client(port, {})
        yield watchers, lambda mark: _done(client.ask("POST", f"/ring?mark={mark}")[0])
        client.close()
        watchers.close()


@contextmanager
def ours(folder: Path) -> Iterator[tuple[Watchers, Callable[[str], None]]]:
    """Fablab's watchers, and how to tell them something: an event of a use, committed by this process."""
    measured = lab.make(folder / "lab", 1000, threads=THREADS)
    tokens = itertools.cycle(measured.tokens)
    core = create_core_app(measured.config)

    def ring(mark: str) -> None:
        with core.app_context(), transaction():
            events.append("usage.changed", clock.now(), resource_id="1", state=mark)

    with serving(booking.OURS, {"BENCH_CONFIG": str(measured.file)}, THREADS) as port:
        watchers = Watchers(port, "/api/v1/events", {"Authorization": f"Bearer {next(tokens)}"})
        yield watchers, ring
        watchers.close()
    with core.app_context():
        db.engine.dispose()


def _done(status: int) -> None:
    if status != 204:
        raise RuntimeError(f"the floor answered {status}")


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    times = 5 if quick else 30
    table = Table(
        "Live pages",
        f"One event to {WATCHERS} open streams of server-sent events, {times} times. The floor tells them from memory"
        " within one process; Fablab's event is committed by another process and found in the database.",
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bare, _ = latencies(*stack.enter_context(floor(Path(name))), times)
        full, missing = latencies(*stack.enter_context(ours(Path(name))), times)
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        pair = percentile(bare, share) * 1e3, percentile(full, share) * 1e3
        table.add(Row(f"until a watcher has it, {label}", "ms", *pair, goal=3 if share == 0.99 else None))
    table.add(Row("events that no watcher missed", "", times, times - -(-missing // WATCHERS), exact=not missing))
    return table


if __name__ == "__main__":
    run()
