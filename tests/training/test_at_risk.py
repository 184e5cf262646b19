"""The room of a training whose instructor's certification is missing: told, and left to the staff."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from fablab.certifications import granting
from fablab.certifications.models import Grant
from fablab.core.actor import system
from fablab.core.db import db
from fablab.reservations import at_risk
from fablab.reservations.models import Reservation, ReservationState
from fablab.training import jobs
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import START, make_lab, plan, told

pytestmark = pytest.mark.usefixtures("app")
STAFF = system("cli")


def test_the_room_of_a_training_is_not_given_up() -> None:
    lab = make_lab()
    make.require_certification(lab.machine, lab.laser)
    plan(lab, START)
    mine = db.session.scalars(select(Grant).where(Grant.person_id == lab.instructor.id)).one()
    granting.revoke(STAFF, mine.id, "left it running", NOW)
    assert jobs.judge_at_risk(NOW) == 1
    booking = db.session.scalars(select(Reservation)).one()
    assert at_risk.is_at_risk(booking)
    assert jobs.release_at_risk(START + timedelta(days=9)) == 0
    db.session.rollback()
    assert db.session.scalars(select(Reservation.state)).one() is ReservationState.BOOKED
    assert len(told("reservations_at_risk_of")) == 1


def test_what_no_training_holds_is() -> None:
    lab, person = make_lab(), make.make_person()
    make.require_certification(lab.machine, lab.laser)
    given = make.make_grant(person, lab.laser)
    make.make_reservation(person, [lab.machine], START, START + timedelta(hours=1))
    granting.revoke(STAFF, given.id, "left it running", NOW)
    assert jobs.judge_at_risk(NOW) == 1
    assert jobs.release_at_risk(START) == 1
