"""What flows in a stream: events for programs, changed cards for the wall. It ends by itself and holds no database."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, render_template, request
from flask_babel import force_locale
from werkzeug.wrappers import Response

from fablab.core import clock, events, words
from fablab.pages import drawing, service
from fablab.pages.hub import HEARTBEAT_S, LIFE_S, Happened, Hub, hub, message, most_streams
from fablab.pages.rules import Viewer, told
from fablab.web import stopping
from fablab.web.api import rfc3339

FRESH_S = 0.5
"""The cards are gathered at most so often, however many events come."""
STALE_S = 20.0
"""They are gathered again after so long without an event: bookings begin and end by the clock alone."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The wall as one viewer sees it: the markup of counts and cards, and which cards stand in which group."""

    layout: str
    parts: dict[str, str]


class Board:
    """The newest cards, gathered once for all streams of the process, and drawn once for all who see the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cards: tuple[service.Card, ...] = ()
        self._at = float("-inf")
        self._event = -1
        self._drawn: dict[tuple[Any, ...], Drawn] = {}

    def drawn(self, viewer: Viewer, televised: bool, newest: int) -> Drawn:
        """The wall for `viewer`, not older than event `newest` but for FRESH_S. Needs a request and its language."""
        key = (viewer, televised, words.language())
        with self._lock:
            age = time.monotonic() - self._at
            if age > STALE_S or (newest > self._event and age > FRESH_S):
                cards = service.cards(clock.now())
                if cards != self._cards:
                    self._cards, self._drawn = cards, {}
                self._at, self._event = time.monotonic(), newest
            if key not in self._drawn:
                self._drawn[key] = _draw(self._cards, viewer, televised)
            return self._drawn[key]


def init_app(app: Flask) -> None:
    """One board for the application."""
    app.extensions["fablab_board"] = Board()


def tags(viewer: Viewer, televised: bool) -> list[service.Tag]:
    """The wall now, as `viewer` may see it; a television shows the machines alone, where there are any."""
    return _chosen(service.cards(clock.now()), viewer, televised)


def event_stream(viewer: Viewer, after: int | None) -> Response:
    """The events that `viewer` may hear, after `after` (None: from now on). Raises Unavailable when it is full."""
    source = hub()
    newest = events.newest_id()
    start = newest if after is None else min(after, newest)

    def flow() -> Iterator[str]:
        last = start
        yield message_of_nothing(last)  # at once, so that proxies and clients see that the line stands
        for batch in _batches(source, start, HEARTBEAT_S):
            for one in batch:
                last = one.id
                shown = told(one.kind, one.data, viewer)
                if shown is not None:
                    yield _event(one, shown)
            if not batch:
                yield message_of_nothing(last)

    return _streamed(source, flow)


def wall_stream(viewer: Viewer, televised: bool) -> Response:
    """Changed cards for htmx to swap in, from now on. Raises Unavailable when there are too many streams."""
    source, board = hub(), current_app.extensions["fablab_board"]
    application, environ = current_app._get_current_object(), request.environ  # type: ignore[attr-defined]  # werkzeug's proxy
    language, newest = words.language(), events.newest_id()

    def draw(event_id: int) -> Drawn:
        with application.request_context(environ), force_locale(language):
            found: Drawn = board.drawn(viewer, televised, event_id)
            return found

    return _streamed(source, lambda: _wall(source, draw, newest))


def _wall(source: Hub, draw: Callable[[int], Drawn], newest: int) -> Iterator[str]:
    shown = draw(newest)
    yield message("".join(shown.parts.values()))
    for batch in _batches(source, newest, 2 * FRESH_S):
        newest = batch[-1].id if batch else newest
        now = draw(newest)
        if now.layout != shown.layout:
            yield message("", "layout")
            return
        changed = "".join(part for name, part in now.parts.items() if shown.parts.get(name) != part)
        yield message(changed) if changed else ""
        shown = now


def message_of_nothing(last: int) -> str:
    """A heartbeat that also moves on what a broken stream resumes after."""
    return f": still here\nid: {last}\n\n"


def _batches(source: Hub, after: int, every: float) -> Iterator[list[Happened]]:
    """What happened, batch by batch; an empty one at least each `every` seconds. Ends with the stream's life."""
    end = time.monotonic() + LIFE_S
    while not stopping.FLAG.is_set() and time.monotonic() < end:
        batch = source.wait(after, every)
        after = batch[-1].id if batch else after
        yield batch


def _streamed(source: Hub, flow: Callable[[], Iterator[str]]) -> Response:
    source.listen(most_streams())
    response = Response((part for part in flow() if part), mimetype="text/event-stream")
    response.call_on_close(source.leave)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _event(one: Happened, shown: dict[str, Any]) -> str:
    body = {"id": str(one.id), "at": rfc3339(one.at), "kind": one.kind, "data": shown}
    return message(json.dumps(body, ensure_ascii=False, separators=(",", ":")), one.kind, one.id)


def _chosen(cards: tuple[service.Card, ...], viewer: Viewer, televised: bool) -> list[service.Tag]:
    machines = [one for one in cards if one.kind == "machine"]
    return [service.seen_by(one, viewer) for one in (machines if televised and machines else cards)]


def _draw(cards: tuple[service.Card, ...], viewer: Viewer, televised: bool) -> Drawn:
    chosen = _chosen(cards, viewer, televised)
    parts = {str(one.id): str(drawing.card(one, swap=True)) for one in chosen}
    parts["counts"] = render_template("pages/counts.html", counts=service.counts(chosen), swap=True)
    return Drawn(layout=repr([(one.id, one.kind, one.place_id) for one in chosen]), parts=parts)
