"""`python -m fablab.run.child LINGER MODULE ARGUMENTS…`: runs a module as a program of the supervisor.

The supervisor gives its process number in FABLAB_SUPERVISOR. Killed by force it can end nobody: then its children see
it and end themselves, as on SIGTERM. A program with LINGER seconds works on for so long when asked to end, so that
others can take their leave of it.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

SUPERVISOR = "FABLAB_SUPERVISOR"
LOOK_S = 0.5
PATIENCE_S = 8.0


def main() -> None:
    """Watch the supervisor, become the module."""
    linger, module, *arguments = sys.argv[1:]
    if float(linger):
        # Blocked for the program, whose own code may never come round to handle a signal: a thread waits for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_later, args=(float(linger),), name="linger", daemon=True).start()
    watched = os.environ.get(SUPERVISOR, "")
    if watched.isdigit():
        threading.Thread(target=_watch, args=(int(watched),), name="supervisor", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(supervisor: int) -> None:
    while _lives(supervisor):
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os._exit(1)


def _end_later(seconds: float) -> None:
    signal.sigwait({signal.SIGTERM})
    time.sleep(seconds)
    os._exit(0)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # Killed, but not yet noticed by its own parent.
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


if __name__ == "__main__":
    main()
