"""Markup that is drawn once and shown to all who see the same: the cards of the wall, the coming days of a machine.

Both are values, so what was drawn of an equal one before, in the same language, is still right. Most of them stay as
they are from one look to the next.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, render_template
from markupsafe import Markup

from fablab.core import clock, words
from fablab.pages.resources import Day
from fablab.pages.service import Tag

KEPT = 2048

Draw = Callable[..., Markup]


def init_app(app: Flask) -> None:
    """What the application has drawn, and for templates the functions `card` and `coming_day` of this module."""
    app.extensions["fablab_drawn"] = lru_cache(maxsize=KEPT)(_draw)
    app.jinja_env.globals.update(card=card, coming_day=coming_day)


def card(one: Tag, swap: bool) -> Markup:
    """The card of one resource; with `swap` it takes the place of the one that is there."""
    today = clock.now().astimezone(words.config().lab.zone).date()
    return _drawn("pages/card.html", one=one, swap=swap, today=today)


def coming_day(one: Day, resource_id: int, bookable: bool) -> Markup:
    """A coming day on the page of a resource; `bookable`: the resource is in service."""
    return _drawn("resources/day.html", one=one, resource_id=resource_id, bookable=bookable)


def _drawn(template: str, **values: Any) -> Markup:
    draw: Draw = current_app.extensions["fablab_drawn"]
    return draw(template, words.language(), **values)


def _draw(template: str, _language: str, **values: Any) -> Markup:
    return Markup(render_template(template, **values))
