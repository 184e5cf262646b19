"""Certifications, quizzes and trainings of the demo as rows, and what the audit log keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fablab.certifications.clock_rules import reminder_due
from fablab.certifications.expression import terms_of, tree_of
from fablab.certifications.links import closure
from fablab.certifications.rules import Either, Every, Held, Need, ends_by
from fablab.core.db import Base
from fablab.demo import members, policies
from fablab.demo.learning import NUMBER
from fablab.demo.places import CERTIFICATIONS
from fablab.demo.questions import QUESTIONS
from fablab.demo.resources import RESOURCES
from fablab.demo.world import World
from fablab.quizzes.models import Attempt, Choice, Question
from fablab.training.models import Attendance, Enrolment, Training, TrainingCertification, TrainingDate, TrainingGrant
from fablab.training.rules import EnrolmentState, TrainingState

Rows = list[dict[str, Any]]


def prerequisites() -> Rows:
    """What must be held before."""
    return [
        {"certification_id": NUMBER[one.key], "needed_id": NUMBER[key]} for one in CERTIFICATIONS for key in one.needs
    ]


def inclusions() -> Rows:
    """What comes with what, all that follows too."""
    direct = {NUMBER[one.key]: [NUMBER[key] for key in one.includes] for one in CERTIFICATIONS if one.includes}
    return [
        {"certification_id": one, "included_id": other, "direct": other in direct[one]}
        for one, others in sorted(closure(direct).items())
        for other in sorted(others)
    ]


def _needs() -> list[tuple[dict[str, Any], Need]]:
    """Both groups ask for the induction, their machines for the rest."""
    induction = Held(NUMBER["induction"])
    found: list[tuple[dict[str, Any], Need]] = [
        ({"resource_id": None, "group_id": number}, induction) for number, _key in enumerate(policies.GROUPS, 1)
    ]
    for number, one in enumerate(RESOURCES, 1):
        grouped = policies.group_of(one.key, one.device) is not None
        parts: list[Need] = [Held(NUMBER[key]) for key in one.needs if not (grouped and key == "induction")]
        if one.either:
            parts.append(Either(tuple(Held(NUMBER[key]) for key in one.either)))
        if parts:
            found.append(({"resource_id": number, "group_id": None}, Every(tuple(parts))))
    return found


def requirements() -> Rows:
    """What machines and groups ask for."""
    return [{"id": number, **whose, "expression": tree_of(need)} for number, (whose, need) in enumerate(_needs(), 1)]


def terms() -> Rows:
    """The certifications named in each."""
    return [
        {"requirement_id": number, "certification_id": one}
        for number, (_whose, need) in enumerate(_needs(), 1)
        for one in terms_of(need)
    ]


def grant(number: int, one: members.Held, now: datetime) -> dict[str, Any]:
    """A grant; its end is noted, and its holder reminded, where that was due before `now`."""
    due = reminder_due(one.facts, None, None, now)
    return {
        "id": number,
        "public_id": f"demo-{number:04}",
        "person_id": one.person,
        "certification_id": one.certification,
        "granted_at": one.granted_at,
        "granted_by_id": one.granted_by or None,
        "evidence": one.evidence,
        "proof": one.proof,
        "reason": one.reason or ("" if not one.granted_by else f"Formation du {one.granted_at:%d/%m/%Y}"),
        "valid_until": one.valid_until,
        "last_used_at": one.last_used_at,
        "suspended_at": one.suspended_at,
        "revoked_at": one.revoked_at,
        "revoked_by_id": one.revoked_by,
        "revoked_reason": one.revoked_reason,
        "reminded_end": due.end if due else None,
        "reminded_days": due.days if due else None,
        "end_noted_at": noted(one, now),
    }


def noted(one: members.Held, now: datetime) -> datetime | None:
    """When it was noted that the grant had ended; None while it goes on, or where it was withdrawn."""
    end = ends_by(one.facts)
    if end is None or end[0] > now or one.revoked_at is not None:
        return None
    return min(now, end[0] + timedelta(minutes=1))


def quizzes(world: World) -> list[tuple[type[Base], Rows]]:
    """Questions with their choices, and the attempts."""
    since = world.now - timedelta(days=600)
    questions: Rows = []
    choices: Rows = []
    for number, one in enumerate(QUESTIONS, 1):
        row = {"id": number, "certification_id": NUMBER[one.certification], "text": one.text}
        questions.append(row | {"explanation": one.explanation, "created_at": since, "retired_at": None})
        for place, text in enumerate(one.choices):
            choice = {"id": len(choices) + 1, "question_id": number, "text": text, "correct": place in one.right}
            choices.append(choice)
    attempts = [{"id": number, **one} for number, one in enumerate(world.learnt.attempts, 1)]
    return [(Question, questions), (Choice, choices), (Attempt, attempts)]


def trainings(world: World) -> list[tuple[type[Base], Rows]]:
    """Trainings with their dates, enrolments and ticks."""
    made = world.taught
    given = [{"grant_id": place + 1, "enrolment_id": enrolment} for enrolment, place in made.grants]
    return [
        (Training, made.trainings),
        (TrainingCertification, made.certifications),
        (TrainingDate, made.dates),
        (Enrolment, made.enrolments),
        (Attendance, made.marks),
        (TrainingGrant, given),
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """One act for the audit log; `who` None: by itself."""

    at: datetime
    who: int | None
    action: str
    subject: tuple[str, str]
    after: dict[str, Any] = field(default_factory=dict)


def told(world: World) -> Iterator[Told]:
    """All that happened to certifications, quizzes and trainings, in no order."""
    yield from _of_grants(world)
    yield from _of_suspensions(world)
    yield from _of_quizzes(world)
    yield from _of_trainings(world)
    yield from _of_enrolments(world)


def _of_grants(world: World) -> Iterator[Told]:
    for number, one in enumerate(world.grants, 1):
        subject = ("certification_grant", str(number))
        about = {"person_id": str(one.person), "certification_id": str(one.certification)}
        until = None if one.valid_until is None else one.valid_until.isoformat()
        given = {"evidence": one.evidence.value, "reason": one.reason, "valid_until": until}
        yield Told(one.granted_at, one.granted_by or None, "grant.given", subject, about | given)
        if one.revoked_at is not None:
            why = {"reason": one.revoked_reason}
            yield Told(one.revoked_at, one.revoked_by, "grant.revoked", subject, {"person_id": str(one.person)} | why)
        ended, end = noted(one, world.now), ends_by(one.facts)
        if ended is not None and end is not None:
            cause = {"cause": end[1], "ended_at": end[0].isoformat()}
            yield Told(ended, None, "grant.ended", subject, about | cause)


def _of_suspensions(world: World) -> Iterator[Told]:
    for number, one in enumerate(world.learnt.suspensions, 1):
        subject = ("certification_suspension", str(number))
        about = {"person_id": str(one["person_id"]), "certification_id": str(one["certification_id"])}
        why = {"reason": one["reason"]}
        yield Told(one["started_at"], one["started_by_id"], "certification.suspended", subject, about | why)
        if one["ended_at"] is not None:
            note = {"note": one["end_note"]}
            yield Told(one["ended_at"], one["ended_by_id"], "certification.resumed", subject, about | note)


def _of_quizzes(world: World) -> Iterator[Told]:
    for number, one in enumerate(world.learnt.attempts, 1):
        subject, who = ("quiz_attempt", str(number)), one["person_id"]
        about = {"certification_id": str(one["certification_id"])}
        yield Told(one["started_at"], who, "quiz.started", subject, about)
        judged = {"person_id": str(who), "percent": one["percent"], "passed": one["passed"]}
        yield Told(one["finished_at"], who, "quiz.finished", subject, about | judged)
    for number, one in enumerate(world.learnt.theory, 1):
        about = {"person_id": str(one["person_id"]), "certification_id": str(one["certification_id"])}
        subject = ("certification_theory", str(number))
        yield Told(one["passed_at"], None, "theory.passed", subject, about | {"percent": one["percent"]})


def _of_trainings(world: World) -> Iterator[Told]:
    for one in world.taught.trainings:
        subject, who, at = ("training", str(one["id"])), one["instructor_id"], one["created_at"]
        about = {"title": one["title"], "instructor_id": str(who), "places": one["places"], "minimum": one["minimum"]}
        yield Told(at, who, "training.planned", subject, about | {"state": "draft"})
        if one["state"] is not TrainingState.DRAFT:
            published = about | {"state": "published"}
            yield Told(at + timedelta(minutes=20), who, "training.published", subject, published)
        if one["ended_at"] is not None:
            after = about | {"state": one["state"].value} | ({"reason": one["end_reason"]} if one["end_reason"] else {})
            yield Told(one["ended_at"], who, f"training.{one['state'].value}", subject, after)


def _of_enrolments(world: World) -> Iterator[Told]:
    teachers = {one["id"]: one["instructor_id"] for one in world.taught.trainings}
    for one in world.taught.enrolments:
        subject, state = ("enrolment", str(one["id"])), one["state"]
        about = {"training_id": str(one["training_id"]), "person_id": str(one["person_id"])}
        waited = state in (EnrolmentState.WAITING, EnrolmentState.OFFERED)
        first = about | {"state": "waiting" if waited else "enrolled"}
        yield Told(one["created_at"], one["person_id"], "enrolment.created", subject, first)
        after = about | {"state": state.value}
        if state is EnrolmentState.OFFERED:
            at = next(it["ended_at"] for it in world.taught.enrolments if it["state"] is EnrolmentState.WITHDRAWN)
            until = {"offered_until": one["offered_until"].isoformat()}
            yield Told(at, None, "enrolment.offered", subject, after | until)
        if one["ended_at"] is not None:
            who = one["person_id"] if state is EnrolmentState.WITHDRAWN else teachers[one["training_id"]]
            yield Told(one["ended_at"], who, f"enrolment.{state.value}", subject, after)
        if one["outcome_at"] is not None:
            ticks = {"ticks": [{"outcome": one["outcome"].value, "note": one["note"]}]}
            yield Told(one["outcome_at"], teachers[one["training_id"]], "enrolment.ticked", subject, ticks)
