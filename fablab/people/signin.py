"""Signing in: the password, the limits on wrong ones, how long a session lasts, and what ends it at the server.

A session cookie carries the person's `session_key` and two instants. A new key ends every session of the person at its
next request: that is how signing out, a changed password, a lost role and a disabled account work.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, text

from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.db import db, is_postgresql, lock, transaction
from fablab.core.errors import FablabError, Invalid, NotFound
from fablab.core.words import config
from fablab.people import passwords
from fablab.people.models import Person, SignInFailure

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 100
IDLE = timedelta(hours=12)
IDLE_STAFF = timedelta(hours=2)
LONGEST = timedelta(days=7)
KEEP_FAILURES = timedelta(days=90)
_COUNT_LOCK = 7_301_004
_OF_SESSION = select(Person).where(Person.session_key == bindparam("key"), Person.active)


class TooMany(FablabError):
    """Too many wrong passwords; it may be tried again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong passwords; please wait")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """When a session began and when it was used last."""

    began_at: datetime
    seen_at: datetime


def session_holds(facts: SessionFacts, role: Role, now: datetime) -> bool:
    """Whether a session may still be used: at most 7 days old, unused for less than 12 hours, staff's 2 hours."""
    idle = IDLE if role is Role.MAKER else IDLE_STAFF
    return facts.began_at <= now < facts.began_at + LONGEST and now < facts.seen_at + idle


def sign_in(email: str, password: str, address: str, now: datetime) -> Person | None:
    """The person with this address and password; None when there is none, or he may not sign in. Raises TooMany.

    The attempt counts as a failure before it is checked, so many at once get no more tries than one after another.
    """
    account, place = _keyed(email.strip().casefold()), _keyed(address)
    _count(account, place, now)
    person = db.session.scalar(select(Person).where(Person.email == email.strip().lower()))
    stored = person.password if person is not None and person.active else None
    if not passwords.matches(stored, password) or person is None:
        return None
    with transaction() as session:
        session.execute(delete(SignInFailure).where(SignInFailure.account == account))
        audit.record(Actor(person.id, person.role, "web"), "person.signed_in", person, now)
    return person


def person_of_session(session_key: str) -> Person | None:
    """Whose session this is, while he may sign in."""
    return db.session.scalar(_OF_SESSION, {"key": session_key})


def end_sessions(person_id: int) -> None:
    """Ends every session of this person at its next request."""
    with transaction():
        person = lock(Person, person_id)
        if person is not None:
            person.session_key = new_session_key()


def change_password(actor: Actor, old: str, new: str, address: str, now: datetime) -> Person:
    """A new password for oneself; all sessions end. Raises Invalid (fields `old`, `password`), TooMany."""
    person = db.session.get(Person, actor.person_id) if actor.person_id else None
    if person is None:
        raise NotFound
    account, stored = _keyed(f"change/{person.id}"), person.password
    _count(account, _keyed(address), now)
    if not passwords.matches(stored, old):
        raise Invalid({"old": "is not your present password"})
    made = passwords.hashed(new)
    with transaction() as session:
        session.execute(delete(SignInFailure).where(SignInFailure.account == account))
        changed = lock(Person, actor.person_id)
        if changed is None:
            raise NotFound
        changed.password, changed.session_key = made, new_session_key()
        audit.record(actor, "person.password_changed", changed, now)
    return changed


def count_attempt(what: str, address: str, now: datetime) -> None:
    """Counts an attempt at something else that could be guessed, under the same limits. Raises TooMany."""
    _count(_keyed(f"attempt/{what}"), _keyed(address), now)


def new_session_key() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def forget_failures(now: datetime) -> int:
    """Deletes wrong passwords older than three months; counts them."""
    old = SignInFailure.at < now - KEEP_FAILURES
    with transaction() as session:
        count = session.scalar(select(func.count()).select_from(SignInFailure).where(old)) or 0
        session.execute(delete(SignInFailure).where(old))
    return count


def _count(account: str, address: str, now: datetime) -> None:
    with transaction() as session:
        if is_postgresql():
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _COUNT_LOCK})
        for column, value, most in (
            (SignInFailure.account, account, PER_ACCOUNT),
            (SignInFailure.address, address, PER_ADDRESS),
        ):
            recent = select(SignInFailure.at).where(column == value, SignInFailure.at > now - WINDOW)
            times = session.scalars(recent.order_by(SignInFailure.at.desc()).limit(most)).all()
            if len(times) == most:
                raise TooMany(max(1, round((times[-1] + WINDOW - now).total_seconds())))
        session.add(SignInFailure(account=account, address=address, at=now))


def _keyed(value: str) -> str:
    return hmac.new(config().secret_key, b"sign-in " + value.encode(), hashlib.sha256).hexdigest()
