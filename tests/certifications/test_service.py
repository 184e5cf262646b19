"""Granting, withdrawing, the matrix: on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from fablab.certifications import granting, matrix, service
from fablab.certifications.expression import terms_of
from fablab.certifications.facts import grants_of, required_for
from fablab.certifications.models import Grant
from fablab.core import audit
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, FablabError, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from tests.conftest import CountQueries
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    make_teacher,
    require_certification,
)

DAY = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("app")


def kinds() -> list[str]:
    return [one.kind for one in db.session.scalars(select(Event).order_by(Event.id))]


def test_a_grant_lasts_as_long_as_the_certification_says() -> None:
    laser = make_certification(validity_days=365)
    teacher, maker = make_teacher(laser), make_person()
    made = granting.grant(make_actor(teacher), laser.id, maker.id, " training ", NOW)
    assert (made.valid_until, made.granted_by_id, made.reason) == (NOW + 365 * DAY, teacher.id, "training")
    assert kinds() == ["certification.granted"]
    assert db.session.scalars(select(Notice)).one().person_id == maker.id
    assert audit.history("certification_grant", str(made.id))[0].action == "grant.given"


def test_another_end_may_be_chosen() -> None:
    maker = make_person()
    made = granting.grant(
        make_actor(make_person(role=Role.MANAGER)),
        make_certification(validity_days=365).id,
        maker.id,
        "guest",
        NOW,
        valid_until=NOW + DAY,
    )
    assert made.valid_until == NOW + DAY


@pytest.mark.parametrize(
    ("role", "own", "over", "error"),
    [
        (Role.MAKER, False, {}, Forbidden),
        (Role.INSTRUCTOR, True, {}, Forbidden),
        (Role.ADMINISTRATOR, True, {}, Forbidden),
        (Role.INSTRUCTOR, False, {"reason": " "}, Invalid),
        (Role.INSTRUCTOR, False, {"reason": "x" * 501}, Invalid),
        (Role.INSTRUCTOR, False, {"valid_until": NOW}, Invalid),
        (Role.INSTRUCTOR, False, {"person_id": 999}, NotFound),
        (Role.INSTRUCTOR, False, {"certification_id": 999}, NotFound),
    ],
)
def test_what_may_not_be_granted(role: Role, own: bool, over: dict[str, object], error: type[FablabError]) -> None:
    laser = make_certification()
    acting, maker = make_teacher(laser, role=role), make_person()
    values: dict[str, object] = {
        "certification_id": laser.id,
        "person_id": acting.id if own else maker.id,
        "reason": "training",
        "now": NOW,
    }
    with pytest.raises(error):
        granting.grant(make_actor(acting), **(values | over))  # type: ignore[arg-type]  # tests name the fields
    assert db.session.scalars(select(Grant).where(Grant.person_id == maker.id)).all() == []
    assert db.session.scalars(select(Grant).where(Grant.certification_id == laser.id)).all() == []


def test_who_is_disabled_cannot_be_certified() -> None:
    with pytest.raises(Conflict):
        granting.grant(
            make_actor(make_person(role=Role.MANAGER)), make_certification().id, make_person(active=False).id, "x", NOW
        )


def test_withdrawing_counts_at_once_and_is_told() -> None:
    maker, laser = make_person(), make_certification()
    teacher = make_teacher(laser)
    found = make_grant(maker, laser)
    granting.revoke(make_actor(teacher), found.id, "left it running", NOW)
    assert (found.revoked_at, found.revoked_by_id, found.revoked_reason) == (NOW, teacher.id, "left it running")
    assert kinds() == ["certification.revoked"]
    review = db.session.scalars(select(Outbox).where(Outbox.kind == "device")).one()
    assert review.payload["person_id"] == maker.id
    with pytest.raises(Conflict):
        granting.revoke(make_actor(teacher), found.id, "again", NOW)


def test_withdrawing_from_a_person_ends_every_grant_that_holds() -> None:
    maker, laser = make_person(), make_certification()
    teacher = make_teacher(laser)
    make_grant(maker, laser, valid_until=NOW - DAY)
    make_grant(maker, laser)
    make_grant(maker, laser, valid_until=NOW + DAY)
    assert granting.revoke_all(make_actor(teacher), laser.id, maker.id, "reason", NOW) == 2
    (_, standing), _teaching = matrix.standings_of(maker.id, NOW)
    assert standing.code == "certification_revoked"
    with pytest.raises(Conflict):
        granting.revoke_all(make_actor(teacher), laser.id, maker.id, "reason", NOW)


def test_renewing_adds_a_grant_and_keeps_the_old_one() -> None:
    maker, laser = make_person(), make_certification(validity_days=30)
    teacher = make_teacher(laser)
    make_grant(maker, laser, valid_until=NOW + DAY)
    granting.grant(make_actor(teacher), laser.id, maker.id, "again", NOW)
    assert len(granting.grants_between(laser.id, maker.id)) == 2
    (_, standing), _teaching = matrix.standings_of(maker.id, NOW)
    assert standing.at == NOW + 30 * DAY


def test_what_a_resource_asks_for_takes_one_query(count_queries: CountQueries) -> None:
    laser, saw = make_certification("Laser"), make_certification("Saw")
    machines = [make_machine(f"Machine {number}") for number in range(5)]
    for machine in machines:
        require_certification(machine, laser)
    require_certification(machines[0], saw)
    ids = [one.id for one in machines]
    count_queries()
    found = required_for([*ids, 999])
    assert count_queries() == 1
    assert list(terms_of(found[ids[0]].need)) == [laser.id, saw.id]
    assert sorted(found) == ids


def test_what_a_person_holds_takes_one_query(count_queries: CountQueries) -> None:
    maker = make_person()
    for number in range(5):
        make_grant(maker, make_certification(f"{number}", lapse_after_unused_days=10))
    ident = maker.id
    count_queries()
    found = grants_of([ident])[ident]
    assert count_queries() == 1
    assert [one.lapse_after_unused for one in found] == [10 * DAY] * 5


@pytest.mark.parametrize("state", ["", "held", "lapsing", "ended"])
def test_the_matrix_takes_as_many_queries_for_many_as_for_few(count_queries: CountQueries, state: str) -> None:
    actor = make_actor(make_person(role=Role.MANAGER))
    counts = []
    for _ in range(2):
        for number in range(4):
            person, certification = make_person(), make_certification(f"{number}")
            make_grant(person, certification)
            make_grant(person, certification, valid_until=NOW + DAY)
        db.session.rollback()
        count_queries()
        matrix.matrix(actor, NOW, NOW.date(), state=state)
        counts.append(count_queries())
    assert counts[0] == counts[1] <= 6


def test_the_matrix_finds_what_ends_soon_and_what_has_ended() -> None:
    actor = make_actor(make_person(role=Role.INSTRUCTOR))
    laser = make_certification(lapse_after_unused_days=100)
    soon, ended, fine = make_person(name="Soon"), make_person(name="Ended"), make_person(name="Fine")
    make_grant(soon, laser, valid_until=NOW + 10 * DAY)
    make_grant(ended, laser, revoked_at=NOW - DAY)
    make_grant(fine, laser)

    def names(state: str) -> list[str]:
        return [person.name for person, _ in matrix.matrix(actor, NOW, NOW.date(), state=state).rows]

    assert names("lapsing") == ["Soon"]
    assert names("ended") == ["Ended"]
    assert names("held") == ["Fine", "Soon"]
    assert [person.name for person, _ in matrix.matrix(actor, NOW, NOW.date(), search="fIN").rows] == ["Fine"]


def test_the_matrix_is_for_staff() -> None:
    with pytest.raises(Forbidden):
        matrix.matrix(make_actor(make_person()), NOW, NOW.date())


@pytest.mark.parametrize(
    "values",
    [{"name": {}}, {"name": {"en": " "}}, {"name": {"en": "A"}, "validity_days": 0}, {"name": {"en": "A"}, "x": 1}, {}],
)
def test_a_faulty_certification_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        service.define(make_actor(make_person(role=Role.MANAGER)), values, NOW)


def test_certifications_are_defined_by_managers() -> None:
    with pytest.raises(Forbidden):
        service.define(make_actor(make_person(role=Role.INSTRUCTOR)), {"name": {"en": "A"}}, NOW)
    made = service.define(make_actor(make_person(role=Role.MANAGER)), {"name": {"en": "A"}}, NOW)
    changed = service.change(make_actor(make_person(role=Role.MANAGER)), made.id, {"validity_days": 10}, NOW)
    assert changed.validity_days == 10
    assert audit.history("certification", str(made.id))[0].before == {"validity_days": None}
