"""Starts the processes of a lab, shows what they say under their names, and ends all of them when one ends.

SIGINT and SIGTERM end everything in good order and count as success; a process that dies ends the others, and its exit
status becomes ours.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from honcho.manager import SIGNALS, SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer

from fablab.run.child import SUPERVISOR

ASKED_TO_END = {known["rc"] for known in SIGNALS.values()}
REMARKS = ("started", "sending", "stopped", "received")
LOOK_S = 0.05
PATIENCE_S = 6.0


@dataclass(frozen=True, slots=True)
class Program:
    """One process: a Python module with its arguments; asked to end, it works on for `linger_s`."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    linger_s: float = 0.0

    def command(self) -> str:
        """For the shell, which is replaced by the program itself, so that signals reach it."""
        parts = [sys.executable, "-m", "fablab.run.child", str(self.linger_s), self.module, *self.arguments]
        return f"exec {shlex.join(parts)}"


class Console(Printer):
    """Prints what the processes say; of the supervisor's own remarks none that nobody needs.

    When nobody reads any more (the terminal is gone), the lab is asked to end.
    """

    _gone = False

    def write(self, message: Message) -> None:
        """One message of one process."""
        text = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        if self._gone or (message.name == SYSTEM_PRINTER_NAME and any(word in text for word in REMARKS)):
            return
        try:
            super().write(message)
        except OSError:
            self._gone = True
            os.kill(os.getpid(), signal.SIGTERM)


class Supervisor(Manager):
    """Honcho's manager, that may be asked to end at any moment, also while its processes are only starting."""

    def __init__(self, printer: Printer) -> None:
        super().__init__(printer)
        self._ending = threading.Event()

    def terminate(self) -> None:
        """End everything: as soon as all have started, properly; after `PATIENCE_S` by force."""
        if not self._ending.is_set():
            self._ending.set()
            threading.Thread(target=self._end_all, name="end", daemon=True).start()

    def _end_all(self) -> None:
        while not self._all_started():
            time.sleep(LOOK_S)
        self._killall()
        time.sleep(PATIENCE_S)
        self.kill()


def supervise(programs: Sequence[Program], ready: Callable[[], bool], announce: Callable[[], None]) -> int:
    """Run until something ends; `announce` is called once `ready` is true. Returns the exit status."""
    manager = Supervisor(Console(sys.stdout))
    environment = {**os.environ, SUPERVISOR: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    for program in programs:
        manager.add_process(program.name, program.command(), env=environment)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    ended = threading.Event()
    threading.Thread(target=_await, args=(ready, announce, ended), name="ready", daemon=True).start()
    try:
        manager.loop()
    finally:
        ended.set()
    status = int(manager.returncode or 0)
    if status in ASKED_TO_END:
        return 0
    return status if status >= 0 else 128 - status


def answers(address: str) -> bool:
    """True when a web server answers there without failing."""
    try:
        with urlopen(address, timeout=2):  # our own address, made from the configuration
            return True
    except HTTPError as error:
        return error.code < 500
    except (URLError, OSError):
        return False


def _await(ready: Callable[[], bool], announce: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(LOOK_S):
        if ready():
            announce()
            return
        time.sleep(LOOK_S)
