"""Questions about the theory of a certification, and who answered them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, Texts


class Question(Base):
    """A question of a certification's bank. `explanation` is shown after the quiz. One that is not asked any more is
    retired, so that old attempts can still be read."""

    __tablename__ = "quiz_question"

    id: Mapped[int] = mapped_column(primary_key=True)
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    text: Mapped[Texts]
    explanation: Mapped[Texts]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    choices: Mapped[list["Choice"]] = relationship(order_by="Choice.id")


class Choice(Base):
    """One of the answers to choose from; exactly those that are `correct` must be ticked."""

    __tablename__ = "quiz_choice"

    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("quiz_question.id"), index=True)
    text: Mapped[Texts]
    correct: Mapped[bool] = mapped_column(default=False)


class Attempt(Base):
    """Somebody takes a quiz. `questions` are those drawn, in their order, with the choices in theirs:
    [{"question": id, "choices": [ids], "answer": [ids] or null}]. `percent` and `passed` are set in the end.
    One that does not count is left out of the number of attempts: the staff allowed to try again."""

    __tablename__ = "quiz_attempt"
    __table_args__ = (Index("ix_quiz_attempt_person", "person_id", "certification_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    questions: Mapped[list[dict[str, Any]]]
    percent: Mapped[int | None]
    counts: Mapped[bool] = mapped_column(default=True)
    passed: Mapped[bool | None]
