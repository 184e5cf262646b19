"""How long a yes or no takes: the pure rules against a plain function call, the whole check against one bare query."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from benchmarks import lab
from benchmarks.measure import Row, Table, microseconds
from fablab.certifications.rules import Every, GrantFacts, Held, Required
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.interlock.rules import AccessFacts, BadgeFacts, access_denials
from fablab.interlock.service import check_access
from fablab.people.rules import PersonFacts
from fablab.reservations.limits import used
from fablab.reservations.policy import BookingPolicy, QuietWindow
from fablab.reservations.rules import BookingFacts, Slot, booking_denials
from fablab.reservations.search import find_slots, suggestions
from fablab.resources.models import Resource
from fablab.resources.rules import WEEKDAYS, Calendar, Opening, ResourceFacts

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MOST_US = 20_000
"""A refusal with its suggestions is on the page at once."""
CALENDAR = Calendar(ZoneInfo("Europe/Paris"), dict.fromkeys(WEEKDAYS, (Opening(time(8), time(20)),)))


def access_facts() -> AccessFacts:
    """A certified member with a good badge at a machine that asks for two certifications."""
    return AccessFacts(
        at=AT,
        calendar=CALENDAR,
        person=PersonFacts(active=True, member_until=None),
        resource=ResourceFacts(in_service=True),
        badge=BadgeFacts(),
        required=Required(Every((Held(1), Held(2))), {1: {"en": "Laser"}, 2: {"en": "Fire safety"}}),
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


def full_facts() -> BookingFacts:
    """The same where every limit is set, at a resource that is taken for the fortnight before and after."""
    plain, hour = booking_facts(), timedelta(hours=1)
    policy = replace(
        plain.policy,
        notice_minutes=15,
        buffer_after_minutes=15,
        max_minutes_per_day=240,
        max_minutes_per_week=900,
        max_future_count=30,
        max_future_minutes=3000,
        gap_minutes=15,
        quiet_hours=(QuietWindow(frozenset(range(7)), time(22), time(6)),),
    )
    own = [(AT + timedelta(days=day, hours=3), AT + timedelta(days=day, hours=4)) for day in range(1, 15)]
    taken = [Slot(AT + number * hour, AT + (number + 1) * hour) for number in range(-15 * 24, 14 * 24)]
    return replace(plain, policy=policy, held=used(own, policy, CALENDAR.zone, plain.now), taken=taken)


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
    full = full_facts()
    free = replace(full, taken=())
    table.add(Row("booking, every limit set", "µs", floor, microseconds(lambda: booking_denials(free), 2_000)))
    for row in searches(full, microseconds(lambda: booking_denials(free), 2_000)):
        table.add(row)
    with tempfile.TemporaryDirectory() as folder:
        measured = lab.make(Path(folder) / "lab", 20_000)
        with measured.app().app_context():
            table.add(whole_check(measured.begins + timedelta(minutes=10)))
            db.engine.dispose()
    return table


def searches(full: BookingFacts, once: float) -> Iterator[Row]:
    """The nearest allowed slots after a refusal, in 20 ms, and the earliest of 100 resources; the floor is one answer
    of the rules."""
    near = microseconds(lambda: suggestions([full]), 20)
    yield Row("three slots near a refused one, 4 weeks full", "µs", once, near, exact=near <= MOST_US)
    many = [replace(full, resource_id=number, taken=full.taken if number % 2 else ()) for number in range(1, 101)]
    until = AT + timedelta(days=7)
    yield Row("the ten earliest of 100 resources", "µs", once, microseconds(lambda: find_slots(many, until, 60, 10), 5))


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
