"""The attendance sheet: who came, who passed. Ticks come from a device that may have been offline: each says when it
was made, the newest counts whatever order they arrive in, and sending one again changes nothing.

Ticks are kept first; then whoever passed is certified, each in a transaction of his own. A certification that cannot be
granted yet (its quiz, an age) is told and waits: `certify` tries again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from fablab.certifications import granting
from fablab.certifications.models import Certification, Evidence, Grant
from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.db import lock as lock_row
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, FablabError, Forbidden, Invalid
from fablab.core.words import config, text
from fablab.people.models import Person
from fablab.training import places, rules, telling
from fablab.training.ending import managed
from fablab.training.models import Attendance, Enrolment, Training, TrainingGrant
from fablab.training.reading import get_training, may_manage
from fablab.training.rules import SHEET_OPENS, EnrolmentState, Mark, Outcome, TrainingState

LONGEST_NOTE = 500
MOST_TICKS = 2000


@dataclass(frozen=True, slots=True)
class Tick:
    """What was ticked on the sheet, and when on the device: whether somebody came to a date (`date_id`, `mark`), or
    what is said of him in the end (`judged`: `outcome`, None takes it back, and `note`)."""

    enrolment_id: int
    at: datetime
    date_id: int | None = None
    mark: Mark | None = None
    judged: bool = False
    outcome: Outcome | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A tick that cannot count, by its place in what was sent, and why."""

    place: int
    why: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A certification that passing gives and that could not be granted: the reasons, or `why` in words."""

    enrolment_id: int
    certification: Certification
    denials: tuple[Denial, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the sheet. `granted` came of it; `missing`: passed, but not granted yet; `stays`: granted, though it
    is not passed any more: withdrawing is an act of its own."""

    enrolment: Enrolment
    marks: Mapping[int, Attendance]
    granted: Sequence[Grant] = ()
    missing: Sequence[Certification] = ()
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet of a training, its lines by name. After `mark`, what was refused and what is missing and why."""

    training: Training
    rows: Sequence[Row]
    refused: Sequence[Refused] = ()
    missing: Sequence[Missing] = field(default=())


# -- reading ----------------------------------------------------------------------------------------------------------


def sheet(actor: Actor, training_id: int) -> Sheet:
    """The attendance sheet: everybody who has a place. Its instructor; managers. Raises NotFound, Forbidden. At most
    nine queries, however many."""
    training = get_training(actor, training_id)
    if not may_manage(actor, training):
        raise Forbidden("the attendance sheet is its instructor's and the managers'")
    return Sheet(training, _rows(training))


def _rows(training: Training) -> list[Row]:
    query = select(Enrolment).where(Enrolment.training_id == training.id)
    query = query.where(Enrolment.state == EnrolmentState.ENROLLED)
    query = query.options(joinedload(Enrolment.person), selectinload(Enrolment.marks))
    people = db.session.scalars(query.execution_options(populate_existing=True)).all()
    given = _given([one.id for one in people])
    return [_row(one, training, given.get(one.id, [])) for one in sorted(people, key=_by_name)]


def _row(enrolment: Enrolment, training: Training, granted: Sequence[Grant]) -> Row:
    passed = enrolment.outcome is Outcome.PASSED
    held = {one.certification_id for one in granted}
    missing = [one for one in training.certifications if passed and one.id not in held]
    stays = not passed and any(one.revoked_at is None for one in granted)
    return Row(enrolment, {one.date_id: one for one in enrolment.marks}, granted, missing, stays)


def _given(enrolment_ids: Sequence[int]) -> dict[int, list[Grant]]:
    query = select(TrainingGrant.enrolment_id, Grant).join(Grant, Grant.id == TrainingGrant.grant_id)
    found: dict[int, list[Grant]] = {}
    for enrolment_id, grant in db.session.execute(query.where(TrainingGrant.enrolment_id.in_(enrolment_ids))):
        found.setdefault(enrolment_id, []).append(grant)
    return found


def _by_name(enrolment: Enrolment) -> tuple[str, int]:
    return enrolment.person.name.casefold(), enrolment.id


# -- ticking ----------------------------------------------------------------------------------------------------------


def mark(actor: Actor, training_id: int, ticks: Sequence[Tick], now: datetime) -> Sheet:
    """Keeps the ticks that are the newest, certifies whoever passed, and returns the sheet with what was refused.

    A tick that cannot count (somebody who withdrew, a date that is no more, made after the sheet was closed) is refused
    by itself; the others are kept. Its instructor; managers. Raises NotFound, Forbidden, Invalid, Conflict when the
    training is no published one or begins later than `SHEET_OPENS`.
    """
    if len(ticks) > MOST_TICKS:
        raise Invalid({"ticks": f"must be at most {MOST_TICKS}"})
    get_training(actor, training_id)
    refused: list[Refused] = []
    with transaction() as session:
        training = managed(actor, training_id)
        _refuse_untimely(training, now)
        known = {one.id: one for one in _enrolments(training)}
        kept: dict[int, list[dict[str, Any]]] = {}
        for place, tick in sorted(enumerate(ticks), key=lambda pair: pair[1].at):
            if why := _against(tick, training, known):
                refused.append(Refused(place, why))
            elif (what := _keep(actor, tick, known[tick.enrolment_id], now)) is not None:
                kept.setdefault(tick.enrolment_id, []).append(what)
        session.flush()
        for ident in sorted(kept):
            audit.record(actor, "enrolment.ticked", known[ident], now, after={"ticks": kept[ident]})
        if kept:
            events.append("training.ticked", now, training_id=str(training_id))
    missing = certify(actor, training_id, now)
    done = sheet(actor, training_id)
    return Sheet(done.training, done.rows, sorted(refused, key=lambda one: one.place), missing)


def _refuse_untimely(training: Training, now: datetime) -> None:
    if training.state not in (TrainingState.PUBLISHED, TrainingState.CLOSED):
        raise Conflict(gettext("This training has no attendance sheet: it is a draft, or was cancelled."))
    if now < training.starts_at - SHEET_OPENS:
        raise Conflict(gettext("The attendance sheet opens shortly before the first date."))


def _enrolments(training: Training) -> Sequence[Enrolment]:
    query = select(Enrolment).where(Enrolment.training_id == training.id).options(selectinload(Enrolment.marks))
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def _against(tick: Tick, training: Training, known: Mapping[int, Enrolment]) -> str:
    """Why this tick cannot count; '' where it can."""
    enrolment = known.get(tick.enrolment_id)
    if enrolment is None:
        return gettext("This person is not in this training.")
    if enrolment.state is not EnrolmentState.ENROLLED:
        return gettext("This person does not have a place in this training any more.")
    if tick.date_id is not None and tick.date_id not in {one.id for one in training.dates}:
        return gettext("This date is no more.")
    if (tick.date_id is None) != (tick.mark is None) or (tick.mark is None and not tick.judged):
        return gettext("It says nothing: a date with a mark, or an outcome, is needed.")
    if len(tick.note) > LONGEST_NOTE:
        return gettext("A note has at most %(num)d characters.", num=LONGEST_NOTE)
    closed = training.state is TrainingState.CLOSED and training.ended_at is not None
    if closed and training.ended_at is not None and tick.at > training.ended_at:
        return gettext("It was ticked after the sheet was closed.")
    return ""


def _keep(actor: Actor, tick: Tick, enrolment: Enrolment, now: datetime) -> dict[str, Any] | None:
    """Keeps a tick where it is the newest; what changed, for the audit log."""
    at = rules.ticked_at(tick.at, now)
    marked = _keep_mark(actor, tick, enrolment, at)
    judged = _keep_outcome(tick, enrolment, at)
    if not marked and not judged:
        return None
    what: dict[str, Any] = {"at": at.isoformat()}
    if marked:
        what |= {"date_id": str(tick.date_id), "mark": tick.mark}
    if judged:
        what |= {"outcome": tick.outcome, "note": tick.note}
    return what


def _keep_mark(actor: Actor, tick: Tick, enrolment: Enrolment, at: datetime) -> bool:
    if tick.date_id is None or tick.mark is None:
        return False
    known = next((one for one in enrolment.marks if one.date_id == tick.date_id), None)
    if not rules.counts(None if known is None else (known.marked_at, known.mark.value), (at, tick.mark.value)):
        return False
    if known is None:
        known = Attendance(enrolment_id=enrolment.id, date_id=tick.date_id)
        enrolment.marks.append(known)
    known.mark, known.marked_at, known.marked_by_id = tick.mark, at, actor.person_id
    return True


def _keep_outcome(tick: Tick, enrolment: Enrolment, at: datetime) -> bool:
    if not tick.judged:
        return False
    known_at = enrolment.outcome_at
    known = None if known_at is None else (known_at, _said(enrolment.outcome, enrolment.note))
    if not rules.counts(known, (at, _said(tick.outcome, tick.note))):
        return False
    enrolment.outcome, enrolment.outcome_at, enrolment.note = tick.outcome, at, tick.note
    return True


def _said(outcome: Outcome | None, note: str) -> str:
    return f"{outcome or ''}/{note}"


# -- passing ----------------------------------------------------------------------------------------------------------


def certify(actor: Actor, training_id: int, now: datetime) -> list[Missing]:
    """Grants what passing gives to whoever passed and was not given it yet: by this training once, also when it is
    withdrawn later. Returns what cannot be granted, and why; the person is told of each once.

    Its instructor; managers. Raises NotFound, Forbidden.
    """
    missing = []
    for row in sheet(actor, training_id).rows:
        for certification in row.missing:
            found = _grant(actor, row.enrolment.id, certification.id, now)
            if found is not None:
                missing.append(found)
    return missing


def _grant(actor: Actor, enrolment_id: int, certification_id: int, now: datetime) -> Missing | None:
    """Grants one certification, once; what is in the way, or None."""
    try:
        with transaction() as session:
            training, enrolment = _locked(enrolment_id)
            given = _given([enrolment_id]).get(enrolment_id, [])
            if enrolment.outcome is not Outcome.PASSED or certification_id in [one.certification_id for one in given]:
                return None
            reason = gettext("Training: %(title)s", title=text(training.title, config().lab.languages[0]))[:500]
            made = granting.grant(actor, certification_id, enrolment.person_id, reason, now, evidence=Evidence.TRAINING)
            session.add(TrainingGrant(grant_id=made.id, enrolment_id=enrolment_id))
            return None
    except Denied as error:
        found = Missing(enrolment_id, db.session.get_one(Certification, certification_id), tuple(error.denials))
    except FablabError as error:
        found = Missing(enrolment_id, db.session.get_one(Certification, certification_id), why=str(error))
    if found.denials:
        _tell_missing(enrolment_id, certification_id, now)
    return found


def _locked(enrolment_id: int) -> tuple[Training, Enrolment]:
    """As `places.locked_enrolment`, with the person locked before: granting locks him."""
    lock_row(Person, db.session.scalar(select(Enrolment.person_id).where(Enrolment.id == enrolment_id)))
    return places.locked_enrolment(enrolment_id)


def _tell_missing(enrolment_id: int, certification_id: int, now: datetime) -> None:
    with transaction() as session:
        training, enrolment = places.locked_enrolment(enrolment_id)
        certification = session.get_one(Certification, certification_id)
        telling.not_certified(training, enrolment, certification, now)
