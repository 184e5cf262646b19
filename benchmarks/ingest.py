"""Messages a second that are safely stored: the bridge against bare paho and the least that stores before it confirms.

All three receive what the broker has queued for them, so no sender competes for the processors while they work. Every
message is acknowledged only after its commit (bare paho stores nothing).
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import flood, lab, receivers
from benchmarks.measure import Row, Table
from benchmarks.servers import HOST
from fablab.core.actor import system
from fablab.core.db import db
from fablab.devices import service as devices
from tests.tools import find

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Received:
    """How a receiver did: messages a second, processor µs a message, how many are in its store."""

    rate: float
    cpu_us: float
    stored: int


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    count = 5_000 if quick else 60_000
    table = Table(
        "Ingest",
        f"{count} telemetry messages of {flood.PLUGS} smart plugs (MQTT 3.1.1, QoS 1, 130 bytes), queued on Mosquitto."
        " The bridge decodes, derives usage, commits (synchronous=FULL) and then acknowledges.",
    )
    program = find("mosquitto")
    if program is None:
        table.remarks.append("Not measured: mosquitto is not installed here.")
        return table
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with flood.mosquitto(program, folder) as port:
            bare = _floor("bare", port, count, folder)
            group = _floor("group", port, count, folder)
            ours = _bridge(port, count, folder)
    table.add(Row("against bare paho, which stores nothing", "/s", bare.rate, ours.rate, 0.6, more_is_better=True))
    table.add(Row("against the minimal group commit", "/s", group.rate, ours.rate, 0.75, more_is_better=True))
    table.add(Row("processor a message, against the minimal group commit", "µs", group.cpu_us, ours.cpu_us, 1.6))
    table.add(Row("messages stored", "", count, ours.stored, exact=ours.stored == count))
    return table


def _floor(kind: str, port: int, count: int, folder: Path) -> Received:
    receivers.prepare(port, flood.TOPICS)
    flood.publish(port, count)
    database = folder / f"{kind}.db"
    command = [sys.executable, "-m", "benchmarks.receivers", kind, str(port), str(count), str(database)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=WAIT_S)
    told = json.loads(done.stdout)
    return Received(count / told["seconds"], told["cpu"] / count * 1e6, count)


def _bridge(port: int, count: int, folder: Path) -> Received:
    measured = lab.make(folder / "lab", 1_000, mqtt=f'embedded = false\nhost = "{HOST}"\nport = {port}')
    _adopt(measured)
    database = measured.folder / "lab.db"
    first = _start(measured)
    _until(lambda: flood.publish(port, 1) > 0 and _stored(database) > 0, first)
    _stop(first)
    flood.publish(port, count)
    before = _stored(database)
    second = _start(measured)
    _until(lambda: _stored(database) > before, second)
    begun, at_begin, cpu_begun = time.perf_counter(), _stored(database) - before, _processor_seconds(second.pid)
    _until(lambda: _stored(database) - before >= count, second)
    seconds = time.perf_counter() - begun
    cpu_s = _processor_seconds(second.pid) - cpu_begun
    time.sleep(1)
    stored = _stored(database) - before
    _stop(second)
    heard = count - at_begin
    return Received(heard / seconds, cpu_s / heard * 1e6, stored)


def _adopt(measured: lab.Lab) -> None:
    with measured.app().app_context():
        acting = system("cli")
        for number in range(flood.PLUGS):
            device = devices.add_device(acting, "tasmota", flood.plug_base(number), measured.begins)
            devices.adopt(acting, device.id, measured.begins, resource_id=number + 1)
        db.engine.dispose()


def _start(measured: lab.Lab) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "firmware_bridge", "--config", str(measured.file)]
    return subprocess.Popen(command, cwd=measured.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    child.wait(30)


def _until(true: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        if child.poll() is not None:
            raise RuntimeError(f"the bridge ended with status {child.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {WAIT_S:.0f} s")
        time.sleep(0.02)


def _stored(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])
    finally:
        connection.close()


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    run()
