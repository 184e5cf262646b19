"""A lab with a laser, a maker half way to it, and a person whose passport has a page of every kind."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.certifications.expression import tree_of
from fablab.certifications.models import (
    Certification,
    Evidence,
    Inclusion,
    Prerequisite,
    Requirement,
    RequirementTerm,
    Suspension,
    TheoryPass,
)
from fablab.certifications.rules import Either, Every, Held, Level, Need
from fablab.core.actor import Role
from fablab.people.models import Person
from fablab.quizzes.models import Choice, Question
from fablab.resources.models import Resource
from fablab.training.models import Training
from tests.factories import (
    make_certification,
    make_enrolment,
    make_grant,
    make_machine,
    make_person,
    make_training,
    save,
    texts,
)

DAY = timedelta(days=1)


@dataclass
class PathLab:
    """The laser asks for safety, and for the CO2 or the fibre laser; `maker` has the safety alone."""

    laser: Resource
    safety: Certification
    co2: Certification
    fibre: Certification
    maker: Person
    luc: Person
    training: Training
    full: Training


def require(resource: Resource, need: Need, terms: list[Certification]) -> None:
    """Makes the resource ask for this."""
    rows = [RequirementTerm(certification_id=one.id) for one in terms]
    save(Requirement(resource_id=resource.id, expression=tree_of(need), terms=rows))


def make_question(certification: Certification) -> Question:
    """A question of the quiz."""
    choices = [Choice(text=texts(words), correct=words == "Yes") for words in ("Yes", "No")]
    values = {"certification_id": certification.id, "created_at": certification.created_at}
    return save(Question(text=texts("Is it hot?"), explanation={}, choices=choices, **values))


def make_path_lab(now: datetime) -> PathLab:
    """Trainings with a free place and without, and alternatives of different lengths."""
    safety = make_certification("Safety in the workshop", quiz_questions=1, practical=False)
    co2 = make_certification("CO2 laser", quiz_questions=2, min_age=16)
    fibre = make_certification("Fibre laser", level=Level.SUPERVISED)
    for one, count in ((safety, 1), (co2, 2)):
        for _number in range(count):
            make_question(one)
    for one, needed in ((co2, safety), (fibre, co2)):
        save(Prerequisite(certification_id=one.id, needed_id=needed.id))
    laser = make_machine("Laser cutter")
    require(laser, Every((Held(safety.id), Either((Held(co2.id), Held(fibre.id))))), [safety, co2, fibre])
    maker = make_person(name="Nadia Petrova")
    luc = make_person(name="Luc Martin", role=Role.INSTRUCTOR)
    make_grant(maker, safety, granted_at=now - 60 * DAY, granted_by_id=luc.id)
    training = make_training(luc, [co2], now + 5 * DAY)
    full = make_training(luc, [co2], now + 2 * DAY, places=1, title=texts("Evening class"))
    make_enrolment(full, make_person())
    return PathLab(laser, safety, co2, fibre, maker, luc, training, full)


def make_passport(now: datetime) -> tuple[Person, Person]:
    """Somebody who holds, holds not for long, holds back and has lost certifications; and who certified him."""
    person, luc = make_person(name="Nadia Petrova"), make_person(name="Luc Martin", role=Role.INSTRUCTOR)
    by = {"granted_by_id": luc.id, "reason": "Laser class of the winter"}
    master = make_certification("Laser master")
    laser, wood, saw, cnc, textile, vinyl = (
        make_certification(name)
        for name in ("CO2 laser", "Wood shop", "Circular saw", "CNC mill", "Sewing", "Vinyl cutter")
    )
    save(Inclusion(certification_id=master.id, included_id=vinyl.id, direct=True))
    make_grant(person, laser, granted_at=now - 400 * DAY, valid_until=now - 30 * DAY, end_noted_at=now, **by)
    make_grant(person, laser, granted_at=now - 60 * DAY, valid_until=now + 300 * DAY, evidence=Evidence.TRAINING, **by)
    make_grant(
        person, master, granted_at=now - 10 * DAY, evidence=Evidence.RECOGNISED, proof="Fablab Sofia, 2025", **by
    )
    make_grant(person, wood, granted_at=now - 100 * DAY, valid_until=now + 9 * DAY, **by)
    make_grant(person, saw, granted_at=now - 90 * DAY, suspended_at=now - DAY, **by)
    make_grant(person, cnc, granted_at=now - 400 * DAY, valid_until=now - 35 * DAY, end_noted_at=now - 35 * DAY, **by)
    gone = {"revoked_at": now - 4 * DAY, "revoked_by_id": luc.id, "revoked_reason": "The guard was taken off"}
    make_grant(person, textile, granted_at=now - 40 * DAY, evidence=Evidence.QUIZ, **gone)
    held_back = {"person_id": person.id, "certification_id": saw.id, "started_by_id": luc.id}
    save(Suspension(started_at=now - DAY, reason="Please come by for a talk about the guard", **held_back))
    save(TheoryPass(person_id=person.id, certification_id=laser.id, passed_at=now, percent=90))
    return person, luc
