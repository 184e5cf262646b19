"""A Mosquitto for measuring and the telemetry that is queued on it: what fifty smart plugs say."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.servers import HOST, await_port
from fablab.core import ports

PLUGS = 50
TOPICS = "tele/#"
INFLIGHT = 1000

_CONFIG = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages {inflight}
max_queued_messages 1000000
log_type error
"""


@contextmanager
def mosquitto(program: str, folder: Path) -> Iterator[int]:
    """Runs Mosquitto with long queues and without persistence; gives its port."""
    port = ports.any_free(HOST)
    file = folder / "mosquitto.conf"
    file.write_text(_CONFIG.format(port=port, host=HOST, inflight=INFLIGHT))
    child = subprocess.Popen([program, "-c", str(file)], stdin=subprocess.DEVNULL)
    try:
        await_port(port, child)
        yield port
    finally:
        child.terminate()
        child.wait(10)


def messages(count: int) -> Iterator[tuple[str, bytes]]:
    """Topic and payload of `count` Tasmota telemetry messages, each different, ten seconds apart for each plug."""
    begun = datetime.now(UTC) - timedelta(seconds=10 * count / PLUGS)
    for number in range(count):
        plug, turn = number % PLUGS, number // PLUGS
        at = begun + timedelta(seconds=10 * turn)
        power = 40 + (number * 7) % 400 if (turn // 30) % 2 else 2
        energy = {"Total": round(12 + turn / 1000, 3), "Power": power, "Voltage": 231, "Current": round(power / 231, 3)}
        yield (
            f"tele/{plug_base(plug)}/SENSOR",
            json.dumps({"Time": f"{at:%Y-%m-%dT%H:%M:%S}", "ENERGY": energy}).encode(),
        )


def plug_base(number: int) -> str:
    """The root of the topics of one plug."""
    return f"bench_plug_{number:02d}"


def publish(port: int, count: int) -> float:
    """Publishes `count` messages at QoS 1, waits until the broker has them all; seconds it took."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "bench-flood")
    client.max_inflight_messages_set(INFLIGHT)
    client.max_queued_messages_set(0)
    done = threading.Event()
    confirmed = 0

    def note(*_: Any) -> None:
        nonlocal confirmed
        confirmed += 1
        if confirmed == count:
            done.set()

    client.on_publish = note
    client.connect(HOST, port)
    client.loop_start()
    begun = time.perf_counter()
    for number, (topic, payload) in enumerate(messages(count)):
        client.publish(topic, payload, qos=1)
        while number - confirmed > 5 * INFLIGHT:
            time.sleep(0.001)
    if not done.wait(120):
        raise RuntimeError(f"the broker confirmed {confirmed} of {count} messages")
    client.disconnect()
    client.loop_stop()
    return time.perf_counter() - begun
