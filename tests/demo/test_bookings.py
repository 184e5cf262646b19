"""Every part of the booking engine is there to be seen in the demo lab."""

import shutil
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from fablab.app import create_app
from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.config import Config
from fablab.core.db import db
from fablab.core.errors import Denied
from fablab.demo import service
from fablab.demo.bookings import HELD
from fablab.demo.places import CERTIFICATIONS
from fablab.demo.resources import RESOURCES
from fablab.demo.world import imagine
from fablab.people.models import Person
from fablab.reservations import (
    agenda,
    day_sheet,
    finding,
    inbox,
    offers,
    placing,
    policies,
    presence,
    recurrence,
    requests,
    series,
    story,
    waiting,
)
from fablab.reservations.finding import Asked
from fablab.reservations.models import (
    ArrivedBy,
    Let,
    Reservation,
    ReservationSeries,
    ReservationState,
    SkippedOccurrence,
)
from fablab.reservations.overriding import OVERRIDABLE
from fablab.reservations.policy import Supervision
from fablab.reservations.showing import Act
from fablab.resources.models import Kind, Resource
from tests.demo.conftest import NOW
from tools import screenshots


def of_state(state: ReservationState) -> list[Reservation]:
    query = select(Reservation).where(Reservation.state == state).order_by(Reservation.id)
    return list(db.session.scalars(query))


def person_of(seeded: service.Demo, role: Role) -> Person:
    email = next(login.email for login in seeded.logins if login.role == role.value)
    return db.session.scalars(select(Person).where(Person.email == email)).one()


def test_bookings_have_every_state(seeded: service.Demo) -> None:
    states = set(db.session.scalars(select(Reservation.state)))
    assert states == set(ReservationState)
    came = set(db.session.scalars(select(Reservation.arrived_by)))
    assert {ArrivedBy.BADGE, ArrivedBy.USAGE, ArrivedBy.PAGE} <= came
    late = db.session.scalars(select(Reservation).where(Reservation.late_cancelled)).all()
    assert late
    for one in late:
        assert one.state is ReservationState.CANCELLED
        assert one.ended_at is not None
        assert timedelta(0) < one.starts_at - one.ended_at < timedelta(hours=2)
    for one in of_state(ReservationState.FINISHED):
        assert one.started_at is not None
        assert one.ended_at is not None
        assert one.ended_at <= NOW
        assert one.arrived_by is not None


def test_requests_wait_for_an_answer_and_collide(seeded: service.Demo) -> None:
    first, second = of_state(ReservationState.REQUESTED)
    assert first.starts_at < second.ends_at
    assert second.starts_at < first.ends_at
    assert {one.person_id for one in (first, second)} > {person_of(seeded, Role.MAKER).id}
    assert [one.reservation.id for one in inbox.inbox(requests.pending())] == [first.id, second.id]
    (turned_down,) = of_state(ReservationState.REJECTED)
    assert turned_down.end_reason
    assert turned_down.ended_by_id == person_of(seeded, Role.MANAGER).id


def test_an_offer_stands_for_a_login_and_another_one_waits_behind(seeded: service.Demo) -> None:
    (held,) = of_state(ReservationState.HELD)
    maker = person_of(seeded, Role.MAKER)
    assert held.person_id == maker.id
    assert held.held_until is not None
    assert NOW < held.held_until <= held.starts_at
    line = waiting.line(held.allocations[0].resource_id)
    assert [(one.entry.offer_id, one.position) for one in line] == [(held.id, None), (None, 1)]
    (offer,) = agenda.agenda(Actor(maker.id, Role.MAKER, "web"), NOW).offers
    assert Act.ANSWER in offer.acts
    accepted = offers.accept_hold(Actor(maker.id, Role.MAKER, "web"), held.id, NOW)
    assert accepted.state is ReservationState.BOOKED


def test_a_weekly_course_has_a_date_that_was_skipped(seeded: service.Demo) -> None:
    (course,) = db.session.scalars(select(ReservationSeries))
    dates = db.session.scalars(
        select(Reservation).where(Reservation.series_id == course.id).order_by(Reservation.starts_at)
    ).all()
    (skipped,) = db.session.scalars(select(SkippedOccurrence))
    rule = recurrence.parse(course.rule)
    expected = recurrence.occurrences(rule, course.starts_at, course.minutes, ZoneInfo(course.zone))
    assert [*(one.occurrence_at for one in dates), skipped.occurrence_at] == [one.starts_at for one in expected]
    assert [one["code"] for one in skipped.denials] == ["slot_taken"]
    assert {one.state for one in dates} == {ReservationState.FINISHED, ReservationState.BOOKED}
    with pytest.raises(Denied):
        series.readd(Actor(course.person_id, Role.INSTRUCTOR, "web"), skipped.id, NOW)


def test_offices_are_let_with_keys_and_deposit(seeded: service.Demo) -> None:
    running, ending = db.session.scalars(select(Let).order_by(Let.reservation_id))
    assert running.keys
    assert ending.keys
    assert running.deposit > 0
    assert (running.notice_given_at, ending.notice_given_at) != (None, None)
    sheet = day_sheet.day_sheet(NOW.date())
    assert [one.id for one in sheet.lets] == [ending.reservation_id]


def test_a_whole_room_is_held_with_all_that_is_in_it(seeded: service.Demo) -> None:
    (visit,) = db.session.scalars(select(Reservation).where(Reservation.exclusive))
    (room,) = placing.asked_of(visit)
    held = {one.resource_id for one in visit.allocations}
    assert held == {room, *placing.whole([room])[1]}
    assert len(held) > 5


def test_the_staff_gave_reasons(seeded: service.Demo) -> None:
    behalf = db.session.scalars(select(Reservation).where(Reservation.on_behalf_reason != "")).all()
    assert len(behalf) >= 3
    assert all(one.created_by_id not in (None, one.person_id) for one in behalf)
    aside = [one for one in db.session.scalars(select(Reservation)) if one.overrides]
    assert any(one.let is None for one in aside)
    for one in aside:
        booker = db.session.get_one(Person, one.created_by_id)
        assert {rule["code"] for rule in one.overrides} <= OVERRIDABLE[booker.role]
        assert all(rule["reason"] for rule in one.overrides)


def test_the_jobs_find_nothing_to_mend(seeded: service.Demo) -> None:
    """What is over is finished and who has his time now is there: nothing is released as soon as the demo runs."""
    assert presence.finish_past(NOW) == 0
    assert presence.release_no_shows(NOW) == 0
    assert offers.expire_holds(NOW) == 0
    assert waiting.end_stale(NOW) == 0


def test_nobody_works_at_the_saw_alone(seeded: service.Demo) -> None:
    saw = next(number for number, one in enumerate(RESOURCES, 1) if one.key == "saw")
    found = db.session.scalars(select(Reservation).where(Reservation.allocations.any(resource_id=saw))).all()
    assert len(found) > 10
    resource, person = db.session.get_one(Resource, saw), person_of(seeded, Role.MAKER)
    assert policies.policy_for([resource], person)[saw].policy.supervision is Supervision.BUDDY
    assert all(one.companions and one.party_size == 2 for one in found)


def test_every_booking_that_is_told_has_its_history(seeded: service.Demo) -> None:
    maker = person_of(seeded, Role.MAKER)
    own = db.session.scalars(select(Reservation).where(Reservation.person_id == maker.id)).all()
    assert len(own) > 3
    for one in own:
        lines = story.story(Actor(maker.id, Role.MAKER, "web"), one)
        assert lines
        assert [line.at for line in lines] == sorted(line.at for line in lines)
        assert lines[0].at == one.created_at


def test_the_logins_may_book(seeded: service.Demo) -> None:
    """Nobody is suspended, certified for too little or out of limits: each login finds a time on a printer."""
    printer = db.session.scalars(select(Resource).where(Resource.kind == Kind.MACHINE).order_by(Resource.id)).first()
    assert printer is not None
    for role in Role:
        person = person_of(seeded, role)
        actor, until = Actor(person.id, role, "web"), NOW + timedelta(days=7)
        assert finding.find(actor, person.id, Asked(resource_ids=[printer.id], minutes=60, from_=NOW, to=until), NOW)


def test_seeding_twice_writes_the_same(sqlite_config: Config, tmp_path: Path, migrated_sqlite: Path) -> None:
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(migrated_sqlite, folder / "lab.db")
        config = sqlite_config.with_changes(database={"url": f"sqlite:///{folder}/lab.db"})
        with create_app(config).app_context():
            service.seed(config, 3, NOW, password_hash="hash")
            last = select(audit.AuditEntry.hash).order_by(audit.AuditEntry.id.desc()).limit(1)
            rows = db.session.execute(select(Reservation.id, Reservation.state, Reservation.starts_at)).all()
            written.append((db.session.scalar(last), [tuple(row) for row in rows]))
            db.session.remove()
            db.engine.dispose()
    assert written[0] == written[1]


@pytest.mark.parametrize("number", range(7))
def test_nobody_is_at_two_things_at_once(sqlite_config: Config, number: int) -> None:
    """But for offices, which firms keep while they work elsewhere, and what somebody waits for."""
    offices = {place for place, seed in enumerate(RESOURCES, 1) if seed.kind is Kind.OFFICE}
    spans: dict[int, list[tuple[datetime, datetime]]] = {}
    for one in imagine(sqlite_config, number, NOW + timedelta(days=number)).diary.bookings:
        if one.state in HELD and not offices & set(one.resources):
            for person in (one.person, *one.companions):
                spans.setdefault(person, []).append((one.starts_at, one.ends_at))
    for mine in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(mine)))


@pytest.mark.parametrize("number", [1, 7])
def test_the_pictures_find_what_they_show(sqlite_config: Config, number: int) -> None:
    world = imagine(sqlite_config, number, NOW)
    assert world.diary.bookings[screenshots.LET - 1].let
    assert [RESOURCES[one - 1].key for one in (screenshots.LASER, screenshots.VINYL, screenshots.MILL)] == [
        "laser-1",
        "vinyl",
        "cnc",
    ]
    assert CERTIFICATIONS[screenshots.SAFETY - 1].key == "laser_safety"
    titles = [one["title"]["en"] for one in world.taught.trainings]
    assert titles[screenshots.SHEET - 1] == "3D printing"
    assert titles[screenshots.FULL - 1] == "The mill, second round"
    assert [one["id"] for one in world.scenes.series] == [1]
