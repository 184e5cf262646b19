"""Trainings, for pages and REST: everything that is done with them, in one place.

Planning is in `planning.py` and `ending.py`, taking part in `enrolling.py`, the sheet in `attendance.py`, reading in
`reading.py`, calendars in `calendar.py`, what goes on by itself in `jobs.py`.
"""

from fablab.training import attendance, calendar, ending, enrolling, planning, reading
from fablab.training.attendance import Missing, Refused, Row, Sheet, Tick
from fablab.training.reading import Coming, Counts, Place
from fablab.training.wishes import DateWish

__all__ = [
    "Coming",
    "Counts",
    "DateWish",
    "Missing",
    "Place",
    "Refused",
    "Row",
    "Sheet",
    "Tick",
    "accept",
    "calendar_of",
    "cancel",
    "certify",
    "change",
    "check",
    "close",
    "coming",
    "counts_of",
    "decline",
    "enrol",
    "enrolments_query",
    "get_enrolment",
    "get_training",
    "had_too_few",
    "line",
    "mark",
    "may_manage",
    "next_trainings",
    "own_enrolments",
    "own_place",
    "plan",
    "public_calendar",
    "publish",
    "reopen",
    "resources_of",
    "sheet",
    "trainings_query",
    "tree_of",
    "withdraw",
]

plan, change, publish = planning.plan, planning.change, planning.publish
cancel, close, reopen = ending.cancel, ending.close, ending.reopen
enrol, check, withdraw = enrolling.enrol, enrolling.check, enrolling.withdraw
accept, decline = enrolling.accept, enrolling.decline
sheet, mark, certify = attendance.sheet, attendance.mark, attendance.certify
get_training, trainings_query, coming = reading.get_training, reading.trainings_query, reading.coming
next_trainings, counts_of, may_manage = reading.next_trainings, reading.counts_of, reading.may_manage
enrolments_query, get_enrolment, line = reading.enrolments_query, reading.get_enrolment, reading.line
own_place, own_enrolments, had_too_few = reading.own_place, reading.own_enrolments, reading.had_too_few
tree_of, resources_of = reading.tree_of, reading.resources_of
calendar_of, public_calendar = calendar.file_of, calendar.public_calendar
