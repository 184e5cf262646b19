"""How long a yes or no takes: the pure rules against a plain function call, the whole check against one bare query."""

import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from benchmarks import lab
from benchmarks.measure import Row, Table, microseconds
from fablab.certifications.rules import GrantFacts, RequiredFacts
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.interlock.rules import AccessFacts, BadgeFacts, access_denials
from fablab.interlock.service import check_access
from fablab.people.rules import PersonFacts
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import BookingFacts, Slot, booking_denials
from fablab.resources.models import Resource
from fablab.resources.rules import WEEKDAYS, Calendar, Opening, ResourceFacts

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Europe/Paris"), dict.fromkeys(WEEKDAYS, (Opening(time(8), time(20)),)))


def access_facts() -> AccessFacts:
    """A certified member with a good badge at a machine that asks for two certifications."""
    return AccessFacts(
        at=AT,
        calendar=CALENDAR,
        person=PersonFacts(active=True, member_until=None),
        resource=ResourceFacts(in_service=True),
        badge=BadgeFacts(),
        required=[RequiredFacts(1, {"en": "Laser"}), RequiredFacts(2, {"en": "Fire safety"})],
        grants=[GrantFacts(n, AT - timedelta(days=30), AT + timedelta(days=300)) for n in (1, 2)],
    )


def booking_facts() -> BookingFacts:
    """The same person wants an hour between two bookings."""
    hour = timedelta(hours=1)
    access = access_facts()
    return BookingFacts(
        now=AT - hour,
        starts_at=AT,
        ends_at=AT + hour,
        calendar=CALENDAR,
        policy=BookingPolicy(step_minutes=15, min_minutes=15, max_minutes=240, horizon_days=60),
        person=PersonFacts(active=True, member_until=None),
        resource=ResourceFacts(in_service=True),
        required=access.required,
        grants=access.grants,
        taken=[Slot(AT - hour, AT), Slot(AT + hour, AT + 2 * hour)],
    )


def nothing(_facts: object) -> list[Denial]:
    """The floor: a call that gives an empty list."""
    return []


def run(_quick: bool = False) -> Table:
    """Measures and gives the table."""
    table = Table(
        "Decision",
        "Microseconds to say yes. The floor of the pure rules is a function that returns an empty list; the floor of"
        " the whole check (facts from the database, then the rules) is one SQLAlchemy query by primary key.",
    )
    access, booking = access_facts(), booking_facts()
    if access_denials(access) or booking_denials(booking):
        raise RuntimeError("the measured person should be let in")
    floor = microseconds(lambda: nothing(access), 20_000)
    table.add(Row("badge, the rules alone", "µs", floor, microseconds(lambda: access_denials(access), 5_000)))
    table.add(Row("booking, the rules alone", "µs", floor, microseconds(lambda: booking_denials(booking), 5_000)))
    with tempfile.TemporaryDirectory() as folder:
        measured = lab.make(Path(folder) / "lab", 20_000)
        with measured.app().app_context():
            table.add(whole_check(measured.begins + timedelta(minutes=10)))
            db.engine.dispose()
    return table


def whole_check(at: datetime) -> Row:
    """The access check with everything read from the database, among 20 000 bookings."""

    def one_query() -> None:
        db.session.execute(select(Resource).where(Resource.id == 7)).scalar_one()
        db.session.rollback()

    def check() -> None:
        if check_access(3, 7, at):
            raise RuntimeError("the measured person should be let in")
        db.session.rollback()

    return Row("badge, with its facts read", "µs", microseconds(one_query, 300), microseconds(check, 300))


if __name__ == "__main__":
    run()
