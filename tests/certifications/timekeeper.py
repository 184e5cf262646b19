"""One of the processes of `test_clocks_processes.py`: runs the jobs it is told to, at the instants it is told.

Lines in: «job instant»; lines out: how many the job counted. It ends with its input.
"""

import faulthandler
import sys
from datetime import datetime
from pathlib import Path

from fablab.app import create_app
from fablab.core.config import load_config
from fablab.core.db import db
from fablab.jobs import TIMETABLE

HANGS_S = 60


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(file: str, url: str) -> None:
    """Runs jobs until the input ends."""
    app = create_app(load_config(Path(file)).with_changes(database={"url": url}))
    jobs = {job.name: job.run for job in TIMETABLE}
    _say("ready")
    for line in sys.stdin:
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        name, instant = line.split()
        with app.app_context():
            _say(str(jobs[name](datetime.fromisoformat(instant))))
            db.session.remove()
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(*sys.argv[1:])
