"""Certifications (what one can hold), grants (who holds it), requirements (what a resource asks for)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.certifications.rules import Level
from fablab.core.db import Base, Texts, choice


class Evidence(StrEnum):
    """On what a grant stands."""

    OBSERVED = "observed"
    """Whoever granted it saw that the person can do it."""
    TRAINING = "training"
    QUIZ = "quiz"
    RECOGNISED = "recognised"
    """Learnt in another lab; `Grant.proof` says where and how that was shown."""


class Certification(Base):
    """What one can be certified for.

    A grant ends `validity_days` or `validity_months` after it was given, or at the end of the next `validity_ends_on`
    (`MM-DD`, a day of the year): at most one of the three is set. It lapses `lapse_after_unused_days` after the last
    use. `min_age` is in years. With `quiz_questions` (how many are drawn) the theory must be passed before it is
    granted: `quiz_pass_percent` of the answers right, at most `quiz_attempts` times, `quiz_wait_hours` between two.
    `practical`: an instructor must see it; without, the passed quiz itself grants it.
    """

    __tablename__ = "certification"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Texts]
    description: Mapped[Texts]
    level: Mapped[Level] = mapped_column(choice(Level), default=Level.AUTONOMOUS)
    validity_days: Mapped[int | None]
    validity_months: Mapped[int | None]
    validity_ends_on: Mapped[str | None] = mapped_column(String(5))
    lapse_after_unused_days: Mapped[int | None]
    min_age: Mapped[int | None]
    quiz_questions: Mapped[int] = mapped_column(default=0)
    quiz_pass_percent: Mapped[int] = mapped_column(default=80)
    quiz_attempts: Mapped[int | None]
    quiz_wait_hours: Mapped[int] = mapped_column(default=0)
    practical: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Prerequisite(Base):
    """Who is to be certified for one must hold the other when it is granted. There are no circles."""

    __tablename__ = "certification_prerequisite"

    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True)
    needed_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True, index=True)


class Inclusion(Base):
    """Whoever holds one holds the other too: every certification includes itself. An instructor's certification
    includes what he teaches. `direct` ones were entered, the others follow from them. There are no circles."""

    __tablename__ = "certification_inclusion"

    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True)
    included_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True, index=True)
    direct: Mapped[bool] = mapped_column(default=False)


_GOES_ON = text("end_noted_at IS NULL AND revoked_at IS NULL")
"""What the clocks have still to look at: the indexes by which they find it hold nothing else."""


class Grant(Base):
    """Somebody holds a certification: by whom, when, why, until. Never deleted, only ended; renewing is a new grant.

    `suspended_at` is set while staff holds it back. `public_id` names it on the page where anybody verifies it.
    `reminded_days` before `reminded_end` the holder was last told that it ends; `end_noted_at`: told that it ended.
    """

    __tablename__ = "certification_grant"
    __table_args__ = (
        Index("ix_certification_grant_holder", "person_id", "certification_id"),
        Index("ix_certification_grant_period", "valid_until", sqlite_where=_GOES_ON, postgresql_where=_GOES_ON),
        Index(
            "ix_certification_grant_unused",
            "certification_id",
            "last_used_at",
            "granted_at",
            sqlite_where=_GOES_ON,
            postgresql_where=_GOES_ON,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    granted_at: Mapped[datetime]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    evidence: Mapped[Evidence] = mapped_column(choice(Evidence), default=Evidence.OBSERVED)
    proof: Mapped[str] = mapped_column(String(500), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    valid_until: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    revoked_reason: Mapped[str] = mapped_column(String(500), default="")
    reminded_end: Mapped[datetime | None]
    reminded_days: Mapped[int | None]
    end_noted_at: Mapped[datetime | None]

    certification: Mapped[Certification] = relationship()


class Suspension(Base):
    """Staff holds a person's certification back, pending a talk; lifted at `ended_at`, or never. Never deleted."""

    __tablename__ = "certification_suspension"
    __table_args__ = (Index("ix_certification_suspension_holder", "person_id", "certification_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    started_at: Mapped[datetime]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(500))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_note: Mapped[str] = mapped_column(String(500), default="")


class TheoryPass(Base):
    """Somebody passed the quiz of a certification, with this many percent. A newer one takes the place of the older."""

    __tablename__ = "certification_theory"
    __table_args__ = (UniqueConstraint("person_id", "certification_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    passed_at: Mapped[datetime]
    percent: Mapped[int]


class Requirement(Base):
    """What a resource, or every resource of a group, asks for. A resource in a group must satisfy both. With the
    group goes what it asks for.

    `expression` is a tree of {"all": […]}, {"any": […]} and {"certification": id}, `terms` the certifications in it.
    """

    __tablename__ = "requirement"
    __table_args__ = (CheckConstraint("(resource_id IS NULL) <> (group_id IS NULL)", name="one_target"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"), unique=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("resource_group.id", ondelete="CASCADE"), unique=True)
    expression: Mapped[dict[str, Any]]

    terms: Mapped[list["RequirementTerm"]] = relationship(cascade="all, delete-orphan")


class RequirementTerm(Base):
    """A certification that stands in a requirement."""

    __tablename__ = "requirement_term"

    requirement_id: Mapped[int] = mapped_column(ForeignKey("requirement.id", ondelete="CASCADE"), primary_key=True)
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True, index=True)
