"""What the table of access is tried on: a caller of each kind with a token, and one thing of each kind."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fablab.certifications.models import Certification, Inclusion, Suspension
from fablab.certifications.rules import Level
from fablab.core import clock
from fablab.core.actor import Role
from fablab.people.models import ApiToken, Badge, MembershipPlan, Person
from fablab.people.tokens import _digest
from fablab.quizzes.models import Attempt, Choice, Question
from fablab.reservations.models import Let, ReservationSeries, SkippedOccurrence, WaitingEntry
from fablab.resources.models import Closure, OpeningException, Resource, ResourceGroup
from fablab.usage.models import UsageSession
from tests.factories import (
    NOW,
    make_certification,
    make_device,
    make_enrolment,
    make_grant,
    make_machine,
    make_person,
    make_reservation,
    make_training,
    save,
)

LATER = NOW + timedelta(hours=1)


@dataclass
class World:
    """The ids in the addresses, and a token with every scope for each caller."""

    ids: dict[str, object]
    tokens: dict[str, str]


def make_world() -> World:
    """The callers, and things that belong to `member`."""
    people = {name: make_person() for name in ("member", "other")}
    people |= {role.value: make_person(role=role, password="x") for role in list(Role)[1:]}
    tokens = {name: f"token of {name}" for name in people}
    for name, person in people.items():
        token_of(person, tokens[name])
    member = people["member"]
    machine, certification = make_machine(), make_certification(quiz_questions=1)
    _teach(people["instructor"], certification)
    grant = make_grant(member, certification)
    ids: dict[str, object] = {
        "person_id": member.id,
        "resource_id": machine.id,
        "certification_id": certification.id,
        "grant_id": grant.id,
        "suspension_id": _suspension(member, certification),
        "public_id": grant.public_id,
        "number": 1,
        "reservation_id": make_reservation(member, [machine], NOW, LATER, let=Let()).id,
        "badge_id": save(Badge(person_id=member.id, uid_hash="x", issued_at=NOW)).id,
        "token_id": token_of(member, "another token").id,
        "session_id": _session(member, machine),
        "device_id": make_device().id,
        "channel_id": 99,
        "feed_id": 99,
        "delivery_id": 99,
        "secret": "unknown",
        "any(again, drop):what": "again",
        "code": "fr",
        "filename": "favicon.svg",
    }
    ids |= _of_series(member, machine) | _of_rules() | _of_quiz(member, certification)
    ids |= _of_training(member, people["instructor"], certification)
    return World(ids, tokens)


def _suspension(member: Person, certification: Certification) -> int:
    values = {"person_id": member.id, "certification_id": certification.id, "started_at": NOW, "reason": "talk"}
    return save(Suspension(**values)).id


def _teach(instructor: Person, certification: Certification) -> None:
    teaching = make_certification(level=Level.INSTRUCTOR)
    save(Inclusion(certification_id=teaching.id, included_id=certification.id, direct=True))
    make_grant(instructor, teaching)


def token_of(person: Person, text: str) -> ApiToken:
    """A token that reads `text` and may do all that the person may."""
    token = ApiToken(person_id=person.id, name="test", token_hash=_digest(text), scopes=["admin"], created_at=NOW)
    return save(token)


def _session(member: Person, machine: Resource) -> int:
    session = UsageSession(
        device_id=make_device(machine).id,
        resource_id=machine.id,
        key="1",
        person_id=member.id,
        started_at=NOW,
        updated_at=NOW,
    )
    return save(session).id


def _of_series(member: Person, machine: Resource) -> dict[str, object]:
    series = ReservationSeries(
        person_id=member.id,
        created_at=NOW,
        rule="FREQ=DAILY;COUNT=2",
        zone="Europe/Paris",
        starts_at=NOW,
        minutes=60,
        resource_ids=[str(machine.id)],
    )
    series_id = save(series).id
    skipped = SkippedOccurrence(series_id=series_id, occurrence_at=NOW + timedelta(days=1), denials=[])
    entry = WaitingEntry(
        person_id=member.id, resource_id=machine.id, starts_at=NOW, ends_at=LATER, minutes=60, created_at=NOW
    )
    return {"series_id": series_id, "skipped_id": save(skipped).id, "entry_id": save(entry).id}


def _of_rules() -> dict[str, object]:
    closure = Closure(starts_at=NOW, ends_at=LATER, reason={"fr": "Travaux"}, created_at=NOW)
    return {
        "group_id": save(ResourceGroup(name={"fr": "Lasers"})).id,
        "plan_id": save(MembershipPlan(name={"fr": "Nuit"})).id,
        "closure_id": save(closure).id,
        "exception_id": save(OpeningException(day=NOW.date(), hours=[], reason={})).id,
        "level": "kind",
        "target": "machine",
    }


def _of_quiz(member: Person, certification: Certification) -> dict[str, object]:
    choices = [Choice(text={"fr": text}, correct=text == "Oui") for text in ("Oui", "Non")]
    about: dict[str, Any] = {"certification_id": certification.id}
    question = save(Question(text={"fr": "?"}, explanation={}, created_at=NOW, choices=choices, **about))
    asked = [{"question": question.id, "choices": [one.id for one in question.choices], "answer": None}]
    attempt = Attempt(person_id=member.id, started_at=NOW, questions=asked, **about)
    return {"question_id": question.id, "attempt_id": save(attempt).id}


def _of_training(member: Person, instructor: Person, certification: Certification) -> dict[str, object]:
    training = make_training(instructor, [certification], clock.now() + timedelta(hours=1))
    return {"training_id": training.id, "enrolment_id": make_enrolment(training, member).id}
