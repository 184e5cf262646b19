"""`python -m fablab.run.child MODULE ARGUMENTS…`: runs a module as a program that ends when its supervisor has gone.

The supervisor gives its process number in FABLAB_SUPERVISOR. Killed by force it can end nobody: then its children see
it and end themselves, as on SIGTERM.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

SUPERVISOR = "FABLAB_SUPERVISOR"
LOOK_S = 0.5


def main() -> None:
    """Watch the supervisor, become the module."""
    module, *arguments = sys.argv[1:]
    watched = os.environ.get(SUPERVISOR, "")
    if watched.isdigit():
        threading.Thread(target=_watch, args=(int(watched),), name="supervisor", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(supervisor: int) -> None:
    while _lives(supervisor):
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
