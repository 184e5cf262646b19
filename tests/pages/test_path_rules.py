"""The way to what a machine asks for: a table of cases, each with the steps that it takes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fablab.certifications.rules import Award, Candidate, Either, Every, GrantFacts, Held, Level, Need
from fablab.pages.path_rules import Ask, Kind, Map, Step, Traveller, Way, way_to

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
SAFETY, LASER, FIBRE, SAW, TEACHING, QUIZ_ONLY, YOUNG = 1, 2, 3, 4, 5, 6, 7


def award(ident: int, **over: Any) -> Award:
    values: dict[str, Any] = {"certification_id": ident, "name": {"en": str(ident)}}
    return Award(**values | over)


ASKS = {
    SAFETY: Ask(award(SAFETY, theory=True), practical=False),
    LASER: Ask(award(LASER, prerequisites={SAFETY: {}}, theory=True)),
    FIBRE: Ask(award(FIBRE, prerequisites={LASER: {}})),
    SAW: Ask(award(SAW, min_age=18)),
    TEACHING: Ask(award(TEACHING, includes={LASER: {}}), level=Level.INSTRUCTOR),
    QUIZ_ONLY: Ask(award(QUIZ_ONLY, theory=True), practical=False),
    YOUNG: Ask(award(YOUNG, prerequisites={SAW: {}}, min_age=16)),
}


def has(ident: int, **over: Any) -> GrantFacts:
    values: dict[str, Any] = {"certification_id": ident, "granted_at": NOW - timedelta(days=30)}
    return GrantFacts(**values | over)


def way(need: Need, grants: Sequence[GrantFacts] = (), **who: Any) -> Way:
    born, suspended = who.pop("born_on", None), who.pop("suspended", {})
    candidate = Candidate(grants, born_on=born, suspended=suspended)
    return way_to(need, Map(ASKS, Traveller(candidate, **who), NOW, TODAY))


def said(found: Way) -> list[str]:
    return [f"{step.kind} {step.certification_id}" for step in found.steps]


OVER = {"valid_until": NOW - timedelta(days=1)}
GONE = {"revoked_at": NOW - timedelta(days=1)}
BACK = {"suspensions": [(NOW - timedelta(days=1), None)]}
CASES: list[tuple[str, Need, Sequence[GrantFacts], dict[str, Any], list[str]]] = [
    ("nothing is asked for", Every(), [], {}, []),
    ("it is held", Held(SAFETY), [has(SAFETY)], {}, []),
    ("a quiz is enough", Held(SAFETY), [], {}, ["quiz 1"]),
    ("a quiz passed before is taken again", Held(SAFETY), [has(SAFETY, **OVER)], {"passed": {1}}, ["quiz 1"]),
    (
        "what was withdrawn a quiz does not bring back",
        Held(SAFETY),
        [has(SAFETY, **GONE)],
        {"revoked": {1}},
        ["staff 1"],
    ),
    ("first what is needed, then quiz, then training", Held(LASER), [], {}, ["quiz 1", "quiz 2", "training 2"]),
    ("the quiz that is passed is not asked again", Held(LASER), [has(SAFETY)], {"passed": {2}}, ["training 2"]),
    ("needed by what is needed", Held(FIBRE), [], {}, ["quiz 1", "quiz 2", "training 2", "training 3"]),
    ("half of the way is gone", Held(FIBRE), [has(LASER)], {}, ["training 3"]),
    ("what includes it counts", Held(LASER), [has(TEACHING, counts_as=(LASER, TEACHING))], {}, []),
    ("it is over", Held(FIBRE), [has(LASER), has(FIBRE, **OVER)], {}, ["training 3"]),
    ("it was withdrawn", Held(LASER), [has(SAFETY), has(LASER, **GONE)], {}, ["quiz 2", "training 2"]),
    ("it begins tomorrow only", Held(SAFETY), [has(SAFETY, granted_at=NOW + timedelta(days=1))], {}, ["quiz 1"]),
    ("it is held back", Held(LASER), [has(LASER, **BACK)], {}, ["suspended 2"]),
    (
        "it is held back and over",
        Held(SAFETY),
        [has(SAFETY, **OVER, **BACK)],
        {"suspended": {SAFETY: NOW}},
        ["suspended 1", "quiz 1"],
    ),
    ("the age is not known", Held(SAW), [], {}, ["birth_date 4", "training 4"]),
    ("too young", Held(SAW), [], {"born_on": date(2010, 5, 1)}, ["too_young 4", "training 4"]),
    ("old enough", Held(SAW), [], {"born_on": date(2000, 5, 1)}, ["training 4"]),
    (
        "the date of birth is asked for once, and first",
        Every((Held(SAFETY), Held(YOUNG))),
        [],
        {},
        ["birth_date 7", "quiz 1", "training 4", "training 7"],
    ),
    ("managers make instructors", Held(TEACHING), [], {}, ["staff 5"]),
    ("a certification that is not in use any more", Held(99), [], {}, ["staff 99"]),
    (
        "all of them, the shared once",
        Every((Held(SAFETY), Held(LASER))),
        [],
        {},
        ["quiz 1", "quiz 2", "training 2"],
    ),
    ("one of them is held", Either((Held(LASER), Held(QUIZ_ONLY))), [has(QUIZ_ONLY)], {}, []),
    ("the shorter of two ways", Either((Held(LASER), Held(QUIZ_ONLY))), [], {}, ["quiz 6"]),
    (
        "one that can be gone alone is nearer than a short one that cannot",
        Either((Held(TEACHING), Held(LASER))),
        [],
        {},
        ["quiz 1", "quiz 2", "training 2"],
    ),
    (
        "of two ways of one step the one that was gone once",
        Either((Held(SAFETY), Held(QUIZ_ONLY))),
        [has(QUIZ_ONLY, **OVER)],
        {},
        ["quiz 6"],
    ),
    (
        "of two ways as long the one with the next free place",
        Either((Held(SAW), Held(FIBRE))),
        [has(LASER)],
        {"born_on": date(2000, 1, 1), "dates": {FIBRE: NOW + timedelta(days=3), SAW: NOW + timedelta(days=5)}},
        ["training 3"],
    ),
    (
        "safety, and one of two lasers",
        Every((Held(SAFETY), Either((Held(FIBRE), Held(LASER))))),
        [has(SAFETY)],
        {"passed": {LASER}},
        ["training 2"],
    ),
]


@pytest.mark.parametrize(("_what", "need", "grants", "who", "steps"), CASES, ids=[case[0] for case in CASES])
def test_the_steps(_what: str, need: Need, grants: Sequence[GrantFacts], who: dict[str, Any], steps: list[str]) -> None:
    found = way(need, grants, **who)
    assert said(found) == steps
    assert found.done is (not steps)


def test_what_is_needed_first_holds_up_the_training_and_not_the_quiz() -> None:
    found = way(Held(LASER))
    assert [step.first for step in found.steps] == [(), (SAFETY,), (SAFETY,)]
    assert [step.ready for step in found.steps] == [True, False, False]


def test_an_age_holds_up_what_it_is_asked_for() -> None:
    found = way(Held(SAW), born_on=date(2010, 5, 1))
    assert found.steps == (Step(Kind.TOO_YOUNG, SAW, on=date(2028, 5, 1)), Step(Kind.TRAINING, SAW, stuck=True))
    assert not any(step.ready for step in found.steps)


def test_the_other_ways_are_folded_the_nearest_first() -> None:
    found = way(Either((Held(FIBRE), Held(LASER), Held(QUIZ_ONLY))))
    assert found.wanted == (QUIZ_ONLY,)
    assert [(one.instead_of, one.certification_ids) for one in found.others] == [
        ((QUIZ_ONLY,), (LASER,)),
        ((QUIZ_ONLY,), (FIBRE,)),
    ]
    assert [step.kind for step in found.others[0].steps] == [Kind.QUIZ, Kind.QUIZ, Kind.TRAINING]


def test_alternatives_within_alternatives_say_what_they_stand_for() -> None:
    found = way(Either((Held(QUIZ_ONLY), Every((Held(SAFETY), Either((Held(LASER), Held(SAW))))))))
    assert found.goals == (QUIZ_ONLY,)
    assert [(one.instead_of, one.certification_ids) for one in found.others] == [
        ((QUIZ_ONLY,), (SAFETY, SAW)),
        ((SAW,), (LASER,)),
    ]


def test_what_is_held_on_the_way_is_named() -> None:
    found = way(Every((Held(SAW), Held(FIBRE))), [has(SAFETY), has(LASER)], born_on=date(2000, 1, 1))
    assert found.held == (LASER,)
    assert found.wanted == (SAW, FIBRE)


def test_a_way_never_turns_round() -> None:
    """Circles are refused when they are entered; a reader would not hang on one all the same."""
    asks = {1: Ask(award(1, prerequisites={2: {}})), 2: Ask(award(2, prerequisites={1: {}}))}
    found = way_to(Held(1), Map(asks, Traveller(), NOW, TODAY))
    assert said(found) == ["training 2", "training 1"]


def test_after_all_its_steps_the_way_is_gone() -> None:
    """Who is granted what the way names needs no step any more, whatever the need."""
    needs: list[Need] = [case[1] for case in CASES]
    for need in needs:
        found = way(need, born_on=date(2000, 1, 1))
        grants = [replace(has(ident), granted_at=NOW) for ident in found.wanted]
        assert way(need, grants, born_on=date(2000, 1, 1)).done
