"""Granting by who teaches it, on which evidence; holding back and giving free; the quiz that grants: both databases."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fablab.certifications import granting, suspending
from fablab.certifications.awarding import obstacles
from fablab.certifications.facts import grants_of, history_of
from fablab.certifications.models import Certification, Evidence, Grant, Inclusion, Prerequisite, TheoryPass
from fablab.certifications.rules import Level, ended
from fablab.core import audit
from fablab.core.actor import Role, system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, FablabError, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from fablab.people.models import Person
from tests.conftest import CountQueries
from tests.factories import NOW, make_actor, make_certification, make_grant, make_person, make_teacher, save

DAY = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("app")


def include(outer: Certification, inner: Certification) -> None:
    save(Inclusion(certification_id=outer.id, included_id=inner.id, direct=True))


def codes(error: pytest.ExceptionInfo[Denied]) -> list[str]:
    return [one.code for one in error.value.denials]


def looks(person: Person) -> int:
    """How often another look at what this person booked was asked for."""
    rows = db.session.scalars(select(Outbox).where(Outbox.kind == "certification"))
    return sum(one.payload == {"person_id": person.id} for one in rows)


# -- who may ----------------------------------------------------------------------------------------------------------


def test_an_instructor_grants_what_he_teaches_and_no_more() -> None:
    laser, saw, maker = make_certification("Laser"), make_certification("Saw"), make_person()
    teacher = make_actor(make_teacher(laser))
    granting.grant(teacher, laser.id, maker.id, "seen", NOW)
    with pytest.raises(Forbidden):
        granting.grant(teacher, saw.id, maker.id, "seen", NOW)
    assert granting.grantable(teacher, [laser, saw], NOW) == {laser.id}
    assert [granting.may_grant(teacher, one.id, NOW) for one in (laser, saw)] == [True, False]


@pytest.mark.parametrize("over", [{"valid_until": NOW}, {"revoked_at": NOW - DAY}, {"suspended_at": NOW}])
def test_who_teaches_no_more_grants_no_more(over: dict[str, Any]) -> None:
    laser, maker = make_certification(), make_person()
    teacher = make_teacher(laser)
    with transaction() as session:
        [own] = session.scalars(select(Grant).where(Grant.person_id == teacher.id))
        for name, value in over.items():
            setattr(own, name, value)
    with pytest.raises(Forbidden):
        granting.grant(make_actor(teacher), laser.id, maker.id, "seen", NOW)


def test_only_managers_make_instructors() -> None:
    teaching, maker = make_certification(level=Level.INSTRUCTOR), make_person()
    teacher = make_teacher(teaching)
    with pytest.raises(Forbidden):
        granting.grant(make_actor(teacher), teaching.id, maker.id, "colleague", NOW)
    granting.grant(make_actor(make_person(role=Role.MANAGER)), teaching.id, maker.id, "colleague", NOW)


def test_an_instructors_certification_in_a_makers_hand_grants_nothing() -> None:
    laser = make_certification()
    teacher = make_teacher(laser, role=Role.MAKER)
    assert not granting.may_grant(make_actor(teacher), laser.id, NOW)


def test_an_unknown_certification_is_not_found() -> None:
    with pytest.raises(NotFound):
        granting.may_grant(system("web"), 999, NOW)


def test_withdrawing_and_holding_back_follow_the_same_rule() -> None:
    laser, saw, maker = make_certification("Laser"), make_certification("Saw"), make_person()
    teacher = make_actor(make_teacher(saw))
    found = make_grant(maker, laser)
    held = suspending.suspend(make_actor(make_teacher(laser)), laser.id, maker.id, "talk", NOW)
    for act in (
        lambda: granting.revoke(teacher, found.id, "x", NOW),
        lambda: granting.revoke_all(teacher, laser.id, maker.id, "x", NOW),
        lambda: suspending.suspend(teacher, laser.id, maker.id, "x", NOW),
        lambda: suspending.lift(teacher, held.id, "x", NOW),
    ):
        with pytest.raises(Forbidden):
            act()


def test_nobody_withdraws_or_gives_free_what_is_his_own() -> None:
    manager, other = make_person(role=Role.MANAGER), make_actor(make_person(role=Role.MANAGER))
    laser = make_certification()
    found = make_grant(manager, laser)
    held = suspending.suspend(other, laser.id, manager.id, "talk", NOW)
    own = make_actor(manager)
    for act in (
        lambda: granting.revoke(own, found.id, "x", NOW),
        lambda: suspending.suspend(own, laser.id, manager.id, "x", NOW),
        lambda: suspending.lift(own, held.id, "", NOW),
    ):
        with pytest.raises(Forbidden):
            act()


# -- on which evidence ------------------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_said_at_once_and_nothing_is_granted() -> None:
    safety, maker = make_certification("Safety"), make_person()
    laser = make_certification("Laser", quiz_questions=5, min_age=16)
    save(Prerequisite(certification_id=laser.id, needed_id=safety.id))
    manager = make_actor(make_person(role=Role.MANAGER))
    with pytest.raises(Denied) as error:
        granting.grant(manager, laser.id, maker.id, "seen", NOW)
    assert codes(error) == ["prerequisite_missing", "theory_missing", "age_unknown"]
    assert error.value.denials[0].params["certification_id"] == str(safety.id)
    assert not db.session.scalars(select(Grant)).all()
    make_grant(maker, safety)
    with transaction():
        maker.born_on = date(2000, 1, 1)
    granting.note_theory(maker.id, laser.id, 90, NOW)
    assert granting.grant(manager, laser.id, maker.id, "seen", NOW).evidence is Evidence.OBSERVED


def test_what_was_learnt_elsewhere_needs_a_proof_and_no_quiz() -> None:
    laser, maker = make_certification(quiz_questions=5), make_person()
    teacher = make_actor(make_teacher(laser))
    with pytest.raises(Invalid) as error:
        granting.grant(teacher, laser.id, maker.id, "came from Nevers", NOW, evidence=Evidence.RECOGNISED)
    assert list(error.value.fields) == ["proof"]
    made = granting.grant(
        teacher, laser.id, maker.id, "came from Nevers", NOW, evidence=Evidence.RECOGNISED, proof=" their badge 17 "
    )
    assert (made.evidence, made.proof) == (Evidence.RECOGNISED, "their badge 17")
    [entry] = audit.history("certification_grant", str(made.id))
    assert entry.after is not None
    assert entry.after["proof"] == "their badge 17"


def test_the_age_asked_for_is_the_highest_of_all_that_comes_with_it() -> None:
    laser, package = make_certification(min_age=18), make_certification(min_age=14)
    include(package, laser)
    maker = make_person(born_on=date(2010, 1, 1))
    with pytest.raises(Denied) as error:
        granting.grant(make_actor(make_person(role=Role.MANAGER)), package.id, maker.id, "seen", NOW)
    assert error.value.denials[0].params["allowed"] == 18


def test_what_is_granted_together_is_not_missing() -> None:
    safety, laser, maker = make_certification(), make_certification(), make_person()
    save(Prerequisite(certification_id=laser.id, needed_id=safety.id))
    assert [one.code for one in obstacles(maker, [laser], NOW)] == ["prerequisite_missing"]
    assert obstacles(maker, [safety, laser], NOW) == []


def test_the_facts_of_a_grant_take_as_many_queries_for_many_as_for_few(count_queries: CountQueries) -> None:
    maker, counts = make_person(), []
    for _ in range(2):
        wanted = [make_certification(quiz_questions=1) for _ in range(4)]
        for one in wanted:
            save(Prerequisite(certification_id=one.id, needed_id=make_certification().id))
            include(one, make_certification())
            make_grant(maker, make_certification())
        db.session.rollback()
        assert [one.id for one in wanted]
        assert maker.id
        count_queries()
        assert len(obstacles(maker, wanted, NOW)) == 8
        counts.append(count_queries())
    assert counts == [5, 5]


@pytest.mark.parametrize(
    ("validity", "until"),
    [
        ({"validity_months": 12}, NOW + 365 * DAY),
        ({"validity_ends_on": "03-02"}, NOW + timedelta(hours=15)),
        ({}, None),
    ],
)
def test_the_three_kinds_of_validity(validity: dict[str, Any], until: object) -> None:
    laser, maker = make_certification(**validity), make_person()
    made = granting.grant(make_actor(make_teacher(laser)), laser.id, maker.id, "seen", NOW)
    assert made.valid_until == until


# -- the quiz that grants ---------------------------------------------------------------------------------------------


def test_a_quiz_without_practice_grants_at_once() -> None:
    rules, maker = make_certification(quiz_questions=5, practical=False, validity_days=10), make_person()
    made = granting.note_theory(maker.id, rules.id, 80, NOW)
    assert made is not None
    assert (made.evidence, made.granted_by_id, made.valid_until) == (Evidence.QUIZ, None, NOW + 10 * DAY)
    assert looks(maker) == 1
    assert granting.note_theory(maker.id, rules.id, 100, NOW) is None, "it would not hold longer"
    assert granting.note_theory(maker.id, rules.id, 100, NOW + 9 * DAY) is not None, "renewed"
    assert db.session.scalars(select(TheoryPass)).one().percent == 100


def test_a_quiz_with_practice_grants_nothing_yet() -> None:
    laser, maker = make_certification(quiz_questions=5), make_person()
    assert granting.note_theory(maker.id, laser.id, 80, NOW) is None
    assert granting.grant(make_actor(make_teacher(laser)), laser.id, maker.id, "seen", NOW)


def test_a_passed_quiz_does_not_get_around_what_else_is_asked() -> None:
    rules, maker = make_certification(quiz_questions=5, practical=False, min_age=18), make_person()
    assert granting.note_theory(maker.id, rules.id, 80, NOW) is None
    assert [one.code for one in obstacles(maker, [rules], NOW, evidence=Evidence.QUIZ)] == ["age_unknown"]


def test_what_was_withdrawn_a_quiz_does_not_bring_back() -> None:
    rules, maker = make_certification(quiz_questions=5, practical=False), make_person()
    teacher = make_actor(make_teacher(rules))
    made = granting.note_theory(maker.id, rules.id, 80, NOW)
    assert made is not None
    granting.revoke(teacher, made.id, "no", NOW + DAY)
    assert granting.note_theory(maker.id, rules.id, 80, NOW + 2 * DAY) is None
    assert granting.grant(teacher, rules.id, maker.id, "talked", NOW + 3 * DAY)


# -- withdrawing all that counts --------------------------------------------------------------------------------------


def test_withdrawing_reaches_what_includes_it_what_is_held_back_and_what_lapsed() -> None:
    laser, package, maker = make_certification(lapse_after_unused_days=10), make_certification(), make_person()
    include(package, laser)
    teacher = make_actor(make_teacher(laser, package))
    lapsed = make_grant(maker, laser)
    used = make_grant(maker, laser, last_used_at=NOW - DAY)
    through = make_grant(maker, package)
    suspending.suspend(teacher, laser.id, maker.id, "talk", NOW)
    assert granting.revoke_all(teacher, laser.id, maker.id, "never again", NOW) == 3
    assert {one.revoked_at for one in (lapsed, used, through)} == {NOW}
    with pytest.raises(Conflict):
        granting.revoke_all(teacher, laser.id, maker.id, "never again", NOW)


def test_what_he_does_not_teach_an_instructor_cannot_withdraw_through_a_part_of_it() -> None:
    laser, package, maker = make_certification(), make_certification(), make_person()
    include(package, laser)
    found = make_grant(maker, package)
    with pytest.raises(Forbidden):
        granting.revoke_all(make_actor(make_teacher(laser)), laser.id, maker.id, "x", NOW)
    db.session.refresh(found)
    assert found.revoked_at is None


# -- holding back -----------------------------------------------------------------------------------------------------


def state(person: Person, grant: Grant) -> tuple[str | None, str | None]:
    """The code of the end of a grant now, from the present columns and from the history."""
    ident = grant.certification_id
    found = []
    for facts in (grants_of([person.id])[person.id], history_of(person.id)):
        [end] = [ended(one, NOW) for one in facts if one.certification_id == ident]
        found.append(end and end[0])
    return found[0], found[1]


def test_a_suspension_holds_every_grant_back_until_it_is_lifted_and_is_told() -> None:
    laser, package, maker = make_certification("Laser"), make_certification("Package"), make_person()
    include(package, laser)
    own, through, other = (
        make_grant(maker, laser),
        make_grant(maker, package),
        make_grant(maker, make_certification("Saw")),
    )
    teacher = make_actor(make_teacher(laser))
    held = suspending.suspend(teacher, laser.id, maker.id, " burnt the table ", NOW)
    assert held.reason == "burnt the table"
    assert [state(maker, one)[0] for one in (own, through, other)] == ["certification_suspended"] * 2 + [None]
    assert [state(maker, one)[0] == state(maker, one)[1] for one in (own, through, other)] == [True] * 3
    review = db.session.scalars(select(Outbox).where(Outbox.kind == "device")).one()
    assert review.payload["person_id"] == maker.id
    assert looks(maker) == 1
    suspending.lift(teacher, held.id, "talked", NOW)
    assert [state(maker, one) for one in (own, through, other)] == [(None, None)] * 3
    assert looks(maker) == 2
    kinds = [one.kind for one in db.session.scalars(select(Event).order_by(Event.id))]
    assert kinds == ["certification.suspended", "certification.resumed"]
    told = [one.message for one in db.session.scalars(select(Notice).order_by(Notice.id))]
    assert told == ["certification_suspended", "certification_resumed"]
    assert [one.action for one in audit.history("certification_suspension", str(held.id))] == [
        "certification.resumed",
        "certification.suspended",
    ]


def test_what_two_suspensions_hold_back_the_first_that_is_lifted_does_not_free() -> None:
    laser, saw, package = (make_certification(name) for name in ("Laser", "Saw", "Package"))
    maker = make_person()
    include(package, laser)
    include(package, saw)
    through = make_grant(maker, package)
    manager = make_actor(make_person(role=Role.MANAGER))
    first = suspending.suspend(manager, laser.id, maker.id, "one", NOW - DAY)
    second = suspending.suspend(manager, saw.id, maker.id, "two", NOW)
    suspending.lift(manager, first.id, "", NOW)
    assert through.suspended_at == NOW
    assert state(maker, through) == ("certification_suspended", "certification_suspended")
    suspending.lift(manager, second.id, "", NOW)
    assert state(maker, through) == (None, None)


def test_what_is_held_back_is_not_granted_again_around_it() -> None:
    laser, package, maker = make_certification("Laser"), make_certification("Package"), make_person()
    include(package, laser)
    make_grant(maker, laser)
    manager = make_actor(make_person(role=Role.MANAGER))
    suspending.suspend(manager, laser.id, maker.id, "talk", NOW)
    for one in (laser, package):
        with pytest.raises(Denied) as error:
            granting.grant(manager, one.id, maker.id, "please", NOW)
        assert codes(error) == ["certification_suspended"]


def test_what_was_withdrawn_while_held_back_stays_withdrawn_when_it_is_lifted() -> None:
    laser, maker = make_certification(), make_person()
    found = make_grant(maker, laser)
    manager = make_actor(make_person(role=Role.MANAGER))
    held = suspending.suspend(manager, laser.id, maker.id, "talk", NOW - DAY)
    granting.revoke(manager, found.id, "talked", NOW)
    suspending.lift(manager, held.id, "", NOW)
    assert state(maker, found) == ("certification_revoked", "certification_revoked")


@pytest.mark.parametrize(
    ("held", "reason", "error"),
    [(False, "talk", Conflict), (True, " ", Invalid), (True, "x" * 501, Invalid)],
)
def test_what_cannot_be_held_back(held: bool, reason: str, error: type[FablabError]) -> None:
    laser, maker = make_certification(), make_person()
    if held:
        make_grant(maker, laser)
    with pytest.raises(error):
        suspending.suspend(make_actor(make_teacher(laser)), laser.id, maker.id, reason, NOW)


def test_held_back_or_given_free_once() -> None:
    laser, maker = make_certification(), make_person()
    make_grant(maker, laser)
    teacher = make_actor(make_teacher(laser))
    held = suspending.suspend(teacher, laser.id, maker.id, "talk", NOW)
    with pytest.raises(Conflict):
        suspending.suspend(teacher, laser.id, maker.id, "talk", NOW)
    suspending.lift(teacher, held.id, "", NOW)
    with pytest.raises(Conflict):
        suspending.lift(teacher, held.id, "", NOW)
    with pytest.raises(NotFound):
        suspending.lift(teacher, 999, "", NOW)
    with pytest.raises(Invalid):
        suspending.lift(teacher, held.id, "x" * 501, NOW)
    assert suspending.suspensions_between(laser.id, maker.id) == [held]
    assert suspending.open_suspensions(laser.id, maker.id) == []
