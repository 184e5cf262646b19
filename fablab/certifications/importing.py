"""Past trainings from a CSV file become grants of that day: looked at first, then all of them or none.

What today's rules ask for (quiz, prerequisites, age) is not asked of what was taught long ago, and nobody is sent a
mail. What was withdrawn since stays withdrawn. The same file twice adds nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy import insert, select

from fablab.certifications.facts import facts, inclusions
from fablab.certifications.granting import new_public_id
from fablab.certifications.import_rules import EARLIEST, Fault, Line, Unreadable, alike, day_of, lines_of
from fablab.certifications.models import Certification, Evidence, Grant, Suspension
from fablab.certifications.rules import ends_by, valid_until
from fablab.certifications.service import list_certifications, look_again, need_role, validity_of
from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from fablab.core.errors import FablabError
from fablab.core.words import config, text
from fablab.people.models import Person

LAST = date(2200, 12, 31)
MOST_NAMED = 8
"""So many certifications an unknown one is answered with."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A grant that a line asks for. `ended`: it is over by now."""

    line: int
    person_id: int
    person: str
    certification: Certification
    day: date
    granted_at: datetime
    granted_by_id: int | None
    instructor: str
    valid_until: datetime | None
    proof: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do: the `faults` of its lines, what would be `made`, and how many lines are `known` already."""

    faults: Sequence[Fault] = ()
    made: Sequence[Entry] = ()
    known: int = 0

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.made) + self.known + len({one.number for one in self.faults})


class Faulty(FablabError):
    """Some lines are wrong, so nothing was noted. `plan` says which."""

    def __init__(self, plan: Plan) -> None:
        wrong = len({one.number for one in plan.faults})
        super().__init__(f"{wrong} {'line is' if wrong == 1 else 'lines are'} wrong; nothing was imported.")
        self.plan = plan


def check(actor: Actor, content: bytes, now: datetime) -> Plan:
    """What the file would do now; changes nothing. Managers. Six queries, however long it is."""
    need_role(actor, Role.MANAGER)
    try:
        lines, faults = lines_of(content)
    except Unreadable as error:
        return Plan([error.fault])
    return _planned(_Book(actor, now), lines, faults)


def apply(actor: Actor, content: bytes, now: datetime) -> Plan:
    """Notes all that the file says, and what it did. Managers. Raises Faulty, and then nothing is noted."""
    first = _right(check(actor, content, now))
    with transaction():
        _lock_people({one.person_id for one in first.made})
        plan = _right(check(actor, content, now))
        if plan.made:
            _store(actor, plan.made, now)
    return plan


def _right(plan: Plan) -> Plan:
    if plan.faults:
        raise Faulty(plan)
    return plan


def _lock_people(ids: Collection[int]) -> None:
    """Who grants, suspends or withdraws locks the person: that waits until the import is done. One query."""
    query = select(Person.id).where(Person.id.in_(ids)).order_by(Person.id)
    db.session.execute(query.with_for_update(key_share=True)).all()


def _store(actor: Actor, made: Sequence[Entry], now: datetime) -> None:
    names = [new_public_id() for _one in made]
    rows = [
        {
            "public_id": public_id,
            "person_id": one.person_id,
            "certification_id": one.certification.id,
            "granted_at": one.granted_at,
            "granted_by_id": one.granted_by_id,
            "evidence": Evidence.TRAINING,
            "proof": one.proof,
            "reason": "",
            "valid_until": one.valid_until,
            "end_noted_at": one.ended_at,
        }
        for public_id, one in zip(names, made, strict=True)
    ]
    named = db.session.execute(insert(Grant).returning(Grant.id, Grant.public_id), rows)
    ids = {public_id: ident for ident, public_id in named}
    audit.record_all(
        actor,
        "grant.imported",
        [
            (
                ("certification_grant", str(ids[public_id])),
                {
                    "person_id": str(one.person_id),
                    "certification_id": str(one.certification.id),
                    "granted_at": one.granted_at,
                    "valid_until": one.valid_until,
                    "line": one.line,
                },
            )
            for public_id, one in zip(names, made, strict=True)
        ],
        now,
    )
    events.append("certification.imported", now, grants=len(made))
    look_again(now)


@dataclass(slots=True)
class _Book:
    """What the database knows, to look lines up in. Five queries."""

    actor: Actor
    now: datetime
    certifications: dict[int, Certification] = field(default_factory=dict)
    certification_names: dict[str, set[int]] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    people_names: dict[str, set[int]] = field(default_factory=dict)
    includes: Mapping[int, set[int]] = field(default_factory=dict)
    granted: set[tuple[int, int, date]] = field(default_factory=set)
    revoked: dict[int, list[tuple[int, datetime]]] = field(default_factory=dict)
    suspended: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in list_certifications():
            self.certifications[one.id] = one
            for name in (*one.name.values(), str(one.id)):
                self.certification_names.setdefault(alike(name), set()).add(one.id)
        for ident, name, email in db.session.execute(
            select(Person.id, Person.name, Person.email).where(Person.anonymised_at.is_(None))
        ):
            self.people[ident] = name
            for word in (name, email or name):
                self.people_names.setdefault(alike(word), set()).add(ident)
        self.includes = inclusions()
        columns = (Grant.person_id, Grant.certification_id, Grant.granted_at, Grant.revoked_at)
        for person_id, ident, granted_at, revoked_at in db.session.execute(select(*columns)):
            self.granted.add((person_id, ident, self.day(granted_at)))
            if revoked_at is not None:
                self.revoked.setdefault(person_id, []).append((ident, revoked_at))
        query = select(Suspension.person_id, Suspension.certification_id).where(Suspension.ended_at.is_(None))
        for person_id, ident in db.session.execute(query):
            self.suspended.setdefault(person_id, set()).add(ident)

    def day(self, at: datetime) -> date:
        """The day of an instant in the lab's zone."""
        return at.astimezone(config().lab.zone).date()

    def covers(self, ident: int) -> set[int]:
        """A certification and all that it includes."""
        return {ident} | self.includes.get(ident, set())

    def withdrawn(self, person_id: int, ident: int, since: datetime) -> datetime | None:
        """When this, or what it is a part of, or a part of it, was withdrawn from the person after `since`."""
        return max(
            (
                at
                for other, at in self.revoked.get(person_id, ())
                if at >= since and (ident in self.covers(other) or other in self.covers(ident))
            ),
            default=None,
        )


def _planned(book: _Book, lines: Iterable[Line], faults: list[Fault]) -> Plan:
    made: list[Entry] = []
    seen: dict[tuple[int, int, date], tuple[int, tuple[str, ...]]] = {}
    known = 0
    for line in lines:
        found = _entry(book, line)
        if isinstance(found, list):
            faults += found
            continue
        key = (found.person_id, found.certification.id, found.day)
        said = (line.instructor, line.until, line.proof)
        if key in seen and seen[key][1] != said:
            faults.append(Fault(line.number, "twice", str(seen[key][0])))
        elif key in seen or key in book.granted:
            known += 1
        else:
            made.append(found)
        seen.setdefault(key, (line.number, said))
    return Plan(sorted(faults, key=lambda one: one.number), made, known)


def _entry(book: _Book, line: Line) -> Entry | list[Fault]:
    """The grant that a line asks for, or all that is wrong with it."""
    wrong: list[Fault] = []
    person_id = _person(book, line, wrong)
    ident = _certification(book, line, wrong)
    instructor_id = _instructor(book, line, wrong)
    day = _day(book, line, wrong)
    last = _last(line, day, wrong)
    if person_id is not None and person_id == book.actor.person_id:
        wrong.append(Fault(line.number, "own"))
    elif person_id is not None and person_id == instructor_id:
        wrong.append(Fault(line.number, "oneself"))
    if wrong or person_id is None or ident is None or day is None:
        return wrong
    granted_at = min(_instant(day, time(12)), book.now)
    if fault := _against(book, line, person_id, ident, granted_at):
        return [fault]
    certification = book.certifications[ident]
    until = _end(certification, granted_at, last)
    return Entry(
        line=line.number,
        person_id=person_id,
        person=book.people[person_id],
        certification=certification,
        day=day,
        granted_at=granted_at,
        granted_by_id=instructor_id or book.actor.person_id,
        instructor=book.people.get(instructor_id or 0, ""),
        valid_until=until,
        proof=line.proof,
        ended_at=_ended(certification, granted_at, until, book.now),
    )


def _against(book: _Book, line: Line, person_id: int, ident: int, granted_at: datetime) -> Fault | None:
    if book.suspended.get(person_id, set()) & book.covers(ident):
        return Fault(line.number, "suspended")
    withdrawn = book.withdrawn(person_id, ident, granted_at)
    return Fault(line.number, "revoked", book.day(withdrawn).isoformat()) if withdrawn else None


def _person(book: _Book, line: Line, wrong: list[Fault]) -> int | None:
    if not line.person:
        wrong.append(Fault(line.number, "person_empty"))
        return None
    return _one(book, line, line.person, "person", wrong)


def _instructor(book: _Book, line: Line, wrong: list[Fault]) -> int | None:
    return _one(book, line, line.instructor, "instructor", wrong) if line.instructor else None


def _one(book: _Book, line: Line, name: str, who: str, wrong: list[Fault]) -> int | None:
    found = book.people_names.get(alike(name), set())
    if len(found) == 1:
        return next(iter(found))
    code = f"{who}_unclear" if found else f"{who}_unknown"
    wrong.append(Fault(line.number, code, name[:80], str(len(found))))
    return None


def _certification(book: _Book, line: Line, wrong: list[Fault]) -> int | None:
    if not line.certification:
        wrong.append(Fault(line.number, "certification_empty"))
        return None
    found = book.certification_names.get(alike(line.certification), set())
    if len(found) == 1:
        return next(iter(found))
    if found:
        allowed = ", ".join(str(one) for one in sorted(found))
        wrong.append(Fault(line.number, "certification_unclear", line.certification[:80], allowed))
        return None
    names = [text(one.name) for one in book.certifications.values()]
    allowed = ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    wrong.append(Fault(line.number, "certification_unknown", line.certification[:80], allowed))
    return None


def _day(book: _Book, line: Line, wrong: list[Fault]) -> date | None:
    if not line.day:
        wrong.append(Fault(line.number, "date_empty"))
        return None
    found = day_of(line.day)
    if found is None:
        wrong.append(Fault(line.number, "date_wrong", line.day[:40]))
    elif not EARLIEST <= found <= book.day(book.now):
        wrong.append(Fault(line.number, "date_range", found.isoformat(), EARLIEST.isoformat()))
        return None
    return found


def _last(line: Line, day: date | None, wrong: list[Fault]) -> date | None:
    if not line.until:
        return None
    found = day_of(line.until)
    if found is None:
        wrong.append(Fault(line.number, "until_wrong", line.until[:40]))
    elif day is not None and not day <= found <= LAST:
        wrong.append(Fault(line.number, "until_range", found.isoformat(), day.isoformat()))
    return found


def _end(certification: Certification, granted_at: datetime, last: date | None) -> datetime | None:
    """The end of the last day that is named, else as long as the certification says."""
    if last is not None:
        return _instant(last + timedelta(days=1), time())
    return valid_until(validity_of(certification), granted_at, config().lab.zone)


def _ended(
    certification: Certification, granted_at: datetime, until: datetime | None, now: datetime
) -> datetime | None:
    """When it ended, where that is past: its holder is not told of it any more."""
    lapses = certification.lapse_after_unused_days
    end = ends_by(facts(certification.id, granted_at, until, lapses, None, None, None, certification.level))
    return end[0] if end and end[0] <= now else None


def _instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, config().lab.zone)
