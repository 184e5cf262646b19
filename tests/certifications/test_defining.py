"""Defining and changing certifications, what they need and include, and taking them out of use: on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fablab.certifications import requirements, retiring, service, suspending
from fablab.certifications.checking import faults, is_day_of_year
from fablab.certifications.linking import Circle
from fablab.certifications.models import Certification, Inclusion, Prerequisite
from fablab.certifications.rules import Either, Held, Level
from fablab.core import audit
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.outbox import Outbox
from fablab.resources.models import Resource, ResourceGroup
from tests.certifications.test_links import reaches
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    require_certification,
    save,
)

DAY = timedelta(days=1)

FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({}, {}, []),
    "an unknown field": ({"colour": "red"}, {}, ["colour"]),
    "no name": ({"name": {"en": " "}}, {}, ["name"]),
    "days": ({"validity_days": 0}, {}, ["validity_days"]),
    "months": ({"validity_months": 1201}, {}, ["validity_months"]),
    "truth is no number": ({"min_age": True}, {}, ["min_age"]),
    "a text is no number": ({"min_age": "16"}, {}, ["min_age"]),
    "no age": ({"min_age": None}, {}, []),
    "no such day": ({"validity_ends_on": "02-30"}, {}, ["validity_ends_on"]),
    "the leap day": ({"validity_ends_on": "02-29"}, {}, []),
    "no such level": ({"level": "master"}, {}, ["level"]),
    "pass mark": ({"quiz_pass_percent": 101}, {}, ["quiz_pass_percent"]),
    "a pass mark is needed": ({"quiz_pass_percent": None}, {}, ["quiz_pass_percent"]),
    "any number of attempts": ({"quiz_attempts": None}, {}, []),
    "two ends at once": ({"validity_days": 1, "validity_months": 1}, {}, ["validity_months"]),
    "a second end": ({"validity_days": 1}, {"validity_months": 1}, ["validity_days"]),
    "another end instead": ({"validity_days": 1, "validity_months": None}, {"validity_months": 1}, []),
    "no practice and no quiz": ({"practical": False}, {}, ["practical"]),
    "no practice, with a quiz": ({"practical": False}, {"quiz_questions": 5}, []),
    "the quiz goes, practice was not needed": (
        {"quiz_questions": 0},
        {"practical": False, "quiz_questions": 5},
        ["quiz_questions"],
    ),
    "no quiz makes an instructor": (
        {"level": "instructor"},
        {"practical": False, "quiz_questions": 5},
        ["level"],
    ),
}


@pytest.mark.parametrize(("values", "known", "wrong"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_named(values: dict[str, Any], known: dict[str, Any], wrong: list[str]) -> None:
    assert list(faults(values, known)) == wrong


@pytest.mark.parametrize("text", ["", "1-1", "13-01", "00-10", "01-00", "04-31", "01-01-01", "٠١-٠١", "ab-cd"])
def test_what_is_no_day_of_the_year(text: str) -> None:
    assert not is_day_of_year(text)


class Lab:
    """A manager, and certifications A, B, C … by their letters."""

    def __init__(self) -> None:
        self.actor = make_actor(make_person(role=Role.MANAGER))
        self.known: dict[str, Certification] = {}

    def define(self, letter: str, **values: Any) -> int:
        made = service.define(self.actor, {"name": {"en": letter}, **values}, NOW)
        self.known[letter] = made
        return made.id

    def change(self, letter: str, **values: Any) -> None:
        service.change(self.actor, self.known[letter].id, values, NOW)


@pytest.fixture
def lab(app: object) -> Lab:
    return Lab()


def closed() -> set[tuple[int, int, bool]]:
    """The rows of what follows, as they are stored."""
    rows = db.session.scalars(select(Inclusion).execution_options(populate_existing=True))
    return {(one.certification_id, one.included_id, one.direct) for one in rows}


def test_everything_can_be_said_and_is_in_the_log(lab: Lab) -> None:
    a = lab.define("A")
    values = {
        "level": Level.SUPERVISED,
        "validity_ends_on": "08-31",
        "min_age": 16,
        "quiz_questions": 5,
        "quiz_pass_percent": 90,
        "quiz_attempts": 3,
        "quiz_wait_hours": 24,
        "practical": False,
        "prerequisites": [a],
        "includes": [a],
    }
    b = lab.define("B", **values)
    found = service.get_certification(b)
    assert {name: getattr(found, name) for name in values if hasattr(found, name)} | service.links_of(b) == values
    lab.change("B", min_age=None, includes=[])
    [changed, _added] = audit.history("certification", str(b))
    assert (changed.before, changed.after) == ({"min_age": 16, "includes": [a]}, {"min_age": None, "includes": []})
    lab.change("B", includes=[])
    assert len(audit.history("certification", str(b))) == 2, "no change, no entry"


@pytest.mark.parametrize(
    ("first", "second"), [("prerequisites",) * 2, ("includes",) * 2, ("prerequisites", "includes")]
)
def test_a_circle_is_refused_and_named(lab: Lab, first: str, second: str) -> None:
    a = lab.define("A")
    b = lab.define("B", **{first: [a]})
    c = lab.define("C", **{second: [b]})
    with pytest.raises(Circle) as error:
        lab.change("A", **{second: [c]})
    assert error.value.path == "A → C → B → A"
    assert error.value.fields == {second: "makes a circle: A → C → B → A"}
    assert service.links_of(a) == {"prerequisites": [], "includes": []}
    with pytest.raises(Circle) as error:
        lab.change("B", **{second: [b]})
    assert error.value.path == "B → B"


def test_what_includes_and_needs_the_same_is_no_circle(lab: Lab) -> None:
    a = lab.define("A")
    b = lab.define("B", includes=[a], prerequisites=[a])
    assert service.links_of(b) == {"includes": [a], "prerequisites": [a]}


@pytest.mark.parametrize("field", ["prerequisites", "includes"])
def test_what_there_is_not_is_refused(lab: Lab, field: str) -> None:
    gone = make_certification(retired_at=NOW)
    for ident in (999, gone.id):
        with pytest.raises(Invalid) as error:
            lab.define("A", **{field: [ident]})
        assert list(error.value.fields) == [field]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 4), st.sets(st.integers(0, 4), max_size=3)), min_size=3, max_size=8))
def test_what_follows_from_what_was_entered_is_always_exact(lab: Lab, edits: list[tuple[int, set[int]]]) -> None:
    ids = [make_certification(f"{number}").id for number in range(5)]
    direct: dict[int, set[int]] = {}
    for place, others in edits:
        wanted = {ids[one] for one in others}
        tried = direct | {ids[place]: wanted}
        try:
            service.change(lab.actor, ids[place], {"includes": sorted(wanted)}, NOW)
        except Circle:
            assert any(one in reaches(tried, one) for one in tried)
        else:
            assert not any(one in reaches(tried, one) for one in tried)
            direct = tried
        naive = {(one, other, other in direct[one]) for one in direct for other in reaches(direct, one)}
        assert {row for row in closed() if row[0] in ids} == naive


def test_who_has_something_held_back_has_it_held_back_in_what_includes_it_from_now_on(lab: Lab) -> None:
    a, b = lab.define("A"), lab.define("B")
    maker = make_person()
    own = make_grant(maker, lab.known["A"])
    package = make_grant(maker, lab.known["B"])
    suspending.suspend(lab.actor, a, maker.id, "talk", NOW)
    assert (own.suspended_at, package.suspended_at) == (NOW, None)
    lab.change("B", includes=[a])
    assert package.suspended_at == NOW
    lab.change("B", includes=[])
    assert package.suspended_at is None
    looks = [one.payload for one in db.session.scalars(select(Outbox).where(Outbox.kind == "certification"))]
    assert looks == [{"person_id": maker.id}, {}, {}]
    assert b


@pytest.mark.parametrize("values", [{"level": "supervised"}, {"lapse_after_unused_days": 5}])
def test_what_may_end_a_right_is_judged_anew(lab: Lab, values: dict[str, Any]) -> None:
    lab.define("A")
    lab.change("A", **values)
    assert sorted(one.kind for one in db.session.scalars(select(Outbox))) == ["certification", "device"]


# -- out of use -------------------------------------------------------------------------------------------------------


def test_what_something_asks_for_is_not_taken_out_of_use_and_it_is_said_what(lab: Lab) -> None:
    a, b = lab.define("A"), lab.define("B")
    c = lab.define("C", prerequisites=[a])
    d = lab.define("D", includes=[a])
    machine, group = make_machine("Laser"), save(ResourceGroup(name={"en": "Saws"}))
    requirements.require(lab.actor, Resource, machine.id, Either((Held(a), Held(b))), NOW)
    requirements.require(lab.actor, ResourceGroup, group.id, Held(a), NOW)
    with pytest.raises(retiring.StillAsked) as error:
        retiring.retire(lab.actor, a, NOW)
    assert [(one.kind, one.ident) for one in error.value.askers] == [
        ("resource", machine.id),
        ("group", group.id),
        ("prerequisite", c),
        ("inclusion", d),
    ]
    assert "Laser" in str(error.value)
    assert service.get_certification(a).retired_at is None


def test_what_nothing_asks_for_is_taken_out_of_use_for_good(lab: Lab) -> None:
    a = lab.define("A")
    require_certification(make_machine(retired_at=NOW), lab.known["A"])
    retiring.retire(lab.actor, a, NOW)
    assert audit.history("certification", str(a))[0].action == "certification.retired"
    with pytest.raises(NotFound):
        service.get_certification(a)
    for act in (lambda: retiring.retire(lab.actor, a, NOW), lambda: lab.change("A", min_age=3)):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        requirements.require(lab.actor, Resource, make_machine().id, Held(a), NOW)


def test_only_managers_take_out_of_use(lab: Lab) -> None:
    a = lab.define("A")
    with pytest.raises(Forbidden):
        retiring.retire(make_actor(make_person(role=Role.INSTRUCTOR)), a, NOW)
    assert issubclass(retiring.StillAsked, Conflict)


def test_prerequisites_are_replaced(lab: Lab) -> None:
    a, b, c = (lab.define(letter) for letter in "ABC")
    lab.change("C", prerequisites=[a, b])
    lab.change("C", prerequisites=[b])
    rows = db.session.execute(select(Prerequisite.certification_id, Prerequisite.needed_id))
    assert [tuple(one) for one in rows] == [(c, b)]
