"""Closing while somebody checks in, in two threads on both databases: they wait for each other, never in a ring."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from flask import Flask

from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.reservations import closing, placing, presence
from fablab.reservations.models import ArrivedBy, Reservation
from fablab.resources.closures import Closing
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
DAY = NOW.date()
WHY = {"en": "Works"}
A_WHILE_S = 0.6
"""So long the first holds its reservation before it asks for the locks of the log: the second is under way by then."""


def meanwhile(
    app: Flask, monkeypatch: pytest.MonkeyPatch, told: str, first: Callable[[], Any], second: Callable[[], Any]
) -> list[Any]:
    """Does `first`, which stops before it tells `told`; then `second` beside it. What each came to, errors too."""
    holds, tell, came_to = Event(), placing.tell, list[Any]([None, None])

    def slowly(what: str, *args: Any, **more: Any) -> None:
        if what == told and not holds.is_set():
            holds.set()
            sleep(A_WHILE_S)
        tell(what, *args, **more)

    def run(number: int, act: Callable[[], Any]) -> None:
        with app.app_context():
            try:
                came_to[number] = act()
            except Exception as error:
                came_to[number] = error
            finally:
                holds.set()
                db.session.remove()

    monkeypatch.setattr(placing, "tell", slowly)
    one, other = Thread(target=run, args=(0, first)), Thread(target=run, args=(1, second))
    one.start()
    assert holds.wait(20)
    other.start()
    for thread in (one, other):
        thread.join(30)
    db.session.rollback()
    return came_to


@pytest.mark.parametrize("how", ["close", "longer", "day", "short_day", "holiday"])
def test_who_checks_in_and_who_closes_never_wait_in_a_ring(
    app: Flask, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    laser, manager = make.make_machine(), make.make_actor(make.make_person(role=Role.MANAGER))
    booked = make.make_reservation(make.make_person(), [laser], NOW + 2 * HOUR, NOW + 4 * HOUR)
    before = Closing(laser.id, NOW + HOUR, NOW + 2 * HOUR, WHY)
    kept, _count = closing.close(manager, before, NOW) if how == "longer" else (None, 0)
    closed: dict[str, Callable[[], Any]] = {
        "close": partial(closing.close, manager, Closing(laser.id, NOW, NOW + 9 * HOUR, WHY), NOW, cancel=True),
        "longer": partial(
            closing.change, manager, kept.id if kept else 0, {"ends_at": NOW + 9 * HOUR}, NOW, cancel=True
        ),
        "day": partial(closing.set_day, manager, laser.id, DAY, [], WHY, NOW, cancel=True),
        "short_day": partial(closing.set_day, manager, None, DAY, ["09:00-11:00"], WHY, NOW, cancel=True),
        "holiday": partial(closing.close_days, manager, {DAY: WHY}, NOW, cancel=True),
    }
    ident, desk = booked.id, system("bridge")
    came = partial(presence.arrived, ident, NOW + 2 * HOUR, ArrivedBy.BADGE, desk)
    arrived, done = meanwhile(app, monkeypatch, "arrived", came, closed[how])
    assert arrived is True
    assert not isinstance(done, Exception), done
    found = db.session.get_one(Reservation, ident, populate_existing=True)
    assert (found.state, found.started_at) == ("cancelled", NOW + 2 * HOUR)
