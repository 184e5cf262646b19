"""Random histories of grants, uses, suspensions and withdrawals, of certifications that include and need each other:
what the lab decides is always what a simple model says that walks through the days one by one. On both databases."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fablab.certifications import granting, requirements, service, suspending
from fablab.certifications.expression import of_groups
from fablab.certifications.facts import grants_of, history_of
from fablab.certifications.matrix import standings_of
from fablab.certifications.rules import Held, Required, grant_denials
from fablab.certifications.use import note_use
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied
from fablab.interlock.service import check_access
from fablab.resources.models import OpeningRule, Resource
from tests.factories import NOW, make_actor, make_machine, make_person

COUNT = 5
"""Certifications 0 to 4; one may include or need those before it."""

LENGTHS = {0: (None, None), 1: (None, 12), 2: (25, None), 3: (30, 10), 4: (None, None)}
"""For how many days each is granted, and after how many without use it lapses."""


@dataclass
class Paper:
    """A grant as the model knows it: what it counts as, and whether it is alive. What has died stays dead."""

    counts_as: frozenset[int]
    until: int | None
    lapse: int | None
    last: int
    alive: bool = True


@dataclass
class Model:
    """Walks through the days. Knows nothing of the program."""

    includes: dict[int, set[int]]
    needs: dict[int, set[int]]
    day: int = 0
    papers: list[Paper] = field(default_factory=list)
    held_back: list[int] = field(default_factory=list)
    past: dict[int, frozenset[int]] = field(default_factory=dict)

    def counts_as(self, one: int) -> frozenset[int]:
        """It and all that it includes."""
        return frozenset({one}).union(*(self.counts_as(other) for other in self.includes[one]))

    def wait(self, days: int) -> None:
        """Nights pass: what is over dies."""
        for _ in range(days):
            self.past[self.day] = self.held()
            self.day += 1
            for paper in self.papers:
                over = paper.until is not None and self.day >= paper.until
                unused = paper.lapse is not None and self.day - paper.last >= paper.lapse
                paper.alive = paper.alive and not over and not unused

    def held(self) -> frozenset[int]:
        """What is held now."""
        return frozenset().union(*(paper.counts_as for paper in self.papers if self._counts(paper)))

    def _counts(self, paper: Paper) -> bool:
        return paper.alive and not paper.counts_as & set(self.held_back)

    def grant(self, one: int) -> bool:
        """Whether it is granted."""
        if self.counts_as(one) & set(self.held_back) or not self.needs[one] <= self.held():
            return False
        days, lapse = LENGTHS[one]
        until = None if days is None else self.day + days
        self.papers.append(Paper(self.counts_as(one), until, lapse, self.day))
        return True

    def use(self, asked: Iterable[int]) -> None:
        """What counts for what the machine asks for is used."""
        for paper in self.papers:
            if self._counts(paper) and paper.counts_as & set(asked):
                paper.last = self.day

    def suspend(self, one: int) -> bool:
        """Whether it is held back from now on."""
        if one in self.held_back or not any(one in paper.counts_as and paper.alive for paper in self.papers):
            return False
        self.held_back.append(one)
        return True

    def revoke(self, one: int) -> bool:
        """Whether there was something to withdraw."""
        found = [paper for paper in self.papers if one in paper.counts_as and paper.alive]
        for paper in found:
            paper.alive = False
        return bool(found)


class Lab:
    """The same history in the program."""

    def __init__(self, includes: dict[int, set[int]], needs: dict[int, set[int]], groups: list[list[int]]) -> None:
        self.actor, self.person = make_actor(make_person(role=Role.MANAGER)), make_person(member_until=None).id
        self.ids: list[int] = []
        for one in range(COUNT):
            days, lapse = LENGTHS[one]
            values = {
                "name": {"en": f"{one}"},
                "validity_days": days,
                "lapse_after_unused_days": lapse,
                "includes": sorted(self.ids[other] for other in includes[one]),
                "prerequisites": sorted(self.ids[other] for other in needs[one]),
            }
            self.ids.append(service.define(self.actor, values, NOW).id)
        self.machine = make_machine(opening=OpeningRule.ALWAYS).id
        need = of_groups([[self.ids[one] for one in group] for group in groups])
        requirements.require(self.actor, Resource, self.machine, need, NOW)

    def at(self, day: int) -> datetime:
        return NOW + timedelta(days=day)

    def grant(self, one: int, day: int) -> bool:
        try:
            granting.grant(self.actor, self.ids[one], self.person, "seen", self.at(day))
        except Denied:
            return False
        return True

    def suspend(self, one: int, day: int) -> bool:
        try:
            suspending.suspend(self.actor, self.ids[one], self.person, "talk", self.at(day))
        except Conflict:
            return False
        return True

    def lift(self, one: int, day: int) -> None:
        [known, *_] = suspending.suspensions_between(self.ids[one], self.person)
        suspending.lift(self.actor, known.id, "", self.at(day))

    def revoke(self, one: int, day: int) -> bool:
        try:
            granting.revoke_all(self.actor, self.ids[one], self.person, "no", self.at(day))
        except Conflict:
            return False
        return True

    def held(self, day: int, *, history: bool = False) -> frozenset[int]:
        """What the rule says is held, from the present columns, or from all that is known of the past."""
        db.session.rollback()
        known = history_of(self.person) if history else grants_of([self.person]).get(self.person, [])
        asked = enumerate(self.ids)
        return frozenset(one for one, ident in asked if not grant_denials(Required(Held(ident)), known, self.at(day)))

    def opens(self, day: int) -> bool:
        """What the badge reader would say."""
        return not check_access(self.person, self.machine, self.at(day))


days = st.integers(0, 6)
certification = st.integers(0, COUNT - 1)
acts = st.one_of(
    st.tuples(st.just("grant"), certification, days),
    st.tuples(st.just("grant"), certification, days),
    st.tuples(st.just("use"), certification, days),
    st.tuples(st.just("suspend"), certification, days),
    st.tuples(st.just("lift"), certification, days),
    st.tuples(st.just("revoke"), certification, days),
    st.tuples(st.just("wait"), certification, st.integers(5, 15)),
)


def below(most: int) -> st.SearchStrategy[dict[int, set[int]]]:
    """Of each certification some of those before it."""
    others = {one: st.sets(st.integers(0, one - 1), max_size=most) for one in range(1, COUNT)}
    return st.fixed_dictionaries({0: st.just(set()), **others})


groups = st.lists(st.lists(certification, min_size=1, max_size=2), min_size=1, max_size=2)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(includes=below(2), needs=below(1), groups=groups, history=st.lists(acts, min_size=15, max_size=30))
def test_the_decision_is_always_the_same(
    app: Flask,
    includes: dict[int, set[int]],
    needs: dict[int, set[int]],
    groups: list[list[int]],
    history: list[tuple[str, int, int]],
) -> None:
    model, lab = Model(includes, needs), Lab(includes, needs, groups)
    gone: set[int] = set()
    for act, one, waits in history:
        model.wait(waits)
        if act == "grant":
            done = model.grant(one)
            assert lab.grant(one, model.day) is done
            gone -= model.counts_as(one) if done else set()
        elif act == "use":
            model.use({one for group in groups for one in group})
            note_use(lab.person, lab.machine, lab.at(model.day))
        elif act == "suspend":
            assert lab.suspend(one, model.day) is model.suspend(one)
        elif act == "lift" and one in model.held_back:
            model.held_back.remove(one)
            lab.lift(one, model.day)
        elif act == "revoke":
            done = model.revoke(one)
            assert lab.revoke(one, model.day) is done
            gone |= {one} if done else set()
        now = lab.held(model.day)
        assert now == model.held()
        assert not now & gone, "what was withdrawn is not held again without a new grant"
        assert lab.opens(model.day) is all(set(group) & now for group in groups)
    standings = standings_of(lab.person, lab.at(model.day))
    assert {
        one for one, ident in enumerate(lab.ids) for known, found in standings if known.id == ident and found.holds
    } == model.held()
    for day, held in model.past.items():
        assert lab.held(day, history=True) == held, "and the past is still known as it was"
