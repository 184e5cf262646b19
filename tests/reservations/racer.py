"""One of the processes of `test_race.py`: at a word it asks for one slot many times at once and tells what it was told.

Through the whole application (token, rules, transaction, answer), but for the socket. Lines in: «start end»; lines out:
a JSON object, answer → how many times. It ends with its input, and by itself when an answer takes too long.
"""

import faulthandler
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from fablab.app import create_app
from fablab.core.config import load_config

AT_ONCE = 10
"""Threads: eight processes together stay below the connections that PostgreSQL allows by default."""
HANGS_S = 60


def _reasons(answer: Any) -> str:
    """What was told beside the status: each reason, with the time that is taken."""
    said = ""
    for one in (answer or {}).get("denials", []):
        times = (str(one["params"].get(key, "")).replace("+00:00", "Z") for key in ("starts_at", "ends_at"))
        said += " ".join(("", one["code"], *times))
    return said


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(file: str, url: str, resource_id: str, *tokens: str) -> None:
    """Runs rounds until the input ends."""
    app = create_app(load_config(Path(file)).with_changes(database={"url": url}))
    gate = Barrier(AT_ONCE)

    def ask(number: int, start: str, end: str) -> Counter[str]:
        told: Counter[str] = Counter()
        gate.wait()
        for token in tokens[number::AT_ONCE]:
            answer = app.test_client().post(
                "/api/v1/reservations",
                json={"resource_id": resource_id, "start": start, "end": end},
                headers={"Authorization": f"Bearer {token}"},
            )
            told[f"{answer.status_code}{_reasons(answer.json)}"] += 1
        return told

    with ThreadPoolExecutor(AT_ONCE) as threads:
        app.test_client().get("/api/v1/resources", headers={"Authorization": f"Bearer {tokens[0]}"})
        _say("ready")
        for line in sys.stdin:
            faulthandler.dump_traceback_later(HANGS_S, exit=True)
            start, end = line.split()
            told = sum(threads.map(lambda number: ask(number, start, end), range(AT_ONCE)), Counter())  # noqa: B023 - the round is over before the next line
            faulthandler.cancel_dump_traceback_later()
            _say(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
