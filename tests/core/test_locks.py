"""PostgreSQL's advisory locks: each number stands for one thing, and the logs have one lock for both."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from flask import Flask

from fablab.core import audit, events
from fablab.core.actor import system
from fablab.core.db import db, transaction
from tests.factories import NOW
from tests.meta.tree import ROOT


def test_no_two_things_share_a_lock() -> None:
    """The number of another's lock would make one wait for the other: for ever, where a process holds it."""
    found = [
        number
        for path in (ROOT / "fablab").rglob("*.py")
        for number in re.findall(r"^\w*LOCK = (7_301_\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(found) >= 4
    assert len(found) == len(set(found))


def test_who_writes_to_the_logs_in_another_order_does_not_wait_in_a_ring(app: Flask) -> None:
    gate = Barrier(2)

    def write(first: bool) -> None:
        with app.app_context():
            for number in range(20):
                gate.wait(timeout=30)
                with transaction():
                    for of_audit in (first, not first):
                        if of_audit:
                            audit.record(system("cli"), "test.done", ("test", str(number)), NOW)
                        else:
                            events.append("test.done", NOW, number=number)
            db.session.remove()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (True, False)))
    assert len(events.since(0)) == 40
    assert audit.verify() is None
