"""What every template can use: the lab, the acting person, words, times in the lab's zone."""

from datetime import datetime

from flask import Flask
from flask_babel import format_date, format_datetime, format_time

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
    )
    app.jinja_env.filters.update(
        words=words.text, sentence=words.sentence, length=words.length, day=_day, clock=_clock, moment=_moment
    )


def _day(at: datetime, form: str = "EEEE d MMMM") -> str:
    """The day of an instant in the lab's zone."""
    return format_date(at, form) if not isinstance(at, datetime) else format_datetime(at, form)


def _clock(at: datetime) -> str:
    """The time of day of an instant in the lab's zone."""
    return format_time(at, "HH:mm")


def _moment(at: datetime) -> str:
    """Day and time of an instant in the lab's zone."""
    return format_datetime(at, "EEE d MMM, HH:mm")
