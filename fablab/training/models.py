"""Trainings with their dates, who enrolled, who came and who passed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.certifications.models import Certification
from fablab.core.db import Base, BigId, Texts, choice
from fablab.people.models import Audience, Person
from fablab.reservations.models import Reservation
from fablab.training.rules import EnrolmentState, Mark, Outcome, TrainingState


class Training(Base):
    """A training: one date or several that belong together, for at most `places` people.

    With fewer than `minimum` enrolled at `decide_at` it is cancelled by itself; `decided_at` says when that was looked
    at. `price` is in minor units of the lab's currency. `audience` None: for everybody. `language` is the one spoken.
    Enrolments may be withdrawn for free until `cancel_hours` before the first date.
    """

    __tablename__ = "training"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[Texts]
    description: Mapped[Texts]
    state: Mapped[TrainingState] = mapped_column(choice(TrainingState), default=TrainingState.DRAFT)
    instructor_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    places: Mapped[int]
    minimum: Mapped[int] = mapped_column(default=1)
    decide_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    price: Mapped[int] = mapped_column(default=0)
    audience: Mapped[Audience | None] = mapped_column(choice(Audience))
    language: Mapped[str] = mapped_column(String(5))
    cancel_hours: Mapped[int] = mapped_column(default=24)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(500), default="")
    sequence: Mapped[int] = mapped_column(default=0)

    instructor: Mapped[Person] = relationship(foreign_keys=[instructor_id])
    dates: Mapped[list["TrainingDate"]] = relationship(order_by="TrainingDate.starts_at", back_populates="training")
    certifications: Mapped[list[Certification]] = relationship(
        secondary="training_certification", order_by="Certification.id"
    )

    __table_args__ = (
        CheckConstraint("places >= 1", name="places"),
        CheckConstraint("minimum >= 0 AND minimum <= places", name="minimum"),
        Index("ix_training_coming", "state", "starts_at"),
    )


class TrainingCertification(Base):
    """Who passes the training is granted the certification."""

    __tablename__ = "training_certification"

    training_id: Mapped[int] = mapped_column(ForeignKey("training.id"), primary_key=True)
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"), primary_key=True, index=True)


class TrainingDate(Base):
    """One date of a training. `reservation_id` is the reservation that holds room and machines for it, if it needs
    any; the instructor is held by the date itself. `reminded_at`: those enrolled were reminded."""

    __tablename__ = "training_date"

    id: Mapped[int] = mapped_column(primary_key=True)
    training_id: Mapped[int] = mapped_column(ForeignKey("training.id"), index=True)
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"), unique=True)
    reminded_at: Mapped[datetime | None]

    training: Mapped[Training] = relationship(back_populates="dates")
    reservation: Mapped[Reservation | None] = relationship()

    __table_args__ = (CheckConstraint("ends_at > starts_at", name="order"),)


class Enrolment(Base):
    """Somebody takes part in a training, or waits to; one row for each try, only one of them open at a time.

    `late`: withdrawn later than is free. `outcome_at` is when the instructor's device noted it: the newest one counts.
    """

    __tablename__ = "enrolment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    training_id: Mapped[int] = mapped_column(ForeignKey("training.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    state: Mapped[EnrolmentState] = mapped_column(choice(EnrolmentState))
    offered_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    late: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[Outcome | None] = mapped_column(choice(Outcome))
    outcome_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(String(500), default="")

    training: Mapped[Training] = relationship()
    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    marks: Mapped[list["Attendance"]] = relationship(order_by="Attendance.date_id")

    __table_args__ = (
        Index("ix_enrolment_line", "training_id", "state", "id"),
        Index(
            "uq_enrolment_open",
            "training_id",
            "person_id",
            unique=True,
            sqlite_where=text("state IN ('enrolled', 'waiting', 'offered')"),
            postgresql_where=text("state IN ('enrolled', 'waiting', 'offered')"),
        ),
    )


class Attendance(Base):
    """The instructor's tick for one person on one date. `marked_at` is when it was ticked, on the instructor's device
    if that was offline: the newest one counts."""

    __tablename__ = "attendance"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"))
    date_id: Mapped[int] = mapped_column(ForeignKey("training_date.id"), index=True)
    mark: Mapped[Mark] = mapped_column(choice(Mark))
    marked_at: Mapped[datetime]
    marked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    __table_args__ = (UniqueConstraint("enrolment_id", "date_id"),)


class TrainingGrant(Base):
    """A grant that a passed training gave."""

    __tablename__ = "training_grant"

    grant_id: Mapped[int] = mapped_column(ForeignKey("certification_grant.id"), primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"), index=True)
