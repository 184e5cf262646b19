"""What people learnt beside the ordinary grants: quizzes, recognised certificates, suspensions, and what ends soon."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fablab.certifications.models import Evidence
from fablab.certifications.rules import valid_until
from fablab.core.actor import Role
from fablab.demo.members import HISTORY_DAYS, Held, Member, teachers
from fablab.demo.places import CERTIFICATIONS
from fablab.demo.questions import QUESTIONS
from fablab.quizzes.rules import draw

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NUMBER = {one.key: number for number, one in enumerate(CERTIFICATIONS, 1)}
QUIZ_SINCE = 320
"""The quizzes have been there for so many days."""
MAKER_ENDS = 6 * DAY
"""So soon the laser safety of the maker's login ends: the quiz renews it."""
MAKER = "Emily Carter"
FAILED, TWICE = "Giulia Conti", "Ingrid Sørensen"
RECOGNISED = ("Ana Carvalho", "Tomasz Wiśniewski")


@dataclass(slots=True)
class Learnt:
    """`held` is the list of all grants, which grows; the rest are rows of suspensions, theory and attempts."""

    held: list[Held]
    suspensions: list[dict[str, Any]] = field(default_factory=list)
    theory: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def holds(self, person: int, key: str, now: datetime) -> bool:
        """Whether this person has a grant of this certification that goes on."""
        return any(
            one.person == person
            and one.certification == NUMBER[key]
            and one.revoked_at is None
            and one.suspended_at is None
            and (one.valid_until is None or one.valid_until > now)
            for one in self.held
        )


def learn(chance: random.Random, people: list[Member], held: list[Held], now: datetime, zone: ZoneInfo) -> Learnt:
    """Adds to what is `held`: quizzes first, then what stands on them, then what was held back."""
    made = Learnt(held)
    who = {one.seed.name: one for one in people}
    _laser(chance, made, people, now, zone)
    for one in [one for one in held if one.certification == NUMBER["fdm"]]:
        _pass(chance, made, one.person, "fdm", one.granted_at - 2 * HOUR)
    _fail(chance, made, who[FAILED].number, now - 4 * DAY)
    _fail(chance, made, who[TWICE].number, now - 2 * DAY)
    _fail(chance, made, who[TWICE].number, now - DAY)
    _recognised(made, people, who, now)
    _keys(made, people, now, zone)
    _suspend(made, people, now)
    made.attempts.sort(key=lambda one: one["started_at"])
    return made


def _laser(chance: random.Random, made: Learnt, people: list[Member], now: datetime, zone: ZoneInfo) -> None:
    lasers = [one for one in made.held if one.certification == NUMBER["laser"]]
    for one in lasers:
        person = people[one.person - 1]
        latest = min(QUIZ_SINCE, max(1, (now - person.created_at).days - 1))
        at = now - timedelta(days=chance.randint(min(latest, HISTORY_DAYS + 4), latest), minutes=chance.randint(0, 300))
        if one.granted_at > now - timedelta(days=QUIZ_SINCE):
            at = max(person.created_at, one.granted_at - timedelta(hours=chance.randint(2, 30)))
        if person.seed.name == MAKER:
            at = now + MAKER_ENDS - timedelta(days=365)
        _pass(chance, made, one.person, "laser_safety", at)
        until = valid_until(CERTIFICATIONS[NUMBER["laser_safety"] - 1].validity, at, zone)
        made.held.append(_quiz(one.person, "laser_safety", at, until))
        begun = max(person.created_at, one.granted_at - timedelta(days=chance.randint(6, 40)))
        if begun >= now - timedelta(days=QUIZ_SINCE):
            begun = max(at, begun) if at < one.granted_at else one.granted_at
        made.held.append(Held(one.person, NUMBER["laser_start"], begun, one.granted_by, None, None))


def _quiz(person: int, key: str, at: datetime, until: datetime | None) -> Held:
    return Held(person, NUMBER[key], at, 0, until, None, evidence=Evidence.QUIZ)


def bank(key: str) -> dict[int, list[int]]:
    """The questions of a quiz with their choices, by the numbers they have in the demo."""
    return {number: list(choices) for number, choices in _numbered() if QUESTIONS[number - 1].certification == key}


def _numbered() -> Iterator[tuple[int, range]]:
    first = 1
    for number, one in enumerate(QUESTIONS, 1):
        yield number, range(first, first + len(one.choices))
        first += len(one.choices)


def _pass(chance: random.Random, made: Learnt, person: int, key: str, at: datetime) -> None:
    wrong = chance.choice((0, 0, 1)) if key == "laser_safety" else 0
    percent = _attempt(chance, made, person, key, at, wrong)
    row = {"person_id": person, "certification_id": NUMBER[key], "passed_at": at, "percent": percent}
    made.theory.append(row)


def _fail(chance: random.Random, made: Learnt, person: int, at: datetime) -> None:
    _attempt(chance, made, person, "laser_safety", at, 4)


def _attempt(chance: random.Random, made: Learnt, person: int, key: str, at: datetime, wrong: int) -> int:
    """An attempt handed in at `at` with so many wrong answers; returns its percent."""
    known, seed = bank(key), CERTIFICATIONS[NUMBER[key] - 1]
    questions = []
    for place, one in enumerate(draw(known, seed.quiz_questions, chance)):
        right = [known[one.question_id][spot] for spot in QUESTIONS[one.question_id - 1].right]
        others = [choice for choice in known[one.question_id] if choice not in right]
        answer = others[:1] if place < wrong else sorted(right)
        questions.append({"question": one.question_id, "choices": list(one.choice_ids), "answer": answer})
    percent = 100 * (seed.quiz_questions - wrong) // seed.quiz_questions
    made.attempts.append(
        {
            "person_id": person,
            "certification_id": NUMBER[key],
            "started_at": at - timedelta(minutes=chance.randint(4, 15)),
            "finished_at": at,
            "questions": questions,
            "percent": percent,
            "counts": True,
            "passed": percent >= 80,
        }
    )
    return percent


def _recognised(made: Learnt, people: list[Member], who: dict[str, Member], now: datetime) -> None:
    """Learnt elsewhere, with proof."""
    for name, proof in zip(
        RECOGNISED,
        (
            "Certificat du fab lab de Nevers, vérifié par téléphone le jour même",
            "Badge Open Badges du makerspace de Poznań, vérifié",
        ),
        strict=True,
    ):
        at = max(who[name].created_at, now - 60 * DAY)
        teacher = teachers(people, "laser_fibre")[0]
        one = Held(who[name].number, NUMBER["laser_fibre"], at, teacher, at + 730 * DAY, None)
        made.held.append(replace(one, evidence=Evidence.RECOGNISED, proof=proof, reason="Reconnu d'un autre lieu"))


def _keys(made: Learnt, people: list[Member], now: datetime, zone: ZoneInfo) -> None:
    """Those who open in the evening: for everybody until the same day of the year."""
    manager = next(one.number for one in people if one.seed.role is Role.MANAGER)
    seed = CERTIFICATIONS[NUMBER["keyholder"] - 1]
    chosen = [one for one in people if one.seed.role is Role.INSTRUCTOR or one.seed.name == "Thomas Gauthier"]
    for one in chosen:
        at = max(one.created_at, now - 45 * DAY)
        until = valid_until(seed.validity, at, zone)
        made.held.append(
            Held(one.number, NUMBER["keyholder"], at, manager, until, None, reason="Consignes vues sur place")
        )


def _suspend(made: Learnt, people: list[Member], now: datetime) -> None:
    """Two are held back now, at the laser and at the saw; one was, and it was lifted."""
    for key, ago, lifted, reason in (
        ("laser", 20 * HOUR, None, "A quitté le laser en marche ; à revoir ensemble"),
        ("saw", 3 * DAY, None, "Gants portés près de la lame ; en parler avant de reprendre"),
        ("cnc", 12 * DAY, 9 * DAY, "Origine prise sans vérifier le bridage"),
    ):
        at = now - ago
        place = next(
            place
            for place, one in enumerate(made.held)
            if one.certification == NUMBER[key]
            and people[one.person - 1].seed.role is Role.MAKER
            and not people[one.person - 1].seed.login
            and one.solid(now)
            and people[one.person - 1].member_until > (now + 20 * DAY).date()  # type: ignore[operator] # makers are members
            and one.person not in [row["person_id"] for row in made.suspensions]
        )
        one = made.held[place]
        if lifted is None:
            made.held[place] = replace(one, suspended_at=at)
        made.suspensions.append(
            {
                "person_id": one.person,
                "certification_id": NUMBER[key],
                "started_at": at,
                "started_by_id": teachers(people, key)[0],
                "reason": reason,
                "ended_at": None if lifted is None else now - lifted,
                "ended_by_id": None if lifted is None else teachers(people, key)[0],
                "end_note": "" if lifted is None else "Revu ensemble à la machine",
            }
        )
