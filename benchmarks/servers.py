"""Web servers under measure and the clients that ask them, all on loopback."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fablab.core import ports

HOST = "127.0.0.1"
READY_S = 30.0


@contextmanager
def serving(factory: str, environment: dict[str, str], threads: int = 64) -> Iterator[int]:
    """Runs `factory` («module:create_app()») under gunicorn with one process; gives its port, stops it at the end."""
    port = ports.any_free(HOST)
    command = [sys.executable, "-m", "gunicorn", factory, "--bind", f"{HOST}:{port}", "--worker-class", "gthread"]
    command += ["--threads", str(threads), "--no-control-socket", "--log-level", "error", "--graceful-timeout", "2"]
    root = Path(__file__).resolve().parent.parent
    child = subprocess.Popen(command, cwd=root, env=os.environ | environment, stdin=subprocess.DEVNULL)
    try:
        await_port(port, child)
        yield port
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def await_port(port: int, child: subprocess.Popen[bytes]) -> None:
    """Returns when somebody listens. Raises RuntimeError when the child ended or the time is up."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with status {child.returncode}")
        try:
            socket.create_connection((HOST, port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port} after {READY_S:.0f} s")


@dataclass
class Client:
    """One connection that is kept open. Not for several threads."""

    port: int
    headers: dict[str, str]

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(HOST, self.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, float]:
        """Status, body and seconds of one request."""
        headers = dict(self.headers)
        payload = None
        if body is not None:
            payload, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        begun = time.perf_counter()
        self._connection.request(method, path, payload, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        return answer.status, content, time.perf_counter() - begun

    def visit(
        self, method: str, path: str, form: dict[str, str] | None = None, cookies: str = ""
    ) -> tuple[int, bytes, str]:
        """Status, body and cookies of one request of a browser that follows nothing."""
        headers = self.headers | {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        jar = SimpleCookie(cookies)
        for line in answer.headers.get_all("Set-Cookie", []):
            jar.load(line)
        return answer.status, content, "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def at_once(count: int, work: Callable[[int], None]) -> float:
    """Runs `work(number)` in `count` threads that start together; seconds until the last is done.

    Raises the first exception of a thread.
    """
    gate = threading.Barrier(count + 1)
    failures: list[BaseException] = []

    def body(number: int) -> None:
        gate.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - begun
