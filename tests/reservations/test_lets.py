"""Lasting lets: notice ends them in time and frees the rest; keys and deposit come back, and not after all."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden, NotFound
from fablab.core.events import Event
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import lets, waiting
from fablab.reservations.models import Let, Reservation, ReservationState
from fablab.resources.models import Kind, OpeningRule, Resource
from tests import factories as make
from tests.factories import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PARIS = ZoneInfo("Europe/Paris")
BEGIN = NOW - 10 * DAY
AGREED = NOW + 90 * DAY
Act = Callable[[Actor, int, datetime], object]
RETURNS: list[Act] = [lets.keys_returned, lets.deposit_returned]


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person(name="Ada")


@pytest.fixture
def staff(app: Flask) -> Person:
    return make.make_person(role=Role.MANAGER)


@pytest.fixture
def office(app: Flask) -> Resource:
    return make.make_machine("Office 3", kind=Kind.OFFICE, opening=OpeningRule.ALWAYS)


@pytest.fixture
def let(ada: Person, office: Resource) -> Reservation:
    """An office for a hundred days, begun ten days ago, with thirty days of notice."""
    terms = Let(keys="B12", deposit=40_000, notice_days=30)
    return make.make_reservation(ada, [office], BEGIN, AGREED, let=terms)


def fresh(reservation: Reservation) -> Reservation:
    db.session.expire_all()
    return db.session.get_one(Reservation, reservation.id)


def kept(reservation: Reservation) -> Let:
    found = fresh(reservation).let
    assert found is not None
    return found


def actions(reservation: Reservation) -> list[str]:
    return [entry.action for entry in reversed(audit.history("reservation", str(reservation.id)))]


def told(kind: str) -> list[Notice]:
    return list(db.session.scalars(select(Notice).where(Notice.message == kind).order_by(Notice.id)))


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "days", "end"),
    [
        ("2026-03-02 09:00", 30, "2026-04-02 00:00"),
        ("2026-03-02 00:00", 0, "2026-03-03 00:00"),
        ("2026-03-02 23:59", 0, "2026-03-03 00:00"),
        ("2026-03-02 23:30", 1, "2026-03-04 00:00"),
        ("2026-03-28 12:00", 1, "2026-03-30 00:00"),
        ("2026-03-29 12:00", 0, "2026-03-30 00:00"),
        ("2026-10-24 12:00", 1, "2026-10-26 00:00"),
        ("2026-10-25 12:00", 0, "2026-10-26 00:00"),
        ("2026-12-31 12:00", 1, "2027-01-02 00:00"),
        ("2028-02-28 12:00", 1, "2028-03-01 00:00"),
    ],
)
def test_the_end_is_that_of_the_last_local_day(now: str, days: int, end: str) -> None:
    found = lets.end_after(paris(now), days, PARIS)
    assert found == paris(end)
    assert lets.last_day(found, PARIS) == paris(end).astimezone(PARIS).date() - DAY


@pytest.mark.parametrize(
    ("days", "agreed", "end"),
    [
        (30, AGREED, "2026-04-02 00:00"),
        (27, AGREED, "2026-03-30 00:00"),
        (0, AGREED, "2026-03-03 00:00"),
        (30, NOW + 5 * DAY, None),
        (30, paris("2026-04-02 00:00"), None),
    ],
)
@pytest.mark.parametrize("who", ["tenant", "staff"])
def test_notice_shortens_but_never_beyond_what_was_agreed(
    ada: Person, staff: Person, office: Resource, days: int, agreed: datetime, end: str | None, who: str
) -> None:
    made = make.make_reservation(ada, [office], BEGIN, agreed, let=Let(notice_days=days))
    lets.give_notice(make.make_actor(ada if who == "tenant" else staff), made.id, NOW)
    found, until = fresh(made), agreed if end is None else paris(end)
    assert (found.state, found.ends_at, found.allocations[0].ends_at) == (ReservationState.BOOKED, until, until)
    assert found.sequence == int(end is not None)
    assert kept(made).notice_given_at == NOW
    assert actions(made) == ["reservation.notice_given"]
    entry = audit.history("reservation", str(made.id))[0]
    assert (entry.before or {})["ends_at"] == agreed.isoformat()
    assert (entry.after or {})["ends_at"] == until.isoformat()
    assert db.session.scalars(select(Event.kind)).all() == ["reservation.notice_given"]


def test_tenant_and_staff_are_told_with_the_calendar_event(let: Reservation, ada: Person, staff: Person) -> None:
    lets.give_notice(make.make_actor(ada), let.id, NOW)
    (own,) = told("let_ends")
    (theirs,) = told("let_notice")
    assert (own.person_id, theirs.person_id) == (ada.id, staff.id)
    assert own.params is not None
    assert own.calendar is not None
    assert own.params | {"last_day": "2026-04-01", "keys": "B12", "deposit": True, "by_staff": False} == own.params
    assert "reservation-" in str(own.calendar)
    assert own.calendar["sequence"] == 1
    assert datetime.fromisoformat(own.calendar["ends_at"]) == paris("2026-04-02 00:00")
    assert theirs.params is not None
    assert theirs.params["person"] == "Ada"


def test_all_that_a_let_holds_is_freed_and_offered_once(ada: Person, office: Resource) -> None:
    desk = make.make_machine("Desk", opening=OpeningRule.ALWAYS)
    made = make.make_reservation(ada, [office, desk], BEGIN, NOW + 20 * DAY, let=Let(notice_days=2))
    bob, start = make.make_person(), NOW + 5 * DAY
    waiting.join(make.make_actor(bob), bob.id, desk.id, start, start + HOUR, 60, NOW)
    lets.give_notice(make.make_actor(ada), made.id, NOW)
    assert {one.ends_at for one in fresh(made).allocations} == {paris("2026-03-05 00:00")}
    offer = db.session.scalars(select(Reservation).where(Reservation.person_id == bob.id)).one()
    assert (offer.state, offer.starts_at) == (ReservationState.HELD, start)
    make.make_reservation(make.make_person(), [office], paris("2026-03-05 00:00"), NOW + 20 * DAY)


@pytest.mark.parametrize(
    ("case", "word"),
    [
        ("twice", "Notice is given already."),
        ("over", "The reservation is over."),
        ("cancelled", "The reservation is cancelled already."),
        ("finished", "The reservation is finished already."),
        ("requested", "The reservation is requested already."),
        ("not begun", "The let would end before it begins; cancel it instead."),
    ],
)
def test_when_notice_cannot_be_given(let: Reservation, ada: Person, case: str, word: str) -> None:
    now = AGREED if case == "over" else NOW
    actor = make.make_actor(ada)
    if case == "twice":
        lets.give_notice(actor, let.id, NOW)
    with transaction():
        if case in set(ReservationState):
            let.state = ReservationState(case)
        if case == "not begun":
            let.starts_at = let.allocations[0].starts_at = paris("2026-04-02 00:00")
    before, told_before = fresh(let).ends_at, len(told("let_ends"))
    terms = lets.terms(actor, fresh(let), now)
    assert terms is not None
    assert terms.if_given is None
    with force_locale("en"), pytest.raises(Conflict, match=word.removesuffix(".")):
        lets.give_notice(actor, let.id, now)
    assert fresh(let).ends_at == before
    assert len(told("let_ends")) == told_before


def test_a_let_that_begins_within_the_notice_ends_after_it_began(ada: Person, office: Resource) -> None:
    made = make.make_reservation(ada, [office], paris("2026-04-01 23:00"), AGREED, let=Let(notice_days=30))
    lets.give_notice(make.make_actor(ada), made.id, NOW)
    assert fresh(made).ends_at == paris("2026-04-02 00:00")


@pytest.mark.parametrize("returns", RETURNS)
def test_what_comes_back_is_noted_once_and_taken_back(let: Reservation, staff: Person, returns: Any) -> None:
    what, actor = returns.__name__, make.make_actor(staff)
    for number, (back, at) in enumerate([(True, NOW), (True, NOW), (False, None), (False, None), (True, NOW)]):
        returns(actor, let.id, NOW + (HOUR if number == 1 else timedelta(0)), back=back)
        assert getattr(kept(let), f"{what}_at") == at
    undone = what.replace("returned", "not_returned")
    assert actions(let) == [f"reservation.{one}" for one in (what, undone, what)]
    assert len(db.session.scalars(select(Event.kind)).all()) == 3
    assert fresh(let).sequence == 0


@pytest.mark.parametrize("state", list(ReservationState))
@pytest.mark.parametrize("returns", RETURNS)
def test_keys_and_deposit_come_back_also_afterwards(
    let: Reservation, staff: Person, returns: Act, state: ReservationState
) -> None:
    with transaction():
        let.state = state
    terms = lets.terms(make.make_actor(staff), fresh(let), AGREED + DAY)
    assert terms is not None
    assert terms.handles is (state in lets.HANDED)
    if state in lets.HANDED:
        returns(make.make_actor(staff), let.id, AGREED + DAY)
        return
    with pytest.raises(Conflict):
        returns(make.make_actor(staff), let.id, NOW)


@pytest.mark.parametrize("returns", RETURNS)
def test_what_was_not_handed_out_does_not_come_back(ada: Person, staff: Person, office: Resource, returns: Act) -> None:
    made = make.make_reservation(ada, [office], BEGIN, AGREED, let=Let())
    with pytest.raises(Conflict):
        returns(make.make_actor(staff), made.id, NOW)


def test_both_come_back_together_or_not_at_all(ada: Person, staff: Person, office: Resource) -> None:
    made = make.make_reservation(ada, [office], BEGIN, AGREED, let=Let(keys="B12"))
    with pytest.raises(Conflict):
        lets.returned(make.make_actor(staff), made.id, NOW, keys=True, deposit=True)
    assert kept(made).keys_returned_at is None
    assert actions(made) == []


@pytest.mark.parametrize("act", [lets.give_notice, *RETURNS])
def test_others_lets_and_what_is_no_let_are_not_found(
    let: Reservation, ada: Person, staff: Person, office: Resource, act: Act
) -> None:
    booking = make.make_reservation(ada, [make.make_machine()], BEGIN, AGREED)
    for actor, ident in [
        (make.make_actor(make.make_person()), let.id),
        (make.make_actor(staff), booking.id),
        (make.make_actor(staff), 999_999),
    ]:
        with pytest.raises(NotFound):
            act(actor, ident, NOW)
    assert actions(let) == actions(booking) == []


@pytest.mark.parametrize("returns", RETURNS)
def test_the_tenant_does_not_note_what_came_back(let: Reservation, ada: Person, returns: Act) -> None:
    with pytest.raises(Forbidden):
        returns(make.make_actor(ada), let.id, NOW)


def test_the_terms_as_they_are_seen(let: Reservation, ada: Person, staff: Person) -> None:
    own, theirs = (lets.terms(make.make_actor(one), let, NOW) for one in (ada, staff))
    other = lets.terms(make.make_actor(make.make_person()), let, NOW)
    assert own is not None
    assert theirs is not None
    assert other is not None
    assert (own.last_day, own.if_given, own.handles) == (date(2026, 5, 31), date(2026, 4, 1), False)
    assert theirs.handles
    assert other.if_given is None
