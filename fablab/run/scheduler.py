"""The jobs process: services on a timetable, in UTC, by one leader. APScheduler only keeps the time.

What is due is found by each job itself in the database, so a missed hour is caught up by the next run, and nothing is
lost when the leader dies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from sqlalchemy.exc import DBAPIError

from fablab.core import clock, schema
from fablab.core.db import db
from fablab.jobs import TIMETABLE, Job
from fablab.run.leader import Leader, leading

log = structlog.get_logger("jobs")

LOOK_S = 0.5


def run(app: Flask, stop: threading.Event, timetable: Sequence[Job] = TIMETABLE) -> None:
    """Work until `stop` is set; while another process leads, wait to take over. Raises SchemaError."""
    with app.app_context():
        schema.check()
        with leading(db.engine) as leader:
            while not stop.is_set():
                if _acquired(leader):
                    _lead(app, leader, stop, timetable)
                stop.wait(LOOK_S)


def _acquired(leader: Leader) -> bool:
    try:
        return leader.acquire()
    except DBAPIError as error:
        log.warning("the database does not answer", error=str(error.orig))
        return False


def _lead(app: Flask, leader: Leader, stop: threading.Event, timetable: Sequence[Job]) -> None:
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1})
    for job in timetable:
        scheduler.add_job(
            perform,
            "interval",
            seconds=job.every.total_seconds(),
            args=(app, job),
            id=job.name,
            misfire_grace_time=None,
        )
    scheduler.start()
    log.info("jobs run here", jobs=len(timetable))
    try:
        while not stop.wait(LOOK_S) and leader.holds():
            pass
    finally:
        scheduler.shutdown(wait=True)


def perform(app: Flask, job: Job) -> None:
    """Run one job once; what goes wrong is logged, and the next run tries again."""
    began = time.monotonic()
    with app.app_context():
        try:
            count = job.run(clock.now())
        except Exception:
            log.exception("job failed", job=job.name)
            return
        finally:
            db.session.remove()
    if count:
        log.info("job done", job=job.name, count=count, seconds=round(time.monotonic() - began, 3))
