"""The database keeps its promises by itself: no overlap, no naive time, no write outside a transaction."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

from fablab.core.db import db, transaction
from fablab.people.models import Person
from fablab.reservations.models import Allocation
from tests import factories as make

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts", "ends", "refused"),
    [
        pytest.param(1, 2, True, id="the same slot"),
        pytest.param(0.5, 1.5, True, id="over its start"),
        pytest.param(1.5, 2.5, True, id="over its end"),
        pytest.param(1.25, 1.75, True, id="inside"),
        pytest.param(0, 3, True, id="around"),
        pytest.param(0, 1, False, id="touching its start"),
        pytest.param(2, 3, False, id="touching its end"),
        pytest.param(5, 6, False, id="apart"),
    ],
)
def test_two_live_allocations_of_one_resource_never_overlap(
    app: Flask, starts: float, ends: float, refused: bool
) -> None:
    person, machine = make.make_person(), make.make_machine()
    make.make_reservation(person, [machine], make.NOW + HOUR, make.NOW + 2 * HOUR)
    book = (person, [machine], make.NOW + starts * HOUR, make.NOW + ends * HOUR)
    if refused:
        with pytest.raises(IntegrityError):
            make.make_reservation(*book)
    else:
        make.make_reservation(*book)
    assert len(db.session.scalars(select(Allocation)).all()) == (1 if refused else 2)


def test_a_cancelled_allocation_gives_its_slot_back_and_cannot_come_back(app: Flask) -> None:
    person, machine = make.make_person(), make.make_machine()
    first = make.make_reservation(person, [machine], make.NOW, make.NOW + HOUR)
    with transaction():
        first.allocations[0].live = False
    make.make_reservation(person, [machine], make.NOW, make.NOW + HOUR)
    with pytest.raises(IntegrityError), transaction():
        first.allocations[0].live = True


def test_moving_onto_another_reservation_is_refused(app: Flask) -> None:
    person, machine = make.make_person(), make.make_machine()
    make.make_reservation(person, [machine], make.NOW, make.NOW + HOUR)
    second = make.make_reservation(person, [machine], make.NOW + HOUR, make.NOW + 2 * HOUR)
    with pytest.raises(IntegrityError), transaction():
        second.allocations[0].starts_at = make.NOW + HOUR / 2


def test_different_resources_do_not_collide(app: Flask) -> None:
    person = make.make_person()
    for machine in (make.make_machine("Laser"), make.make_machine("Mill")):
        make.make_reservation(person, [machine], make.NOW, make.NOW + HOUR)
    assert len(db.session.scalars(select(Allocation)).all()) == 2


def test_a_naive_time_is_refused(app: Flask) -> None:
    with pytest.raises(StatementError, match="naive time"):
        make.make_person(created_at=datetime(2026, 3, 2, 8, 0))  # noqa: DTZ001 - that is the point


def test_a_write_outside_a_transaction_is_refused(app: Flask) -> None:
    person = make.make_person()
    person.name = "Somebody else"
    with pytest.raises(RuntimeError, match="outside"):
        db.session.flush()
    db.session.rollback()


def test_an_exception_undoes_the_whole_transaction(app: Flask) -> None:
    def fail_after_two_rows() -> None:
        with transaction():
            make.make_person()
            make.make_person()
            raise LookupError("after both")

    with pytest.raises(LookupError, match="after both"):
        fail_after_two_rows()
    assert db.session.scalars(select(Person)).all() == []
