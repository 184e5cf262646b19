"""API tokens: keys for programs that act as their person. Shown once, stored as a hash, withdrawn one by one."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.people.models import ApiToken, Person

PREFIX = "fablab_"
SCOPES = {"read": Role.MAKER, "book": Role.MAKER, "manage": Role.INSTRUCTOR, "admin": Role.ADMINISTRATOR}
"""What a token may do, and the role its person needs for that."""

NOTE_EVERY = timedelta(minutes=5)


def tokens_of(actor: Actor, person_id: int) -> Sequence[ApiToken]:
    """One's own tokens, anybody's for administrators; also withdrawn ones."""
    _own(actor, person_id)
    return db.session.scalars(select(ApiToken).where(ApiToken.person_id == person_id).order_by(ApiToken.id)).all()


def all_tokens() -> Sequence[ApiToken]:
    """Every token with its person, for the command line."""
    return db.session.scalars(select(ApiToken).options(joinedload(ApiToken.person)).order_by(ApiToken.id)).all()


def create(
    actor: Actor, person_id: int, name: str, scopes: Iterable[str], expires_at: datetime | None, now: datetime
) -> tuple[ApiToken, str]:
    """A new token and its text, which is shown now and never again. Raises NotFound, Forbidden, Invalid."""
    _own(actor, person_id)
    wanted = sorted(set(scopes), key=list(SCOPES).index) if set(scopes) <= set(SCOPES) else []
    wrong = {}
    if not 1 <= len(name.strip()) <= 100:
        wrong["name"] = "must have 1 to 100 characters"
    if not wanted:
        wrong["scopes"] = f"must be some of {', '.join(SCOPES)}"
    if expires_at is not None and expires_at <= now:
        wrong["expires_at"] = "must be in the future"
    if wrong:
        raise Invalid(wrong)
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction() as session:
        person = lock(Person, person_id)
        if person is None or not person.active:
            raise NotFound(f"There is no active person {person_id}.")
        if any(person.role.rank < SCOPES[scope].rank for scope in wanted):
            raise Forbidden("a token cannot do more than its person")
        token = ApiToken(
            person_id=person_id,
            name=name.strip(),
            token_hash=_digest(text),
            scopes=wanted,
            created_at=now,
            expires_at=expires_at,
        )
        session.add(token)
        session.flush()
        after = {"token_id": str(token.id), "name": token.name, "scopes": wanted}
        audit.record(actor, "token.created", person, now, after=after)
    return token, text


def revoke(actor: Actor, token_id: int, now: datetime) -> ApiToken:
    """Ends a token at once. Raises NotFound, Conflict when it was ended before."""
    with transaction():
        token = lock(ApiToken, token_id)
        if token is None or not (actor.is_at_least(Role.ADMINISTRATOR) or token.person_id == actor.person_id):
            raise NotFound(f"There is no token {token_id}.")
        if token.revoked_at is not None:
            raise Conflict("This token was withdrawn already.")
        token.revoked_at = now
        subject = ("person", str(token.person_id))
        audit.record(actor, "token.revoked", subject, now, after={"token_id": str(token.id), "name": token.name})
    return token


def living(text: str, now: datetime) -> ApiToken | None:
    """The token with this text, with its person; None when it is unknown, ended, or its person disabled. One query."""
    query = select(ApiToken).where(ApiToken.token_hash == _digest(text)).options(joinedload(ApiToken.person))
    token = db.session.scalar(query)
    if token is None or token.revoked_at is not None or not token.person.active:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    if token.last_used_at is None or token.last_used_at < now - NOTE_EVERY:
        _note_use(token.id, now)
    return token


def _note_use(token_id: int, now: datetime) -> None:
    with transaction():
        token = lock(ApiToken, token_id)
        if token is not None:
            token.last_used_at = now


def _own(actor: Actor, person_id: int) -> None:
    if actor.person_id != person_id and not actor.is_at_least(Role.ADMINISTRATOR):
        raise NotFound(f"There is no person {person_id}.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
