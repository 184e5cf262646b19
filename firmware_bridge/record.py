"""Writes what a broker says into a file, one JSON object a line, secrets scrubbed: to look at a device that puzzles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from firmware_bridge import journal
from firmware_bridge.broker import BrokerError
from firmware_bridge.mqtt import Delivered, Endpoint, Link, acknowledge

CONNECT_S = 15.0


def record(
    endpoint: Endpoint, file: Path, pattern: str, seconds: float | None, stop: Callable[[], bool] = lambda: False
) -> int:
    """Record into `file` until `seconds` are over or `stop()` is true; gives the number of messages.

    Raises BrokerError when the broker does not let us in.
    """
    heard: SimpleQueue[Delivered] = SimpleQueue()
    link = Link(endpoint, f"fablab-record-{time.time_ns() % 10**9}", heard.put, persistent=False)
    link.subscribe([pattern])
    link.start()
    try:
        if not link.connected.wait(CONNECT_S):
            raise BrokerError(f"The broker {endpoint.host}:{endpoint.port} does not let us in.")
        with file.open("w", encoding="utf-8") as out:
            return _write(heard, out, seconds, stop)
    finally:
        link.stop()


def line(delivered: Delivered, start: float) -> dict[str, Any]:
    """One message in the format of the recordings; `t` counts from `start`."""
    message = journal.scrub_unknown(delivered.message)
    return {
        "t": round(message.at - start, 3),
        "topic": message.topic,
        "payload": message.payload.decode("utf-8", "replace"),
        "qos": message.qos,
        "retain": message.retained,
    }


def _write(heard: SimpleQueue[Delivered], out: TextIO, seconds: float | None, stop: Callable[[], bool]) -> int:
    start, end = time.time(), None if seconds is None else time.monotonic() + seconds
    count = 0
    while not stop() and (end is None or time.monotonic() < end):
        try:
            delivered = heard.get(timeout=0.2)
        except Empty:
            continue
        out.write(json.dumps(line(delivered, start), ensure_ascii=False) + "\n")
        out.flush()
        acknowledge([delivered])
        count += 1
    return count
