"""What becomes of a booking at risk: cancelled or safe; jobs that are late, killed, or run at once; both databases."""

from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.certifications import granting
from fablab.core.db import db
from fablab.core.errors import Conflict
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from fablab.reservations import at_risk, presence, service, waiting
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, Reservation, ReservationState, WaitingEntry
from fablab.reservations.wishes import Extras
from tests import factories as make
from tests.factories import NOW
from tests.reservations.risk_lab import DAY, GRACE, HOUR, STAFF, TEN, Lab, found, kinds, marked, told
from tests.reservations.test_lifecycle_race import at_once

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def lab(app: Flask) -> Lab:
    return Lab()


# -- what becomes of it -----------------------------------------------------------------------------------------------


def test_it_is_cancelled_after_the_grace_time_and_counts_as_nothing(lab: Lab) -> None:
    ident = lab.book(20)
    lab.revoke()
    at_risk.judge(NOW)
    end = NOW + GRACE
    assert [at_risk.release(end - HOUR), at_risk.release(end), at_risk.release(end)] == [0, 1, 0]
    gone = found(ident)
    assert (gone.state, gone.late_cancelled, gone.at_risk_since) == (ReservationState.CANCELLED, False, None)
    assert gone.end_reason == "A certification was missing: Laser basics"
    assert gone.ended_by_id is None
    assert db.session.scalars(select(Allocation.id).where(LIVE)).all() == []
    assert kinds() == ["reservation.at_risk", "reservation.cancelled"]
    [(receiver, said)] = told("reservations_lost")
    assert (receiver, [one["reservation_id"] for one in said["risks"]]) == (lab.ada.id, [ident])
    assert told("reservation_cancelled") == told("reservation_released") == []


def test_it_is_cancelled_at_its_start_at_the_latest(lab: Lab) -> None:
    ident = lab.book(1)
    lab.revoke()
    at_risk.judge(NOW)
    begin = TEN + DAY
    assert [at_risk.release(begin - timedelta(seconds=1)), at_risk.release(begin)] == [0, 1]
    assert found(ident).state is ReservationState.CANCELLED


def test_a_job_that_slept_cancels_it_all_the_same_and_it_is_no_missed_booking(lab: Lab) -> None:
    ident = lab.book(1)
    lab.revoke()
    at_risk.judge(NOW)
    late = NOW + 9 * DAY
    assert presence.release_no_shows(late) == 0
    assert at_risk.release(late) == 1
    assert presence.release_no_shows(late) == 0
    assert found(ident).state is ReservationState.CANCELLED


def test_the_time_is_offered_to_who_waits(lab: Lab) -> None:
    eve = make.make_person()
    make.make_grant(eve, lab.basics)
    ident = lab.book(21)
    booked = found(ident)
    begin, end = booked.starts_at, booked.ends_at
    waiting.join(make.make_actor(eve), eve.id, lab.laser.id, begin, end, 60, NOW)
    lab.revoke()
    at_risk.judge(NOW)
    assert at_risk.release(NOW + GRACE) == 1
    entry = db.session.scalars(select(WaitingEntry)).one()
    assert entry.offer_id is not None
    offered = found(entry.offer_id)
    assert (offered.state, offered.person_id) == (ReservationState.HELD, eve.id)


def test_who_is_certified_again_in_time_keeps_it_and_is_told(lab: Lab) -> None:
    ident = lab.book(20)
    lab.revoke()
    at_risk.judge(NOW)
    lab.renew(NOW + DAY)
    assert [at_risk.judge(NOW + DAY), at_risk.judge(NOW + DAY)] == [1, 0]
    assert at_risk.release(NOW + GRACE) == 0
    assert marked(ident) == [False]
    assert len(told("reservations_safe")) == 1
    assert kinds() == ["reservation.at_risk", "reservation.safe"]


def test_it_is_not_cancelled_where_a_renewal_was_not_judged_yet(lab: Lab) -> None:
    """The job that takes the rows was killed, or is late: what is cancelled is judged once more."""
    ident = lab.book(20)
    lab.revoke()
    at_risk.judge(NOW)
    lab.renew(NOW + DAY)
    assert at_risk.release(NOW + GRACE) == 1
    assert found(ident).state is ReservationState.BOOKED
    assert marked(ident) == [False]
    assert len(told("reservations_safe")) == 1
    assert at_risk.judge(NOW + GRACE) == 0


def test_withdrawn_in_the_middle_it_is_at_risk_anew_with_a_new_grace_time(lab: Lab) -> None:
    ident = lab.book(20)
    lab.revoke()
    at_risk.judge(NOW)
    lab.renew(NOW + DAY)
    at_risk.judge(NOW + DAY)
    granting.revoke_all(STAFF, lab.basics.id, lab.ada.id, "again", NOW + 2 * DAY)
    assert at_risk.judge(NOW + 2 * DAY) == 1
    assert [at_risk.release(NOW + GRACE), at_risk.release(NOW + 2 * DAY + GRACE)] == [0, 1]
    assert found(ident).state is ReservationState.CANCELLED
    assert [len(told(f"reservations_{name}")) for name in ("at_risk", "safe", "lost")] == [2, 1, 1]


def test_several_that_are_lost_together_are_told_once_with_one_calendar_file(lab: Lab) -> None:
    idents = [lab.book(days) for days in (20, 21, 22)]
    lab.revoke()
    at_risk.judge(NOW)
    assert at_risk.release(NOW + GRACE) == 3
    assert {found(one).state for one in idents} == {ReservationState.CANCELLED}
    [(_, said)] = told("reservations_lost")
    assert len(said["risks"]) == 3
    calendar = db.session.scalar(select(Notice.calendar).where(Notice.message == "reservations_lost"))
    assert calendar is not None
    assert [one["status"] for one in calendar["events"]] == ["CANCELLED"] * 3


def test_what_the_staff_decides_about_is_kept(lab: Lab) -> None:
    ident = lab.book(1)
    lab.revoke()
    at_risk.judge(NOW, lambda ids: ids)
    assert [one["release_at"] for one in told("reservations_at_risk")[0][1]["risks"]] == [None]
    assert at_risk.release(NOW + 9 * DAY, lambda ids: ids) == 0
    assert marked(ident) == [True]


def test_who_was_let_in_keeps_it(lab: Lab) -> None:
    ident = lab.book(1)
    lab.revoke()
    at_risk.judge(NOW)
    presence.arrived(ident, TEN + DAY - HOUR / 6, ArrivedBy.STAFF, STAFF)
    assert at_risk.release(TEN + DAY) == 0
    assert found(ident).state is ReservationState.BOOKED


def test_who_is_not_certified_does_not_check_in_but_the_staff_may_let_him(lab: Lab) -> None:
    ident = lab.book(1)
    lab.revoke()
    at_risk.judge(NOW)
    soon = TEN + DAY - HOUR / 6
    with force_locale("en"), pytest.raises(Conflict, match="certification is missing"):
        presence.check_in(make.make_actor(lab.ada), ident, soon)
    presence.check_in(make.make_actor(lab.manager), ident, soon)
    assert found(ident).started_at == soon


def test_the_person_may_still_cancel_it(lab: Lab) -> None:
    ident = lab.book(20)
    lab.revoke()
    at_risk.judge(NOW)
    service.cancel(make.make_actor(lab.ada), ident, NOW + HOUR)
    assert marked(ident) == [False]
    assert at_risk.release(NOW + GRACE) == 0


# -- crashes, and at once ---------------------------------------------------------------------------------------------


def test_a_job_that_is_killed_in_the_middle_is_made_up_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ident = lab.book(20)
    lab.revoke()

    def dies(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(at_risk, "notify_staff", dies)
        with pytest.raises(KeyboardInterrupt):
            at_risk.judge(NOW)
    assert marked(ident) == [False]
    assert told("reservations_at_risk") == []
    assert at_risk.judge(NOW + HOUR / 60) == 0, "the row is held by the one that was killed"
    assert at_risk.judge(NOW + HOUR) == 1
    assert len(told("reservations_at_risk")) == 1
    assert (
        db.session.scalars(select(Outbox.id).where(Outbox.kind == "certification", Outbox.done_at.is_(None))).all()
        == []
    )


def test_jobs_that_run_at_once_mark_and_cancel_each_once(app: Flask, lab: Lab) -> None:
    people = [make.make_person() for _ in range(6)]
    idents = []
    for number, one in enumerate(people):
        given = make.make_grant(one, lab.basics)
        idents += [lab.book(20 + 2 * number, person=one), lab.book(21 + 2 * number, person=one)]
        granting.revoke(STAFF, given.id, "x", NOW)
    assert sum(at_once(app, [partial(at_risk.judge, NOW)] * 3)) == 12
    assert len(told("reservations_at_risk")) == len(told("reservations_at_risk_of")) == 6
    assert sum(at_once(app, [partial(at_risk.release, NOW + GRACE)] * 3)) == 12
    assert {found(one).state for one in idents} == {ReservationState.CANCELLED}
    assert len(told("reservations_lost")) == 6
    assert kinds().count("reservation.cancelled") == 12


def test_a_renewal_and_a_cancelling_at_once_never_leave_it_at_risk(app: Flask) -> None:
    then = NOW + GRACE
    for number in range(6):
        lab = Lab()
        ident = lab.book(20)
        lab.revoke()
        at_risk.judge(NOW)
        at_once(app, [partial(at_risk.release, then), partial(lab.renew, then), partial(at_risk.judge, then)])
        db.session.rollback()
        at_risk.judge(then)
        at_risk.release(then)
        row = found(ident)
        assert row.at_risk_since is None
        assert row.state in (ReservationState.BOOKED, ReservationState.CANCELLED)
        lost, safe = len(told("reservations_lost")), len(told("reservations_safe"))
        assert lost + safe == number + 1
        assert (row.state is ReservationState.CANCELLED) is any(
            one[0] == lab.ada.id for one in told("reservations_lost")
        )


def test_a_booking_made_while_it_is_withdrawn_is_refused_or_at_risk(app: Flask, lab: Lab) -> None:
    for number in range(6):
        given = lab.grant if number == 0 else make.make_grant(lab.ada, lab.basics)
        begin = TEN + (number + 1) * DAY
        book = partial(service.book, make.make_actor(lab.ada), lab.ada.id, [lab.laser.id], begin, begin + HOUR)
        at_once(
            app,
            [
                partial(book, Extras(), NOW),
                partial(granting.revoke, STAFF, given.id, "x", NOW),
                partial(at_risk.judge, NOW),
            ],
        )
        db.session.rollback()
        at_risk.judge(NOW)
        db.session.rollback()
        rows = db.session.scalars(select(Reservation).where(Reservation.starts_at == begin)).all()
        assert all(at_risk.is_at_risk(one) for one in rows)
