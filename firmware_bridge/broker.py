"""The embedded broker: rumqttd from the `iotcore` wheel, as a child process on loopback.

For trying out, the demo and the tests. It has no access list and keeps nothing on disk, so a lab that opens machines by
badge runs Mosquitto instead (see `mosquitto.py`). rumqttd speaks MQTT 3.1.1 and MQTT 5 on ports of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fablab.core import ports

if TYPE_CHECKING:  # the broker's own process shall not load the whole configuration
    from fablab.core.config import Config

HOST = "127.0.0.1"
SERVER = "fablab-server"
DEVICES = "fablab-devices"
READY_S = 15.0
TRIES = 3

_TOML = """\
# Written by Fablab for its embedded broker; made anew at each start.
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 8388608
max_segment_count = 4
"""

_LISTENER = """
[{kind}.1]
name = "{kind}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[{kind}.1.connections]
connection_timeout_ms = 10000
max_payload_size = 1048576
max_inflight_count = 1000
dynamic_filters = true
[{kind}.1.connections.auth]
{users}
"""


class BrokerError(Exception):
    """The broker did not start; the message is one sentence for the person who started it."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where the embedded broker listens and who may connect (user → password)."""

    folder: Path
    port: int
    port_v5: int
    users: dict[str, str]

    @property
    def config(self) -> Path:
        """The rumqttd configuration file."""
        return self.folder / "broker.toml"

    @property
    def server_password(self) -> str:
        """The password of Fablab's own account."""
        return self.users[SERVER]

    @property
    def device_password(self) -> str:
        """The password of the one account that simulated and tried-out devices share."""
        return self.users[DEVICES]


def home(config: Config) -> Path:
    """Where a lab keeps the files of its embedded broker."""
    return config.path(Path("var/broker"))


def prepare(folder: Path, port: int = 1883) -> Embedded:
    """Write the configuration of the embedded broker into `folder` and return it.

    Passwords are random and kept from one start to the next. MQTT 3.1.1 gets `port`, MQTT 5 the next one;
    a port that something else holds is replaced by a free one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = _known_users(folder)
    for name in (SERVER, DEVICES):
        users.setdefault(name, secrets.token_urlsafe(24))
    first = port if port and ports.is_free(HOST, port) else ports.any_free(HOST)
    second = first + 1 if ports.is_free(HOST, first + 1) else ports.any_free(HOST)
    embedded = Embedded(folder, first, second, users)
    _private(embedded.config, _toml(embedded))
    _private(folder / "accounts.json", json.dumps({"port": first, "port_v5": second, "users": users}))
    return embedded


def read(folder: Path) -> Embedded:
    """The embedded broker that `prepare` described in `folder`; raises BrokerError when there is none."""
    try:
        told = json.loads((folder / "accounts.json").read_text())
        return Embedded(folder, int(told["port"]), int(told["port_v5"]), dict(told["users"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokerError("The embedded broker has not been started here; run `fablab up` first.") from error


def start(embedded: Embedded) -> subprocess.Popen[bytes]:
    """Start the broker as a child that ends with this process; returns when both ports answer.

    Raises BrokerError when the wheel is missing, a port is taken or it does not come up.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "firmware_bridge.broker", str(embedded.config), "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_ready(embedded, child)
    except BrokerError:
        stop(child)
        raise
    return child


def start_anywhere(folder: Path) -> tuple[Embedded, subprocess.Popen[bytes]]:
    """Prepare and start the broker on whatever ports are free: on others when one was taken before it listened.

    Raises BrokerError when it does not come up on any of a few.
    """
    for _ in range(TRIES - 1):
        embedded = prepare(folder, port=0)
        with contextlib.suppress(BrokerError):
            return embedded, start(embedded)
    embedded = prepare(folder, port=0)
    return embedded, start(embedded)


def wait_ready(embedded: Embedded, child: subprocess.Popen[bytes] | None = None, timeout: float = READY_S) -> None:
    """Return when both listeners accept connections; raises BrokerError when they do not in time."""
    deadline = time.monotonic() + timeout
    waiting = [embedded.port, embedded.port_v5]
    while waiting:
        if child is not None and child.poll() is not None:
            raise BrokerError(f"The embedded broker ended at once (status {child.returncode}).")
        if time.monotonic() > deadline:
            raise BrokerError(f"The embedded broker did not answer on port {waiting[0]} within {timeout:.0f} s.")
        waiting = [port for port in waiting if not _answers(port)]
        if waiting:
            time.sleep(0.02)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a broker that `start` began."""
    child.terminate()
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _known_users(folder: Path) -> dict[str, str]:
    with contextlib.suppress(BrokerError):
        return dict(read(folder).users)
    return {}


def _toml(embedded: Embedded) -> str:
    # JSON strings are valid TOML basic strings for the characters that names and passwords may have.
    users = "\n".join(f"{json.dumps(name)} = {json.dumps(word)}" for name, word in embedded.users.items())
    kinds = (("v4", embedded.port), ("v5", embedded.port_v5))
    return _TOML + "".join(_LISTENER.format(kind=kind, host=HOST, port=port, users=users) for kind, port in kinds)


def _private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=0.5):
            return True
    except OSError:
        return False


def _end_with(parent: int) -> None:
    """End this process soon after `parent`, or whoever started us, has gone."""
    born_of = os.getppid()
    while os.getppid() == born_of:
        try:
            os.kill(parent, 0)
        except OSError:
            break
        time.sleep(0.25)
    os._exit(0)


def main() -> None:
    """Run the broker in this process: `python -m firmware_bridge.broker FILE.toml [--parent PID]`."""
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge.broker", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end when this process has gone")
    options = parser.parse_args()
    try:
        from iotcore import IotCoreBroker  # an extra: a lab with Mosquitto does not install it
    except ImportError:
        sys.exit("The embedded broker is not installed; install fablab[demo], or set mqtt.embedded = false.")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # rumqttd marks each packet's span as an error; only what iotcore itself says is worth a line.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    threading.Thread(target=_end_with, args=(options.parent,), daemon=True).start()
    broker = IotCoreBroker(config_path=str(options.config))
    try:
        broker.check_ports()
    except OSError as error:
        sys.exit(f"The embedded broker cannot listen: {error}")
    broker.run_forever()


if __name__ == "__main__":
    main()
