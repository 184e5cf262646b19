"""The timetable: which services run by themselves, and how often. What is due, each finds in the database itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.certifications import clocks
from fablab.core import housekeeping
from fablab.notices import delivery
from fablab.notices import service as notices
from fablab.people import signin
from fablab.reservations import offers, presence, requests, waiting
from fablab.training import jobs as trainings
from fablab.usage import overruns, recording


@dataclass(frozen=True, slots=True)
class Job:
    """`run` takes the present instant and counts what it did. It must bear being run twice and being killed."""

    name: str
    every: timedelta
    run: Callable[[datetime], int]


TIMETABLE = (
    Job("deliver-notices", timedelta(seconds=5), delivery.deliver),
    Job("expire-holds", timedelta(seconds=20), offers.expire_holds),
    Job("release-no-shows", timedelta(seconds=30), trainings.release_no_shows),
    Job("warn-overruns", timedelta(seconds=30), overruns.warn_overruns),
    Job("finish-past", timedelta(minutes=1), overruns.finish_past),
    Job("send-reminders", timedelta(minutes=1), presence.remind),
    Job("end-unanswered-requests", timedelta(minutes=1), requests.end_unanswered),
    Job("note-certification-ends", timedelta(minutes=1), clocks.note_ends),
    Job("remind-certification-ends", timedelta(hours=1), clocks.remind_ends),
    Job("judge-at-risk", timedelta(seconds=10), trainings.judge_at_risk),
    Job("release-at-risk", timedelta(minutes=1), trainings.release_at_risk),
    Job("end-stale-waiting", timedelta(minutes=10), waiting.end_stale),
    Job("decide-trainings", timedelta(minutes=1), trainings.decide),
    Job("expire-training-offers", timedelta(seconds=20), trainings.expire_offers),
    Job("remind-of-trainings", timedelta(minutes=1), trainings.remind),
    Job("end-abandoned-sessions", timedelta(minutes=1), recording.end_abandoned),
    Job("forget-delivered", timedelta(hours=1), housekeeping.forget_delivered),
    Job("forget-sign-in-failures", timedelta(hours=1), signin.forget_failures),
    Job("forget-old-notices", timedelta(hours=6), notices.forget_old),
)
