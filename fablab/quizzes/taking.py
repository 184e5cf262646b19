"""Taking a quiz: starting, answering, handing in. The theory that is passed counts for the certification."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from fablab.certifications import granting
from fablab.certifications.models import Certification, TheoryPass
from fablab.certifications.service import get_certification
from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.people.models import Person
from fablab.people.service import get_person
from fablab.quizzes import bank
from fablab.quizzes.models import Attempt, Choice, Question
from fablab.quizzes.rules import QuizRules, Try, attempt_denials, draw, is_right, percent

LONGEST_REASON = 500
CHANCE = random.SystemRandom()

Answers = Mapping[int, Collection[int]]
"""The choices ticked, by question; a question left out keeps the answer it had."""


@dataclass(frozen=True, slots=True)
class Status:
    """How somebody stands with a quiz. `ready`: there are enough questions; `used`: attempts that count; `denials`: why
    none may be started now."""

    rules: QuizRules
    ready: bool
    passed: TheoryPass | None
    open: Attempt | None
    used: int
    denials: Sequence[Denial]


@dataclass(frozen=True, slots=True)
class Line:
    """One question of an attempt: its choices in the order shown, those ticked, and whether that is right."""

    question: Question
    choices: Sequence[Choice]
    ticked: frozenset[int]
    right: bool


def rules_of(certification: Certification) -> QuizRules:
    """The rules of a certification's quiz; without questions there is none."""
    return QuizRules(
        certification.quiz_questions,
        certification.quiz_pass_percent,
        certification.quiz_attempts,
        timedelta(hours=certification.quiz_wait_hours),
    )


def status(actor: Actor, certification_id: int, now: datetime) -> Status:
    """How the acting person stands with the quiz. Raises NotFound where there is none."""
    certification = _with_quiz(certification_id)
    rules, person_id = rules_of(certification), actor.person_id or 0
    done, started = _attempts(certification_id, person_id)
    return Status(
        rules=rules,
        ready=bank.count(certification_id) >= rules.questions,
        passed=theory_of(certification_id, person_id),
        open=started,
        used=len(done),
        denials=attempt_denials([_try(one) for one in done], rules, now),
    )


def theory_of(certification_id: int, person_id: int) -> TheoryPass | None:
    """When and how well this person passed the quiz; None for never."""
    query = select(TheoryPass).where(TheoryPass.person_id == person_id)
    return db.session.scalar(query.where(TheoryPass.certification_id == certification_id))


def attempts_of(actor: Actor, certification_id: int, person_id: int) -> Sequence[Attempt]:
    """Every attempt that was handed in, newest first; one's own, staff anybody's. Raises NotFound."""
    get_person(actor, person_id)
    query = select(Attempt).where(Attempt.person_id == person_id, Attempt.certification_id == certification_id)
    return db.session.scalars(query.where(Attempt.finished_at.is_not(None)).order_by(Attempt.id.desc())).all()


def get(actor: Actor, attempt_id: int) -> Attempt:
    """One's own attempt; staff anybody's. Raises NotFound."""
    found = db.session.get(Attempt, attempt_id)
    if found is None or not (actor.is_staff or found.person_id == actor.person_id):
        raise NotFound(f"There is no attempt {attempt_id}.")
    return found


def lines(attempt: Attempt) -> list[Line]:
    """The questions of an attempt as they are shown, answered or not. Two queries."""
    ids = [one["question"] for one in attempt.questions]
    query = select(Question).where(Question.id.in_(ids)).options(selectinload(Question.choices))
    known = {one.id: one for one in db.session.scalars(query)}
    return [_line(known[one["question"]], one["choices"], one["answer"]) for one in attempt.questions]


def start(actor: Actor, certification_id: int, now: datetime, chance: random.Random = CHANCE) -> Attempt:
    """Draws the questions; an attempt that is still open is taken up again. Raises NotFound, Forbidden (not a person),
    Denied, Conflict where there are too few questions."""
    if actor.person_id is None:
        raise Forbidden("a quiz is taken by a person")
    with transaction() as session:
        lock(Person, actor.person_id)
        certification = _with_quiz(certification_id)
        done, started = _attempts(certification_id, actor.person_id)
        if started is not None:
            return started
        rules = rules_of(certification)
        if denials := attempt_denials([_try(one) for one in done], rules, now):
            raise Denied(denials)
        known = {one.id: [choice.id for choice in one.choices] for one in bank.asked(certification_id)}
        if len(known) < rules.questions:
            raise Conflict("This quiz has too few questions yet. Please tell the staff.")
        drawn = draw(known, rules.questions, chance)
        made = Attempt(
            person_id=actor.person_id,
            certification_id=certification_id,
            started_at=now,
            questions=[{"question": one.question_id, "choices": list(one.choice_ids), "answer": None} for one in drawn],
        )
        session.add(made)
        session.flush()
        audit.record(actor, "quiz.started", made, now, after={"certification_id": str(certification_id)})
    return made


def save(actor: Actor, attempt_id: int, answers: Answers) -> Attempt:
    """Keeps the answers so far. Raises NotFound, Conflict when it is handed in, Invalid for what was not asked."""
    with transaction():
        found = _own_open(actor, attempt_id)
        found.questions = _answered(found, answers)
    return found


def hand_in(actor: Actor, attempt_id: int, answers: Answers, now: datetime) -> Attempt:
    """Judges the answers; a question without one is wrong. The theory that is passed is noted, and where nothing
    practical is asked for the certification is granted at once. Raises as `save`."""
    with transaction():
        found = _own_open(actor, attempt_id)
        found.questions = _answered(found, answers)
        certification = db.session.get_one(Certification, found.certification_id)
        found.percent = percent([line.right for line in lines(found)])
        found.passed = found.percent >= certification.quiz_pass_percent
        found.finished_at = now
        told = {"person_id": str(found.person_id), "certification_id": str(found.certification_id)}
        audit.record(
            actor, "quiz.finished", found, now, after=told | {"percent": found.percent, "passed": found.passed}
        )
        events.append("quiz.finished", now, **told, passed=found.passed)
        if found.passed:
            granting.note_theory(found.person_id, found.certification_id, found.percent, now)
    return found


def allow_again(actor: Actor, certification_id: int, person_id: int, reason: str, now: datetime) -> int:
    """The attempts so far do not count any more; tells how many. Who may grant the certification. Raises Forbidden,
    NotFound, Invalid (`reason`), Conflict when there are none."""
    get_person(actor, person_id)
    if not granting.may_grant(actor, certification_id, now):
        raise Forbidden("only who may grant this certification allows another attempt")
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Invalid({"reason": f"must say why, in 1 to {LONGEST_REASON} characters"})
    with transaction():
        lock(Person, person_id)
        done, _ = _attempts(certification_id, person_id)
        if not done:
            raise Conflict("No attempt counts: the quiz can be taken.")
        ids = [one.id for one in done]
        db.session.execute(update(Attempt).where(Attempt.id.in_(ids)).values(counts=False))
        about = {"certification_id": str(certification_id), "attempts": len(ids), "reason": reason.strip()}
        audit.record(actor, "quiz.allowed_again", ("person", str(person_id)), now, after=about)
    return len(ids)


def _with_quiz(certification_id: int) -> Certification:
    found = get_certification(certification_id)
    if found.quiz_questions == 0:
        raise NotFound("This certification has no quiz.")
    return found


def _attempts(certification_id: int, person_id: int) -> tuple[list[Attempt], Attempt | None]:
    """Those that count and were handed in, and the one that is open."""
    query = select(Attempt).where(Attempt.person_id == person_id, Attempt.certification_id == certification_id)
    found = db.session.scalars(query.where(Attempt.counts).order_by(Attempt.id)).all()
    started = [one for one in found if one.finished_at is None]
    return [one for one in found if one.finished_at is not None], started[-1] if started else None


def _try(attempt: Attempt) -> Try:
    if attempt.finished_at is None:
        raise ValueError("an open attempt is not judged")
    return Try(attempt.finished_at, bool(attempt.passed))


def _own_open(actor: Actor, attempt_id: int) -> Attempt:
    found = lock(Attempt, attempt_id)
    if found is None or found.person_id != actor.person_id:
        raise NotFound(f"There is no attempt {attempt_id}.")
    if found.finished_at is not None:
        raise Conflict("This quiz is handed in already.")
    return found


def _answered(attempt: Attempt, answers: Answers) -> list[dict[str, object]]:
    known = {one["question"]: set(one["choices"]) for one in attempt.questions}
    for question_id, ticked in answers.items():
        if not set(ticked) <= known.get(question_id, set()):
            raise Invalid({"answers": f"question {question_id} does not have such an answer"})
    return [
        one | {"answer": sorted(set(answers[one["question"]]))} if one["question"] in answers else one
        for one in attempt.questions
    ]


def _line(question: Question, order: Sequence[int], answer: Sequence[int] | None) -> Line:
    choices = {one.id: one for one in question.choices}
    correct = [one.id for one in question.choices if one.correct]
    return Line(question, [choices[one] for one in order], frozenset(answer or ()), is_right(correct, answer))
