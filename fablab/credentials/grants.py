"""A grant as a certificate tells it: to its holder and to staff whole, to strangers what they must know and no more."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of
from fablab.certifications.models import Grant
from fablab.certifications.rules import Level
from fablab.core.actor import Actor
from fablab.core.db import Texts, db
from fablab.core.errors import FablabError, NotFound
from fablab.credentials.rules import State, initials, state
from fablab.people.models import Person


class Ended(FablabError):
    """There is no certificate of a grant that does not hold: it is `state` since `since`."""

    def __init__(self, state: State, since: datetime) -> None:
        super().__init__(f"This certification is {state} since {since:%Y-%m-%d}: there is no certificate of it.")
        self.state = state
        self.since = since


@dataclass(frozen=True, slots=True)
class Held:
    """A grant with the people in it; `granted_by` is '' where the lab itself granted it, as for a passed quiz."""

    grant: Grant
    holder: Person
    granted_by: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What strangers may know of a grant: how it stands and since when, what of, given when, and whose initials."""

    state: State
    since: datetime
    certification: Texts
    level: Level
    granted_at: datetime
    initials: str


def grant_of(actor: Actor, grant_id: int) -> tuple[Grant, Person]:
    """A grant and its holder, for the holder himself and for staff. Raises NotFound. Two queries at most."""
    query = select(Grant, Person).join(Person, Person.id == Grant.person_id).where(Grant.id == grant_id)
    found = db.session.execute(query.options(joinedload(Grant.certification))).one_or_none()
    if found is None or not (actor.is_staff or found[0].person_id == actor.person_id):
        raise NotFound(f"There is no grant {grant_id}.")
    if found[1].anonymised_at is not None:
        raise NotFound(f"The holder of grant {grant_id} has left.")
    return found[0], found[1]


def held(actor: Actor, grant_id: int, now: datetime) -> Held:
    """A grant that holds now. Raises NotFound, Ended."""
    grant, holder = grant_of(actor, grant_id)
    stands, since = state(facts_of(grant), now)
    if stands is not State.VALID:
        raise Ended(stands, since)
    by = select(Person.name).where(Person.id == grant.granted_by_id)
    return Held(grant, holder, db.session.scalar(by) or "" if grant.granted_by_id else "")


def seen(public_id: str, now: datetime) -> Seen:
    """What strangers may know of the grant with this public id. Raises NotFound, also when the holder has left and was
    anonymised. One query."""
    query = select(Grant, Person).join(Person, Person.id == Grant.person_id).where(Grant.public_id == public_id)
    found = db.session.execute(query.options(joinedload(Grant.certification))).one_or_none()
    if found is None or found[1].anonymised_at is not None:
        raise NotFound("There is no such certificate.")
    grant, holder = found
    stands, since = state(facts_of(grant), now)
    certification = grant.certification
    return Seen(stands, since, certification.name, certification.level, grant.granted_at, initials(holder.name))
