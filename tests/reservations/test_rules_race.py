"""A person's limits are exact, however many of his bookings are asked for at once: threads, on both databases."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from fablab.core.db import db
from fablab.core.errors import Denied
from fablab.reservations import service
from fablab.reservations.models import PolicyLevel, PolicyOverride
from fablab.reservations.wishes import Extras
from tests import factories as make
from tests.factories import NOW

AT_ONCE, ROUNDS = 6, 4
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("rules", "most"),
    [({"max_future_count": 1}, 1), ({"max_minutes_per_day": 120}, 2), ({"gap_minutes": 600}, 1)],
    ids=["count", "day", "gap"],
)
def test_limits_are_exact_when_all_ask_at_once(app: Flask, rules: dict[str, Any], most: int) -> None:
    make.save(PolicyOverride(level=PolicyLevel.KIND, target="machine", rules=rules, changed_at=NOW))
    machines = [make.make_machine().id for _ in range(AT_ONCE)]
    for number in range(ROUNDS):
        actor = make.make_actor(make.make_person())
        begin, gate = NOW + number * HOUR, Barrier(AT_ONCE)

        def ask(machine: int, actor: Any = actor, begin: Any = begin, gate: Barrier = gate) -> str:
            with app.app_context():
                gate.wait(timeout=30)
                try:
                    service.book(actor, actor.person_id, [machine], begin, begin + HOUR, Extras(), NOW)
                except Denied as error:
                    return ",".join(denial.code for denial in error.denials)
                finally:
                    db.session.remove()
                return "booked"

        with ThreadPoolExecutor(AT_ONCE) as threads:
            told = Counter(threads.map(ask, machines))
        assert told == {"booked": most, "quota_exceeded": AT_ONCE - most}
