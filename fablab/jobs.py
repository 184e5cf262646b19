"""The timetable: which services run by themselves, and how often. What is due, each finds in the database itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.core import housekeeping


@dataclass(frozen=True, slots=True)
class Job:
    """`run` takes the present instant and counts what it did. It must bear being run twice and being killed."""

    name: str
    every: timedelta
    run: Callable[[datetime], int]


TIMETABLE = (Job("forget-delivered", timedelta(hours=1), housekeeping.forget_delivered),)
