"""A small lab for the tests of bookings at risk: what is marked, and what was told."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from fablab.certifications import granting
from fablab.core.actor import Role, system
from fablab.core.db import db
from fablab.core.events import Event
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import at_risk
from fablab.reservations.models import Reservation
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STAFF = system("cli")
TEN = NOW + HOUR
"""10:00 in Paris."""
GRACE = timedelta(hours=72)


class Lab:
    """A laser that asks for a certification, a person who holds it, a manager who is told."""

    def __init__(self) -> None:
        self.laser = make.make_machine()
        self.basics = make.make_certification()
        make.require_certification(self.laser, self.basics)
        self.ada = make.make_person(name="Ada")
        self.grant = make.make_grant(self.ada, self.basics)
        self.manager = make.make_person(role=Role.MANAGER, name="Mia")

    def book(self, days: float, resources: list[Resource] | None = None, person: Person | None = None) -> int:
        begin = TEN + days * DAY
        return make.make_reservation(person or self.ada, resources or [self.laser], begin, begin + HOUR).id

    def revoke(self, now: Any = NOW) -> None:
        granting.revoke(STAFF, self.grant.id, "left it running", now)

    def renew(self, now: Any) -> None:
        granting.grant(STAFF, self.basics.id, self.ada.id, "refresher", now)


def found(ident: int) -> Reservation:
    db.session.rollback()
    return db.session.get_one(Reservation, ident, populate_existing=True)


def marked(*idents: int) -> list[bool]:
    return [at_risk.is_at_risk(found(ident)) for ident in idents]


def told(message: str) -> list[tuple[int | None, dict[str, Any]]]:
    db.session.rollback()
    query = select(Notice.person_id, Notice.params).where(Notice.message == message).order_by(Notice.id)
    return [(person_id, params or {}) for person_id, params in db.session.execute(query)]


def kinds() -> list[str]:
    db.session.rollback()
    query = select(Event.kind).where(Event.kind.startswith("reservation.")).order_by(Event.id)
    return list(db.session.scalars(query))
