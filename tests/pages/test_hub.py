"""The hub on both databases: events come to every listener in order, once, also to one who resumes."""

import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask

from fablab.core import events
from fablab.core.db import db, transaction
from fablab.core.errors import Unavailable
from fablab.pages.hub import Happened, Hub, message
from fablab.web import stopping
from tests.factories import NOW
from tests.pages.conftest import SOON, wait_until_idle


def happen(number: int) -> None:
    """One event, committed."""
    with transaction():
        events.append("resource.status", NOW, number=number)


def numbers(batch: list[Happened]) -> list[int]:
    return [one.data["number"] for one in batch]


@pytest.fixture
def hub(app: Flask) -> Iterator[Hub]:
    """A hub with its reader running."""
    made = Hub(app)
    made.listen(10)
    yield made
    made.leave()
    wait_until_idle(made)


def test_an_event_comes_within_a_fraction_of_a_second(hub: Hub) -> None:
    start = time.monotonic()
    happen(1)
    assert numbers(hub.wait(0, SOON)) == [1]
    assert time.monotonic() - start < 2


def test_nothing_comes_twice_and_nothing_is_missed(hub: Hub) -> None:
    heard: list[int] = []
    after = 0
    for number in range(30):
        happen(number)
        if number % 7 == 0:
            batch = hub.wait(after, SOON)
            heard += numbers(batch)
            after = batch[-1].id
    while len(heard) < 30:
        batch = hub.wait(after, SOON)
        heard += numbers(batch)
        after = batch[-1].id
    assert heard == list(range(30))


def test_every_listener_hears_everything(hub: Hub) -> None:
    heard: dict[int, list[int]] = {}

    def listen(name: int) -> None:
        after, got = 0, heard.setdefault(name, [])
        while len(got) < 20:
            batch = hub.wait(after, SOON)
            if not batch:
                return
            got += numbers(batch)
            after = batch[-1].id

    threads = [threading.Thread(target=listen, args=(name,)) for name in range(20)]
    for one in threads:
        one.start()
    for number in range(20):
        happen(number)
    for one in threads:
        one.join(SOON)
    assert [heard[name] for name in range(20)] == [list(range(20))] * 20


def test_who_resumes_hears_what_came_before_the_hub_began(app: Flask) -> None:
    for number in range(5):
        happen(number)
    third = events.since(0)[2].id
    db.session.rollback()
    hub = Hub(app)
    hub.listen(1)
    try:
        assert numbers(hub.wait(third, SOON)) == [3, 4]
        happen(5)
        assert numbers(hub.wait(events.newest_id() - 1, SOON)) == [5]
    finally:
        db.session.rollback()
        hub.leave()
        wait_until_idle(hub)


def test_without_news_the_wait_ends_empty(hub: Hub) -> None:
    assert hub.wait(0, 0.05) == []


def test_no_more_streams_than_there_are_threads_for(hub: Hub) -> None:
    with pytest.raises(Unavailable):
        hub.listen(1)
    assert hub.listeners == 1


def test_all_waits_end_at_once_when_the_process_is_asked_to_end(hub: Hub) -> None:
    start = time.monotonic()
    threading.Timer(0.1, stopping.FLAG.set).start()
    try:
        assert hub.wait(0, 30) == []
        assert time.monotonic() - start < 2
    finally:
        wait_until_idle(hub)
        stopping.FLAG.clear()


def test_a_message_keeps_its_lines() -> None:
    assert message("one\ntwo", "kind", 7) == "id: 7\nevent: kind\ndata: one\ndata: two\n\n"
    assert message("") == "data: \n\n"
