"""The questions of a quiz. One that changes becomes a new one, so that old attempts stay as they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from fablab.certifications.granting import may_grant
from fablab.core import audit
from fablab.core.actor import Actor
from fablab.core.db import Texts, db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.quizzes.models import Choice, Question
from fablab.quizzes.rules import question_faults


@dataclass(frozen=True, slots=True)
class QuestionValues:
    """What a question says: `choices` are (text, is correct), in their order."""

    text: Texts
    explanation: Texts
    choices: tuple[tuple[Texts, bool], ...]


def questions(actor: Actor, certification_id: int, now: datetime) -> Sequence[Question]:
    """The questions that are asked now, with their choices, oldest first. Who may grant the certification. Raises
    NotFound, Forbidden."""
    _need(actor, certification_id, now)
    return asked(certification_id)


def asked(certification_id: int) -> Sequence[Question]:
    """The questions that are asked now, with their choices, oldest first. Two queries."""
    query = select(Question).where(Question.certification_id == certification_id, Question.retired_at.is_(None))
    return db.session.scalars(query.options(selectinload(Question.choices)).order_by(Question.id)).all()


def count(certification_id: int) -> int:
    """How many questions are asked now."""
    query = select(func.count(Question.id)).where(Question.certification_id == certification_id)
    return db.session.scalar(query.where(Question.retired_at.is_(None))) or 0


def get(actor: Actor, question_id: int, now: datetime) -> Question:
    """One question, also one that is retired. Raises NotFound, Forbidden."""
    found = db.session.get(Question, question_id)
    if found is None:
        raise NotFound(f"There is no question {question_id}.")
    _need(actor, found.certification_id, now)
    return found


def add(actor: Actor, certification_id: int, values: QuestionValues, now: datetime) -> Question:
    """Another question. Raises NotFound, Forbidden, Invalid (`text`, `choices`)."""
    _need(actor, certification_id, now)
    _check(values)
    with transaction():
        made = _made(certification_id, values, now)
        audit.record(actor, "question.added", made, now, after=_said(values))
    return made


def change(actor: Actor, question_id: int, values: QuestionValues, now: datetime) -> Question:
    """The question as it is asked from now on: a new one, the old is retired. Raises as `add`, Conflict for a retired
    one."""
    _check(values)
    with transaction():
        old = _locked(actor, question_id, now)
        before = values_of(old)
        if before == values:
            return old
        old.retired_at = now
        made = _made(old.certification_id, values, now)
        audit.record(actor, "question.changed", made, now, before=_said(before), after=_said(values))
    return made


def retire(actor: Actor, question_id: int, now: datetime) -> None:
    """It is not asked any more. Raises NotFound, Forbidden, Conflict."""
    with transaction():
        old = _locked(actor, question_id, now)
        old.retired_at = now
        audit.record(actor, "question.retired", old, now, before=_said(values_of(old)))


def values_of(found: Question) -> QuestionValues:
    """What a question says."""
    return QuestionValues(found.text, found.explanation, tuple((one.text, one.correct) for one in found.choices))


def _made(certification_id: int, values: QuestionValues, now: datetime) -> Question:
    made = Question(
        certification_id=certification_id,
        text=values.text,
        explanation=values.explanation,
        created_at=now,
        choices=[Choice(text=text, correct=correct) for text, correct in values.choices],
    )
    db.session.add(made)
    db.session.flush()
    return made


def _locked(actor: Actor, question_id: int, now: datetime) -> Question:
    found = lock(Question, question_id)
    if found is None:
        raise NotFound(f"There is no question {question_id}.")
    _need(actor, found.certification_id, now)
    if found.retired_at is not None:
        raise Conflict("This question is not asked any more.")
    return found


def _need(actor: Actor, certification_id: int, now: datetime) -> None:
    if not may_grant(actor, certification_id, now):
        raise Forbidden("only who may grant this certification sees and changes its questions")


def _check(values: QuestionValues) -> None:
    filled = [(any(text.strip() for text in texts.values()), correct) for texts, correct in values.choices]
    wrong = question_faults(any(text.strip() for text in values.text.values()), filled)
    if wrong:
        raise Invalid(wrong)


def _said(values: QuestionValues) -> dict[str, object]:
    return {
        "text": values.text,
        "explanation": values.explanation,
        "choices": [{"text": text, "correct": correct} for text, correct in values.choices],
    }
