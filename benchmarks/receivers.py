"""The floors of ingest: bare paho that counts and forgets, and the least that stores before it acknowledges.

    python -m benchmarks.receivers bare|group PORT COUNT DATABASE

Takes over the session `floor` that `prepare` left on the broker with COUNT messages queued, and prints the seconds from
the first message to the last, and the processor seconds this process used.
"""

import json
import queue
import sqlite3
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

HOST = "127.0.0.1"
SESSION = "floor"
QUEUE = 20_000


def connect(client_id: str, port: int, *, manual_ack: bool = False) -> paho.Client:
    """A connected MQTT 3.1.1 client with a session that outlives it."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=False,
        protocol=MQTTProtocolVersion.MQTTv311,
        manual_ack=manual_ack,
    )
    client.max_inflight_messages_set(1000)
    client.connect(HOST, port)
    return client


def prepare(port: int, topics: str) -> None:
    """Leaves a session on the broker that collects `topics` at QoS 1."""
    client = connect(SESSION, port)
    done = threading.Event()

    def subscribe(*_: Any) -> None:
        client.subscribe(topics, 1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: done.set()
    client.loop_start()
    done.wait(10)
    client.disconnect()
    client.loop_stop()


def bare(port: int, count: int, _database: str) -> tuple[float, float]:
    """Receives, counts, forgets; paho acknowledges by itself. First and last instant."""
    client = connect(SESSION, port)
    seen = 0
    first = last = 0.0
    done = threading.Event()

    def hear(*_: Any) -> None:
        nonlocal seen, first, last
        seen += 1
        if seen == 1:
            first = time.perf_counter()
        if seen == count:
            last = time.perf_counter()
            done.set()

    client.on_message = hear
    client.loop_start()
    done.wait(120)
    client.disconnect()
    client.loop_stop()
    return first, last


def group(port: int, count: int, database: str) -> tuple[float, float]:
    """One writer commits whatever waits, then acknowledges it. First message heard, last commit."""
    client = connect(SESSION, port, manual_ack=True)
    waiting: queue.Queue[tuple[float, Any]] = queue.Queue(QUEUE)
    client.on_message = lambda _client, _data, message: waiting.put((time.perf_counter(), message))
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE journal (id INTEGER PRIMARY KEY, at REAL, topic TEXT, payload BLOB)")
    client.loop_start()
    seen, first = 0, 0.0
    while seen < count:
        batch = [waiting.get(timeout=60)]
        while not waiting.empty() and len(batch) < 1000:
            batch.append(waiting.get_nowait())
        first = first or batch[0][0]
        rows = [(at, message.topic, message.payload) for at, message in batch]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO journal (at, topic, payload) VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
        for _, message in batch:
            client.ack(message.mid, message.qos)
        seen += len(batch)
    last = time.perf_counter()
    client.disconnect()
    client.loop_stop()
    return first, last


def main(arguments: list[str]) -> None:
    """Runs one floor and prints its figures as JSON."""
    kind, port, count, database = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3]
    at_start = time.process_time()
    first, last = {"bare": bare, "group": group}[kind](port, count, database)
    print(json.dumps({"seconds": last - first, "cpu": time.process_time() - at_start, "count": count}))


if __name__ == "__main__":
    main(sys.argv[1:])
