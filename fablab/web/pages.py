"""What every template can use: the lab, the acting person, words, times in the lab's zone."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from flask import Flask
from markupsafe import Markup

from fablab.core import clock, words
from fablab.web import errors
from fablab.web.access import present_actor


def init_app(app: Flask) -> None:
    """Registers globals and filters of the templates."""
    app.jinja_env.globals.update(
        lab=lambda: words.config().lab,
        is_demo=lambda: words.config().demo,
        actor=present_actor,
        now=clock.now,
        denial_view=errors.denial_json,
        time_of_day=lambda at: _element(at, _clock),
        time_of_moment=lambda at: _element(at, _moment),
        time_of_date=lambda at: _element(at, _day),
    )
    app.jinja_env.filters.update(
        words=words.text,
        sentence=words.sentence,
        length=words.length,
        day=_day,
        clock=_clock,
        moment=_moment,
        just_before=_just_before,
    )


def _day(at: date, form: str = "EEEE d MMMM") -> str:
    """A day, or that of an instant in the lab's zone."""
    return words.shown(at, form)


def _clock(at: datetime) -> str:
    """The time of day of an instant in the lab's zone."""
    return words.shown(at, "HH:mm")


def _moment(at: datetime) -> str:
    """Day and time of an instant in the lab's zone."""
    return words.shown(at, "EEE d MMM, HH:mm")


def _just_before(at: datetime) -> datetime:
    """The last instant before an end: an end at midnight belongs to the day before."""
    return at - timedelta(microseconds=1)


def _element(at: datetime | None, text: Callable[[datetime], str]) -> Markup:
    """An instant as <time>, a dash for none. Functions, as macros that are called for each of many rows cost most."""
    return Markup("–") if at is None else Markup('<time datetime="%s">%s</time>') % (at.isoformat(), text(at))
