"""The matrix of people and certifications: what the database finds is what the rule says, for any history."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fablab.certifications import matrix
from fablab.certifications.models import Grant, Inclusion
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from tests.conftest import CountQueries
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    require_certification,
)

DAY = timedelta(days=1)
SAYS = {"held": {"held", "lapsing"}, "lapsing": {"lapsing"}, "suspended": {"certification_suspended"}}
SAYS["ended"] = {"certification_expired", "certification_lapsed_unused", "certification_revoked"}
pytestmark = pytest.mark.usefixtures("app")


def days(least: int, most: int) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.integers(least, most).map(lambda number: NOW + number * DAY))


GRANTS = st.fixed_dictionaries(
    {
        "granted_at": st.integers(-100, 2).map(lambda number: NOW + number * DAY),
        "valid_until": days(-20, 60),
        "last_used_at": days(-100, 0),
        "revoked_at": days(-20, 0),
        "suspended_at": days(-20, 0),
    }
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 2]), GRANTS), min_size=1, max_size=6))
def test_the_filters_find_whom_the_standings_say(grants: list[tuple[int, dict[str, Any]]]) -> None:
    columns = [make_certification(lapse_after_unused_days=40), make_certification(), make_certification()]
    ids = [one.id for one in columns]
    with transaction() as session:
        session.add(Inclusion(certification_id=ids[2], included_id=ids[0], direct=True))
    person, staff = make_person(), make_actor(make_person(role=Role.MANAGER))
    for place, values in grants:
        make_grant(person, columns[place], **values)
    mine = dict(zip(ids, (one for _, one in matrix.standings_of(person.id, NOW)[-3:]), strict=True))
    for state, codes in SAYS.items():
        found = matrix.matrix(staff, NOW, NOW.date(), state=state, certification_id=ids[0])
        expected = [person.id] if mine[ids[0]].code in codes else []
        assert [one.id for one, _ in found.rows] == expected, (state, mine[ids[0]])
    with transaction() as session:
        session.query(Grant).filter_by(person_id=person.id).delete()
        session.query(Inclusion).delete()


@pytest.fixture
def staff() -> Actor:
    return make_actor(make_person(role=Role.INSTRUCTOR))


def test_the_columns_of_a_machine(staff: Actor) -> None:
    laser, saw, mill = (make_certification(name) for name in ("Laser", "Saw", "Mill"))
    machine = make_machine()
    require_certification(machine, mill)
    require_certification(machine, laser)
    found = matrix.matrix(staff, NOW, NOW.date(), resource_id=machine.id)
    assert [one.id for one in found.columns] == [laser.id, mill.id]
    assert saw.id not in {one.id for one in found.columns}
    assert matrix.matrix(staff, NOW, NOW.date(), resource_id=make_machine().id).columns == []


@pytest.mark.parametrize("state", ["", *matrix.STATES])
def test_many_people_take_as_many_queries_as_few(staff: Actor, count_queries: CountQueries, state: str) -> None:
    counts = []
    for _ in range(2):
        for _number in range(4):
            person, certification = make_person(), make_certification()
            make_grant(person, certification, suspended_at=NOW)
            make_grant(make_person(), certification, valid_until=NOW + DAY)
        db.session.rollback()
        count_queries()
        matrix.matrix(staff, NOW, NOW.date(), state=state)
        counts.append(count_queries())
    assert counts[0] == counts[1] <= 7
