"""People, their badges and their API tokens."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fablab.core.actor import Role
from fablab.core.db import Base, Texts, choice


class Audience(StrEnum):
    """Whom the lab's funders count: the four publics a rural hub reports on."""

    CITIZEN = "citizen"
    BUSINESS = "business"
    SCHOOL = "school"
    PUBLIC_BODY = "public_body"


class MembershipPlan(Base):
    """A kind of membership, such as "student" or "night member"; booking rules may differ by it."""

    __tablename__ = "membership_plan"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Texts]


class Person(Base):
    """Somebody the lab knows. Never deleted: leaving is anonymising, so the figures stay true.

    `password` holds an Argon2id hash, or None for who cannot sign in yet. `session_key` is in
    every session cookie; a new one ends all sessions.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    session_key: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role] = mapped_column(choice(Role), default=Role.MAKER)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(5))
    born_on: Mapped[date | None]
    member_until: Mapped[date | None]
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("membership_plan.id"))
    audience: Mapped[Audience] = mapped_column(choice(Audience), default=Audience.CITIZEN)
    organisation: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    anonymised_at: Mapped[datetime | None]

    badges: Mapped[list["Badge"]] = relationship(back_populates="person", order_by="Badge.id")
    plan: Mapped[MembershipPlan | None] = relationship()

    is_authenticated = True
    """Flask-Login asks: whoever is loaded from a session has signed in."""

    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What stands in the session for this person: a key that changes when his sessions shall end."""
        return self.session_key


class Badge(Base):
    """A card or tag. `uid_hash` is HMAC-SHA256 in hex of the canonical UID; the UID itself is never stored."""

    __tablename__ = "badge"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    uid_hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(100), default="")
    issued_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str] = mapped_column(String(300), default="")

    person: Mapped[Person] = relationship(back_populates="badges")


class ApiToken(Base):
    """A key for programs, acting as its person. `token_hash` is SHA-256 in hex; the token is shown once."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()


class SignInFailure(Base):
    """A wrong password: counted per account and per address to slow guessing down, forgotten after three months."""

    __tablename__ = "sign_in_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
