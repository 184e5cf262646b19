"""Every part of certifications, quizzes and trainings is there to be seen in the demo lab."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from fablab.certifications import awarding, clocks
from fablab.certifications.facts import facts_of, grants_of
from fablab.certifications.models import Certification, Evidence, Grant, Prerequisite, Requirement, Suspension
from fablab.certifications.rules import Level, ends_by, teaches
from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.audit import AuditEntry
from fablab.core.config import Config
from fablab.core.db import db
from fablab.demo import service
from fablab.demo.learning import NUMBER
from fablab.demo.questions import QUESTIONS
from fablab.demo.resources import RESOURCES
from fablab.demo.world import imagine
from fablab.people.models import Person
from fablab.quizzes import taking
from fablab.quizzes.models import Attempt, Choice, Question
from fablab.reservations import at_risk
from fablab.reservations.models import Reservation, ReservationState
from fablab.resources.models import Kind
from fablab.training import enrolling, jobs
from fablab.training.models import Attendance, Enrolment, Training, TrainingDate, TrainingGrant
from fablab.training.rules import EnrolmentState, Mark, Outcome, TrainingState
from tests.demo.conftest import NOW
from tests.demo.test_bookings import person_of

OFFICES = {number for number, seed in enumerate(RESOURCES, 1) if seed.kind is Kind.OFFICE}


def trainings(state: TrainingState) -> list[Training]:
    return list(db.session.scalars(select(Training).where(Training.state == state).order_by(Training.starts_at)))


def enrolled(training: Training) -> Counter[EnrolmentState]:
    return Counter(db.session.scalars(select(Enrolment.state).where(Enrolment.training_id == training.id)))


def test_certifications_have_levels_clocks_prerequisites_and_ages(seeded: service.Demo) -> None:
    known = list(db.session.scalars(select(Certification)))
    assert {one.level for one in known} == set(Level)
    assert all(
        any(values)
        for values in zip(
            *[
                (one.validity_days, one.validity_months, one.validity_ends_on, one.lapse_after_unused_days, one.min_age)
                for one in known
            ],
            strict=True,
        )
    )
    assert len(list(db.session.scalars(select(Prerequisite)))) > 8


def test_a_machine_asks_for_one_of_two_and_groups_ask_too(seeded: service.Demo) -> None:
    found = list(db.session.scalars(select(Requirement)))
    assert any("any" in str(one.expression) for one in found)
    assert sum(one.group_id is not None for one in found) == 2


def test_grants_stand_on_every_evidence_and_end_in_every_way(seeded: service.Demo) -> None:
    grants = list(db.session.scalars(select(Grant)))
    assert {one.evidence for one in grants} == set(Evidence)
    assert all(one.proof for one in grants if one.evidence is Evidence.RECOGNISED)
    coming = [end[0] - NOW for one in grants if (end := ends_by(facts_of(one))) and end[0] > NOW]
    assert sum(one <= timedelta(days=7) for one in coming) >= 2
    assert sum(timedelta(days=7) < one <= timedelta(days=30) for one in coming) >= 3
    assert sum(one.revoked_at is not None for one in grants) == 2
    assert any(one.end_noted_at for one in grants)
    held_back = [one for one in grants if one.suspended_at]
    known = list(db.session.scalars(select(Suspension)))
    assert all(one.reason for one in known)
    assert [bool(one.ended_at) for one in known].count(False) == len(held_back) == 2
    assert any(one.ended_at and one.end_note for one in known)


def test_instructors_grant_what_they_teach_and_nobody_himself(seeded: service.Demo) -> None:
    people = {one.id: one for one in db.session.scalars(select(Person))}
    held = grants_of(list(people))
    for one in db.session.scalars(select(Grant).where(Grant.granted_by_id.is_not(None))):
        by = people[one.granted_by_id or 0]
        assert by.id != one.person_id
        level, at = one.certification.level, one.granted_at
        assert by.role is Role.MANAGER or teaches(held[by.id], one.certification_id, level, at)


def test_quizzes_have_questions_in_three_languages(seeded: service.Demo) -> None:
    counts = Counter(db.session.scalars(select(Question.certification_id)))
    assert counts == {NUMBER["laser_safety"]: 9, NUMBER["fdm"]: 5}
    for one in [*db.session.scalars(select(Question)), *db.session.scalars(select(Choice))]:
        texts = [one.text, one.explanation] if isinstance(one, Question) else [one.text]
        assert all(set(text) == {"fr", "en", "bg"} and all(text.values()) for text in texts)
    assert all(0 < len(one.right) < len(one.choices) for one in QUESTIONS)


def test_attempts_are_what_their_answers_are_worth(seeded: service.Demo) -> None:
    found = list(db.session.scalars(select(Attempt)))
    assert {one.passed for one in found} == {True, False}
    for one in found:
        lines = taking.lines(one)
        assert one.percent == 100 * sum(line.right for line in lines) // len(lines)


def test_trainings_have_every_state(seeded: service.Demo) -> None:
    assert {one.state for one in db.session.scalars(select(Training))} == set(TrainingState)
    past, other = trainings(TrainingState.CLOSED)
    marks = Counter(db.session.scalars(select(Attendance.mark)))
    assert marks[Mark.PRESENT] == 8
    assert marks[Mark.EXCUSED] == 1
    outcomes = Counter(db.session.scalars(select(Enrolment.outcome)))
    assert (outcomes[Outcome.PASSED], outcomes[Outcome.REPEAT]) == (6, 2)
    given = list(db.session.scalars(select(Grant).join(TrainingGrant, TrainingGrant.grant_id == Grant.id)))
    assert {one.evidence for one in given} == {Evidence.TRAINING}
    assert len(given) == 6
    assert past.ends_at < other.ends_at < NOW
    coming = [one for one in trainings(TrainingState.PUBLISHED) if one.starts_at > NOW]
    assert any(enrolled(one)[EnrolmentState.ENROLLED] < one.places for one in coming)
    assert any(one.decide_at and enrolled(one)[EnrolmentState.ENROLLED] < one.minimum for one in coming)
    assert [len(one.dates) for one in coming if len(one.dates) > 1] == [3]


def test_the_logins_have_something_to_do(seeded: service.Demo) -> None:
    maker, instructor = person_of(seeded, Role.MAKER), person_of(seeded, Role.INSTRUCTOR)
    actor = Actor(maker.id, Role.MAKER, "web")
    (offer,) = db.session.scalars(select(Enrolment).where(Enrolment.state == EnrolmentState.OFFERED))
    assert offer.person_id == maker.id
    assert enrolled(offer.training)[EnrolmentState.WAITING] == 2
    assert enrolling.accept(actor, offer.id, NOW).state is EnrolmentState.ENROLLED
    assert not taking.status(actor, NUMBER["laser_safety"], NOW).denials
    (open_sheet,) = [one for one in trainings(TrainingState.PUBLISHED) if one.ends_at < NOW]
    assert open_sheet.instructor_id == instructor.id
    assert enrolled(open_sheet)[EnrolmentState.ENROLLED] == 4


def test_who_takes_part_may(seeded: service.Demo) -> None:
    """What a training to come asks for is held, but for the quiz; nobody holds already what it gives."""
    query = select(Enrolment).join(Training).where(Training.state == TrainingState.PUBLISHED, Training.starts_at > NOW)
    for one in db.session.scalars(query.where(Enrolment.state.in_(["enrolled", "offered", "waiting"]))):
        found = awarding.obstacles(one.person, one.training.certifications, NOW)
        assert {denial.code for denial in found} <= {"theory_missing", "age_unknown"}


def test_trainings_hold_what_they_need(seeded: service.Demo) -> None:
    for date in db.session.scalars(select(TrainingDate)):
        held = date.reservation
        assert held is not None
        assert (held.starts_at, held.ends_at, held.person_id) == (
            date.starts_at,
            date.ends_at,
            date.training.instructor_id,
        )
        gone = date.training.state is TrainingState.CANCELLED
        assert (held.state is ReservationState.CANCELLED) is gone


def test_a_booking_is_at_risk(seeded: service.Demo) -> None:
    (one,) = db.session.scalars(select(Reservation).where(Reservation.at_risk_since.is_not(None)))
    assert [denial.code for denial in at_risk.reasons([one])[one.id]] == ["certification_suspended"]
    assert NOW < at_risk.release_at(one) <= one.starts_at


def test_the_jobs_find_nothing_to_do(seeded: service.Demo) -> None:
    assert clocks.note_ends(NOW) == 0
    assert clocks.remind_ends(NOW) == 0
    assert jobs.decide(NOW) == jobs.expire_offers(NOW) == jobs.remind(NOW) == 0
    assert jobs.judge_at_risk(NOW) == jobs.release_at_risk(NOW) == 0


def test_the_log_tells_all_of_it(seeded: service.Demo) -> None:
    counts = Counter(db.session.scalars(select(AuditEntry.action)))
    assert counts["grant.given"] == len(list(db.session.scalars(select(Grant.id))))
    assert counts["training.planned"] == len(list(db.session.scalars(select(Training.id))))
    assert counts["enrolment.created"] == len(list(db.session.scalars(select(Enrolment.id))))
    assert counts["certification.suspended"] == 3
    assert counts["certification.resumed"] == 1
    assert counts["quiz.finished"] == len(list(db.session.scalars(select(Attempt.id))))
    assert audit.verify() is None


@pytest.mark.parametrize("number", range(5))
def test_who_takes_part_or_teaches_is_nowhere_else(sqlite_config: Config, number: int) -> None:
    world = imagine(sqlite_config, number, NOW + timedelta(days=number))
    spans: dict[int, list[tuple[datetime, datetime]]] = {}
    dates: dict[int, list[tuple[datetime, datetime]]] = {}
    for row in world.taught.dates:
        dates.setdefault(row["training_id"], []).append((row["starts_at"], row["ends_at"]))
    for row in world.taught.enrolments:
        if row["state"] is EnrolmentState.ENROLLED:
            spans.setdefault(row["person_id"], []).extend(dates[row["training_id"]])
    for one in world.diary.bookings:
        held = one.state in (ReservationState.BOOKED, ReservationState.FINISHED)
        if held and one.person in spans and one.let is None and one.resources[0] not in OFFICES:
            spans[one.person].append((one.starts_at, one.ends_at))
    for mine in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(mine)))
