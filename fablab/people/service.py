"""People: who they are, what they may do, when they leave. Every change is in the audit log with before and after."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, delete, func, or_, select

from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.audit import AuditEntry
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.people import leaving, passwords, plans
from fablab.people.models import ApiToken, Audience, Badge, Person
from fablab.people.signin import new_session_key

CHANGEABLE = frozenset(
    {"name", "email", "role", "active", "language", "born_on", "member_until", "plan_id", "audience", "organisation"}
)
OWN = frozenset({"language"})
"""What everybody may change of himself."""

PAGE = 50
MOST_FOUND = 20_000
"""People that one search finds at most: a statement takes no more ids."""

_EMAIL = re.compile(r"[^@\s,;<>\"']{1,64}@[^@\s,;<>\"'.]+(\.[^@\s,;<>\"'.]+)+")
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_LIMITS = {"name": (1, 200), "email": (0, 254), "organisation": (0, 200)}


# -- reading ----------------------------------------------------------------------------------------------------------


def get_person(actor: Actor, person_id: int) -> Person:
    """Oneself, or anybody for staff. Raises NotFound, also for whom the actor may not know of."""
    found = db.session.get(Person, person_id)
    if found is None or not (actor.is_staff or actor.person_id == person_id):
        raise NotFound(f"There is no person {person_id}.")
    return found


def people_query(
    *, search: str = "", role: Role | None = None, active: bool | None = None, member: bool | None = None, today: date
) -> Select[Any]:
    """People who were not anonymised and fit every filter; `search`: words in name, address or organisation;
    `member`: whether the membership still runs on `today`."""
    query = select(Person).where(Person.anonymised_at.is_(None))
    if search.strip():
        query = query.where(Person.id.in_(_found(search)))
    if role is not None:
        query = query.where(Person.role == role)
    if active is not None:
        query = query.where(Person.active == active)
    if member is not None:
        runs = or_(Person.member_until.is_(None), Person.member_until >= today)
        query = query.where(runs if member else ~runs)
    return query


@dataclass(frozen=True, slots=True)
class Page:
    """A page of people by name; `number` from 1."""

    people: Sequence[Person]
    total: int
    number: int

    @property
    def newer(self) -> int | None:
        """The number of the page before."""
        return self.number - 1 if self.number > 1 else None

    @property
    def older(self) -> int | None:
        """The number of the page after."""
        return self.number + 1 if self.number * PAGE < self.total else None


def page_of_people(query: Select[Any], number: int) -> Page:
    """One page of a `people_query` in the order of names. Two queries."""
    number = min(max(1, number), 100_000)
    total = db.session.scalar(query.with_only_columns(func.count(Person.id))) or 0
    rows = db.session.scalars(query.order_by(Person.name, Person.id).limit(PAGE).offset((number - 1) * PAGE)).all()
    return Page(rows, total, number)


def find_people(actor: Actor, search: str, most: int) -> Sequence[Person]:
    """Active people whose name, address or organisation holds every word, by name, at most so many. Staff. Two queries.
    Raises Forbidden."""
    _need(actor, Role.INSTRUCTOR)
    query = select(Person).where(Person.id.in_(_found(search)), Person.active, Person.anonymised_at.is_(None))
    return db.session.scalars(query.order_by(Person.name, Person.id).limit(most)).all()


def person_by_email(email: str) -> Person:
    """The person with this address. Raises NotFound."""
    found = db.session.scalar(select(Person).where(Person.email == email.strip().lower()))
    if found is None:
        raise NotFound(f"There is nobody with the address {email}.")
    return found


def names_of(ids: Sequence[int | None]) -> dict[int, str]:
    """The names of these people. One query."""
    wanted = {ident for ident in ids if ident is not None}
    if not wanted:
        return {}
    rows = db.session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def history(actor: Actor, person_id: int, limit: int = 30) -> list[AuditEntry]:
    """What was done to this person's record, newest first. Managers."""
    _need(actor, Role.MANAGER)
    return audit.history("person", str(person_id), limit)


# -- writing ----------------------------------------------------------------------------------------------------------


def add(actor: Actor, values: Mapping[str, Any], now: datetime, *, password: str | None = None) -> Person:
    """Somebody new, a maker unless `values` (of CHANGEABLE, with name) say more. Managers; other roles than maker are
    given by administrators. Raises Forbidden, Invalid, Conflict when the address is taken."""
    _need(actor, Role.MANAGER)
    clean = _clean(values)
    if "name" not in clean:
        raise Invalid({"name": "is missing"})
    _may_give(actor, clean.get("role", Role.MAKER))
    hashed = passwords.hashed(password) if password is not None else None
    with transaction() as session:
        _check_free(clean.get("email"), None)
        start = {"role": Role.MAKER, "language": config().lab.languages[0], "active": True}
        person = Person(**{**start, **clean}, password=hashed, session_key=new_session_key(), created_at=now)
        session.add(person)
        session.flush()
        audit.record(actor, "person.added", person, now, after=clean)
        events.append("person.added", now, person_id=str(person.id))
    return person


def change(actor: Actor, person_id: int, values: Mapping[str, Any], now: datetime) -> Person:
    """Sets what `values` (of CHANGEABLE) names. Everybody changes his own language; managers change makers and, like
    administrators, themselves; roles and staff are for administrators. Raises NotFound, Forbidden, Invalid, Conflict.
    """
    get_person(actor, person_id)
    clean = _clean(values)
    with transaction():
        person = _locked(person_id)
        changed = {name: value for name, value in clean.items() if getattr(person, name) != value}
        _may_change(actor, person, changed)
        if "email" in changed:
            _check_free(changed["email"], person_id)
        if changed:
            before = {name: getattr(person, name) for name in changed}
            _apply(person, changed, now)
            audit.record(actor, "person.changed", person, now, before=before, after=changed)
            events.append("person.changed", now, person_id=str(person.id))
    return person


def set_password(actor: Actor, person_id: int, password: str, now: datetime) -> None:
    """Gives somebody a password; all his sessions end. Administrators, and managers to makers."""
    hashed = passwords.hashed(password)
    with transaction():
        person = _locked(person_id)
        _may_change(actor, person, {"password": None})
        person.password, person.session_key = hashed, new_session_key()
        audit.record(actor, "person.password_set", person, now)


def disable(actor: Actor, person_id: int, now: datetime) -> Person:
    """No signing in, no machine, no booking from now on. Raises NotFound, Forbidden."""
    return change(actor, person_id, {"active": False}, now)


def anonymise(actor: Actor, person_id: int, now: datetime) -> None:
    """Takes away what tells who this was, for good; numbers stay true. Managers for makers, else administrators.

    Badges are withdrawn and their hashes overwritten; the audit log keeps its entries until their own time is over.
    Other packages forget what they know (`leaving`): reservations give back what is to come.
    """
    _need(actor, Role.MANAGER)
    with transaction() as session:
        person = _locked(person_id)
        _may_change(actor, person, {"anonymised_at": now})
        if person.id == actor.person_id:
            raise Conflict("You cannot anonymise yourself.")
        _not_the_last_administrator(person)
        leaving.everywhere(actor, person_id, now)
        person.name, person.email, person.password, person.organisation = f"#{person.id}", None, None, ""
        person.active, person.anonymised_at, person.session_key = False, now, new_session_key()
        person.role, person.born_on = Role.MAKER, None
        session.execute(delete(ApiToken).where(ApiToken.person_id == person.id))
        for badge in session.scalars(select(Badge).where(Badge.person_id == person.id)):
            badge.uid_hash, badge.label, badge.revoked_at = f"erased {badge.id}", "", badge.revoked_at or now
        audit.record(actor, "person.anonymised", person, now)
        events.append("person.anonymised", now, person_id=str(person.id))
        outbox.review_access(now, "person_disabled", person_id=person.id)


def _apply(person: Person, changed: Mapping[str, Any], now: datetime) -> None:
    if "role" in changed or changed.get("active") is False:
        _not_the_last_administrator(person)
        person.session_key = new_session_key()
    for name, value in changed.items():
        setattr(person, name, value)
    if changed.get("active") is False:
        outbox.review_access(now, "person_disabled", person_id=person.id)
    elif "member_until" in changed:
        outbox.review_access(now, "membership_expired", person_id=person.id)


def _locked(person_id: int) -> Person:
    person = lock(Person, person_id)
    if person is None:
        raise NotFound(f"There is no person {person_id}.")
    if person.anonymised_at is not None:
        raise Conflict("This person has left and was anonymised.")
    return person


def _need(actor: Actor, role: Role) -> None:
    if not actor.is_at_least(role):
        raise Forbidden(f"this needs the role {role.value}")


def _may_give(actor: Actor, role: Role) -> None:
    if role is not Role.MAKER and not actor.is_at_least(Role.ADMINISTRATOR):
        raise Forbidden("roles are given by administrators")


def _may_change(actor: Actor, person: Person, changed: Mapping[str, Any]) -> None:
    """Raises Forbidden unless the actor may change these fields of this person."""
    if actor.is_at_least(Role.ADMINISTRATOR):
        return
    own = actor.person_id == person.id
    if "role" in changed:
        raise Forbidden("roles are given by administrators")
    if own and set(changed) <= OWN:
        return
    if not actor.is_at_least(Role.MANAGER) or (person.role is not Role.MAKER and not own):
        raise Forbidden("managers change makers, administrators everybody")


def _not_the_last_administrator(person: Person) -> None:
    if person.role is not Role.ADMINISTRATOR or not person.active:
        return
    others = select(func.count(Person.id)).where(
        Person.role == Role.ADMINISTRATOR, Person.active, Person.id != person.id
    )
    if not db.session.scalar(others):
        raise Conflict("The lab needs an administrator; name another one first.")


def _check_free(email: str | None, person_id: int | None) -> None:
    if email is None:
        return
    taken = db.session.scalar(select(Person.id).where(Person.email == email))
    if taken is not None and taken != person_id:
        raise Conflict("Somebody else has this address.")


def _clean(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored. Raises Invalid with every field that is wrong."""
    wrong: dict[str, str] = dict.fromkeys(sorted(set(values) - CHANGEABLE), "there is no such field")
    clean = {name: value for name, value in values.items() if name in CHANGEABLE}
    for name in _LIMITS.keys() & clean.keys():
        clean[name] = unicodedata.normalize("NFC", (clean[name] or "").strip())
    for name in clean:
        if fault := _fault(name, clean[name]):
            wrong[name] = fault
    if wrong:
        raise Invalid(wrong)
    if "email" in clean:
        clean["email"] = clean["email"].lower() or None
    kinds = {"role": Role, "audience": Audience}
    return {name: kinds[name](value) if name in kinds else value for name, value in clean.items()}


def _fault(name: str, value: Any) -> str:
    """What is wrong with the value of a field; empty for nothing."""
    choices: dict[str, list[str]] = {
        "role": list(Role),
        "audience": list(Audience),
        "language": list(config().lab.languages),
    }
    if name in _LIMITS:
        return _text_fault(name, value)
    if name in choices and value not in choices[name]:
        return f"must be one of {', '.join(choices[name])}"
    if name == "member_until" and value is not None and not 2000 <= value.year <= 2200:
        return "must be a day between 2000 and 2200"
    if name == "born_on" and value is not None and not 1900 <= value.year <= 2200:
        return "must be a day since 1900"
    if name == "plan_id" and value is not None and not plans.exists(value):
        return "there is no such membership plan"
    return ""


def _text_fault(name: str, value: str) -> str:
    least, most = _LIMITS[name]
    if not least <= len(value) <= most:
        return f"must have {least} to {most} characters"
    if any(unicodedata.category(letter) in _UNSEEN for letter in value):
        return "must not hold control characters"
    if name == "email" and value and not _EMAIL.fullmatch(value):
        return "must be an address such as ada@example.org"
    return ""


def _found(search: str) -> list[int]:
    """People whose name, address or organisation holds every word, whatever the case and the accents, in any alphabet:
    SQLite alone knows no capitals but A to Z."""
    words = _plain(search).split()[:8]
    rows = db.session.execute(select(Person.id, Person.name, Person.email, Person.organisation))
    found = [
        ident
        for ident, name, email, organisation in rows
        if all(word in _plain(f"{name} {email or ''} {organisation}") for word in words)
    ]
    return found[:MOST_FOUND]


def _plain(words: str) -> str:
    parts = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))
