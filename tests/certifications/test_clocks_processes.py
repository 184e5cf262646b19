"""The jobs of the clocks in two processes at once, on both databases: each thing happens and is told once."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.certifications import granting
from fablab.core.actor import Role, system
from fablab.core.config import Config
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.reservations.models import Reservation, ReservationState
from tests import factories as make
from tests.factories import NOW
from tests.meta.tree import ROOT

pytestmark = pytest.mark.slow
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PEOPLE = 40
STAFF = system("cli")

Keepers = list[subprocess.Popen[str]]


@pytest.fixture
def keepers(app: Flask, config: Config) -> Iterator[Keepers]:
    """Two processes that run jobs; ended afterwards."""
    file, url = str(config.base_dir / "config.toml"), config.database.url
    command = [sys.executable, "-m", "tests.certifications.timekeeper", file, url]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(2)]
    try:
        assert [line(one) for one in started] == ["ready"] * 2
        yield started
        for one in started:
            one.communicate(timeout=30)
            assert one.returncode == 0
    finally:
        for one in started:
            one.kill()
            one.communicate()


def line(keeper: subprocess.Popen[str]) -> str:
    assert keeper.stdout is not None
    return keeper.stdout.readline().rstrip("\n")


def run(keepers: Keepers, job: str, at: datetime) -> int:
    """What both counted together; they begin at the same moment."""
    db.session.rollback()
    for one in keepers:
        assert one.stdin is not None
        one.stdin.write(f"{job} {at.isoformat()}\n")
        one.stdin.flush()
    count = sum(int(line(one)) for one in keepers)
    db.session.rollback()
    return count


def told(message: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Notice).where(Notice.message == message)) or 0


def test_reminders_and_ends_are_told_once(keepers: Keepers) -> None:
    laser = make.make_certification()
    for _ in range(PEOPLE):
        make.make_grant(make.make_person(), laser, valid_until=NOW + 60 * DAY)
    for days in (31, 32, 54, 55):
        run(keepers, "remind-certification-ends", NOW + days * DAY)
    for _ in range(3):
        run(keepers, "remind-certification-ends", NOW + 55 * DAY)
        run(keepers, "note-certification-ends", NOW + 61 * DAY)
    assert told("certification_lapsing") == 2 * PEOPLE
    assert told("certification_ended") == PEOPLE


def test_bookings_are_marked_and_cancelled_once(keepers: Keepers) -> None:
    laser, basics = make.make_machine(), make.make_certification()
    make.require_certification(laser, basics)
    make.make_person(role=Role.MANAGER)
    for number in range(PEOPLE):
        person = make.make_person()
        given = make.make_grant(person, basics)
        begin = NOW + 20 * DAY + number * HOUR
        make.make_reservation(person, [laser], begin, begin + HOUR)
        granting.revoke(STAFF, given.id, "x", NOW)
    assert run(keepers, "judge-at-risk", NOW) == PEOPLE
    assert run(keepers, "release-at-risk", NOW + 71 * HOUR) == 0
    assert run(keepers, "release-at-risk", NOW + 72 * HOUR) == PEOPLE
    assert run(keepers, "release-at-risk", NOW + 72 * HOUR) == 0
    states = set(db.session.scalars(select(Reservation.state)))
    assert states == {ReservationState.CANCELLED}
    names = ("reservations_at_risk", "reservations_at_risk_of", "reservations_lost")
    assert [told(name) for name in names] == [PEOPLE] * 3
