"""Certifications (what one can hold), grants (who holds it), requirements (which resource asks for which)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.db import Base, Texts


class Certification(Base):
    """What one can be certified for.

    A grant ends `validity_days` after it was given, or `lapse_after_unused_days` after the last use.
    """

    __tablename__ = "certification"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Texts]
    description: Mapped[Texts]
    validity_days: Mapped[int | None]
    lapse_after_unused_days: Mapped[int | None]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Grant(Base):
    """Somebody holds a certification: by whom, when, why, until. Never deleted, only ended; renewing is a new grant."""

    __tablename__ = "certification_grant"
    __table_args__ = (Index("ix_certification_grant_holder", "person_id", "certification_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)
    granted_at: Mapped[datetime]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(500), default="")
    valid_until: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    revoked_reason: Mapped[str] = mapped_column(String(500), default="")

    certification: Mapped[Certification] = relationship()


class Requirement(Base):
    """A resource asks for a certification; all of a resource's requirements must be met."""

    __tablename__ = "requirement"
    __table_args__ = (UniqueConstraint("resource_id", "certification_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), index=True)

    certification: Mapped[Certification] = relationship()
