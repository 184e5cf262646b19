"""Bookings whose certification is missing: at risk, then cancelled or safe; on both databases, late and twice."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.certifications import clocks, granting, requirements, suspending
from fablab.certifications.models import Certification
from fablab.certifications.rules import Every, Held
from fablab.core import audit, outbox
from fablab.core.actor import Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import at_risk, presence, service, waiting
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, Reservation, ReservationState, WaitingEntry
from fablab.reservations.wishes import Extras
from fablab.resources import service as resources
from fablab.resources.models import Kind, Resource, ResourceGroup
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.reservations.test_lifecycle_race import at_once

pytestmark = pytest.mark.usefixtures("app")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STAFF = system("cli")
TEN = NOW + HOUR
"""10:00 in Paris."""
GRACE = timedelta(hours=72)


class Lab:
    """A laser that asks for a certification, a person who holds it, a manager who is told."""

    def __init__(self) -> None:
        self.laser = make.make_machine()
        self.basics = make.make_certification()
        make.require_certification(self.laser, self.basics)
        self.ada = make.make_person(name="Ada")
        self.grant = make.make_grant(self.ada, self.basics)
        self.manager = make.make_person(role=Role.MANAGER, name="Mia")

    def book(self, days: float, resources: list[Resource] | None = None, person: Person | None = None) -> int:
        begin = TEN + days * DAY
        return make.make_reservation(person or self.ada, resources or [self.laser], begin, begin + HOUR).id

    def revoke(self, now: Any = NOW) -> None:
        granting.revoke(STAFF, self.grant.id, "left it running", now)

    def renew(self, now: Any) -> None:
        granting.grant(STAFF, self.basics.id, self.ada.id, "refresher", now)


@pytest.fixture
def lab(app: Flask) -> Lab:
    return Lab()


def found(ident: int) -> Reservation:
    db.session.rollback()
    return db.session.get_one(Reservation, ident, populate_existing=True)


def marked(*idents: int) -> list[bool]:
    return [at_risk.is_at_risk(found(ident)) for ident in idents]


def told(message: str) -> list[tuple[int | None, dict[str, Any]]]:
    db.session.rollback()
    query = select(Notice.person_id, Notice.params).where(Notice.message == message).order_by(Notice.id)
    return [(person_id, params or {}) for person_id, params in db.session.execute(query)]


def kinds() -> list[str]:
    db.session.rollback()
    query = select(Event.kind).where(Event.kind.startswith("reservation.")).order_by(Event.id)
    return list(db.session.scalars(query))


# -- marking ----------------------------------------------------------------------------------------------------------


def test_a_withdrawn_certification_puts_what_is_to_come_at_risk(lab: Lab) -> None:
    first, second, other = lab.book(1), lab.book(5), lab.book(2, [make.make_machine()])
    lab.revoke()
    assert [at_risk.judge(NOW + HOUR), at_risk.judge(NOW + HOUR), at_risk.judge(NOW + DAY)] == [2, 0, 0]
    assert marked(first, second, other) == [True, True, False]
    assert found(first).at_risk_since == NOW + HOUR
    assert found(first).state is ReservationState.BOOKED
    assert kinds() == ["reservation.at_risk"] * 2
    entry = audit.history("reservation", str(first))[0]
    assert (entry.action, entry.via) == ("reservation.at_risk", "job")
    assert (entry.after or {})["certification_ids"] == [str(lab.basics.id)]


def test_the_person_and_the_managers_are_told_once_of_all(lab: Lab) -> None:
    first, second = lab.book(1), lab.book(5)
    lab.revoke()
    at_risk.judge(NOW + HOUR)
    [(receiver, said)] = told("reservations_at_risk")
    assert receiver == lab.ada.id
    assert [one["reservation_id"] for one in said["risks"]] == [first, second]
    assert [one["release_at"] for one in said["risks"]] == [
        (TEN + DAY).isoformat().replace("+00:00", "Z"),
        (NOW + HOUR + GRACE).isoformat().replace("+00:00", "Z"),
    ]
    assert said["certifications"] == [lab.basics.name]
    [(receiver, said)] = told("reservations_at_risk_of")
    assert (receiver, said["person"], len(said["risks"])) == (lab.manager.id, "Ada", 2)


def test_what_has_begun_or_is_over_stays(lab: Lab) -> None:
    over, running = lab.book(-1), lab.book(0)
    lab.revoke()
    assert at_risk.judge(TEN) == 0
    assert marked(over, running) == [False, False]


def test_a_period_that_passes_puts_it_at_risk(lab: Lab) -> None:
    ident = lab.book(10)
    with transaction():
        db.session.merge(lab.grant).valid_until = NOW + 5 * DAY
    assert clocks.note_ends(NOW + 5 * DAY) == 1
    assert at_risk.judge(NOW + 5 * DAY) == 1
    assert marked(ident) == [True]


def test_who_holds_it_otherwise_is_not_at_risk(lab: Lab) -> None:
    ident = lab.book(10)
    make.make_grant(lab.ada, lab.basics)
    lab.revoke()
    assert at_risk.judge(NOW) == 0
    assert marked(ident) == [False]


def test_it_is_at_risk_where_the_other_grant_ends_before_it_begins(lab: Lab) -> None:
    soon, late = lab.book(1), lab.book(10)
    make.make_grant(lab.ada, lab.basics, valid_until=NOW + 5 * DAY)
    lab.revoke()
    assert at_risk.judge(NOW) == 1
    assert marked(soon, late) == [False, True]


def test_what_is_held_back_is_at_risk_until_it_counts_again(lab: Lab) -> None:
    ident = lab.book(3)
    held = suspending.suspend(STAFF, lab.basics.id, lab.ada.id, "a talk", NOW)
    assert at_risk.judge(NOW) == 1
    suspending.lift(STAFF, held.id, "", NOW + HOUR)
    assert at_risk.judge(NOW + HOUR) == 1
    assert marked(ident) == [False]
    assert found(ident).at_risk_since is None
    [(receiver, said)] = told("reservations_safe")
    assert (receiver, [one["reservation_id"] for one in said["risks"]]) == (lab.ada.id, [ident])


def test_another_requirement_puts_everybody_without_it_at_risk(lab: Lab) -> None:
    drill, safety = make.make_machine("Drill"), make.make_certification("Safety")
    eve = make.make_person()
    make.make_grant(eve, safety)
    mine, hers = lab.book(1, [drill]), lab.book(2, [drill], eve)
    requirements.require(STAFF, Resource, drill.id, Every((Held(safety.id),)), NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(mine, hers) == [True, False]
    requirements.require(STAFF, Resource, drill.id, Every(), NOW + HOUR)
    assert at_risk.judge(NOW + HOUR) == 1
    assert marked(mine) == [False]


def test_the_requirement_of_a_group_counts_too(lab: Lab) -> None:
    group = make.save(ResourceGroup(name=make.texts("Saws")))
    saw = make.make_machine("Saw", group_id=group.id)
    ident = lab.book(1, [saw])
    safety = make.make_certification("Safety")
    requirements.require(STAFF, ResourceGroup, group.id, Every((Held(safety.id),)), NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_a_machine_that_moves_to_another_group_asks_for_what_that_asks_for(lab: Lab) -> None:
    group, safety = make.save(ResourceGroup(name=make.texts("Saws"))), make.make_certification("Safety")
    requirements.require(STAFF, ResourceGroup, group.id, Every((Held(safety.id),)), NOW)
    saw = make.make_machine("Saw")
    ident = lab.book(1, [saw])
    resources.change(make.make_actor(lab.manager), saw.id, {"group_id": group.id}, NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_everybody_is_looked_at_where_the_row_names_nobody(lab: Lab) -> None:
    ident = lab.book(1)
    with transaction():
        db.session.delete(db.session.merge(lab.grant))
        outbox.put(at_risk.KIND, "all", {"person_id": None, "resource_id": None}, NOW)
    assert at_risk.judge(NOW) == 1
    assert marked(ident) == [True]


def test_what_a_whole_room_holds_along_is_not_asked_for(lab: Lab) -> None:
    place = make.make_place()
    hall = make.make_machine("Hall", kind=Kind.ROOM, place_id=place.id)
    saw = make.make_machine("Saw", place_id=place.id)
    make.require_certification(saw, make.make_certification("Saws"))
    begin = TEN + DAY
    ident = make.make_reservation(lab.ada, [hall, saw], begin, begin + HOUR, exclusive=True).id
    with transaction():
        outbox.put(at_risk.KIND, "all", {}, NOW)
    assert at_risk.judge(NOW) == 0
    assert marked(ident) == [False]


def test_requests_and_offers_are_judged_when_they_are_accepted(lab: Lab) -> None:
    for state in (ReservationState.REQUESTED, ReservationState.HELD):
        begin = TEN + DAY
        machine = make.make_machine()
        make.require_certification(machine, lab.basics)
        make.make_reservation(lab.ada, [machine], begin, begin + HOUR, state=state)
    lab.revoke()
    assert at_risk.judge(NOW) == 0


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


def test_the_questions_are_as_many_for_many_bookings_as_for_few(lab: Lab, count_queries: CountQueries) -> None:
    counts: list[int] = []
    for size in (2, 40):
        for number in range(size):
            lab.book(1 + number + 50 * len(counts))
        with transaction():
            outbox.put(at_risk.KIND, "all", {}, NOW)
        count_queries()
        assert at_risk.judge(NOW) == 0
        counts.append(count_queries())
    assert counts[1] <= counts[0]


def test_a_certification_that_is_required_in_two_places_is_named_once(lab: Lab) -> None:
    both: list[Certification] = [lab.basics, make.make_certification("Safety")]
    saw = make.make_machine("Saw")
    for one in both:
        make.require_certification(saw, one)
    make.make_grant(lab.ada, both[1], valid_until=NOW + HOUR)
    ident = lab.book(1, [lab.laser, saw])
    lab.revoke()
    at_risk.judge(NOW)
    names = [one.params["certification_name"]["en"] for one in at_risk.reasons([found(ident)])[ident]]
    assert names == ["Laser basics", "Safety"]
