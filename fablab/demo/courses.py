"""The demo lab's trainings: past ones with their grants, coming, full, in doubt, a series, a draft."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from fablab.certifications.models import Evidence
from fablab.core.actor import Role
from fablab.core.db import Texts
from fablab.demo.bookings import LOGINS, Booking, Diary, used
from fablab.demo.hours import open_on
from fablab.demo.learning import DAY, HOUR, MAKER, NUMBER, Learnt
from fablab.demo.members import LAPSED, Held, Member
from fablab.demo.places import CERTIFICATIONS, texts
from fablab.demo.resources import RESOURCES
from fablab.reservations.models import ReservationState
from fablab.training.rules import EnrolmentState, Mark, Outcome, TrainingState

Rows = list[dict[str, Any]]
THINGS = {seed.key: number for number, seed in enumerate(RESOURCES, 1)}
JULIEN, MARIA, SOPHIE = "Julien Moreau", "Мария Иванова", "Sophie Lambert"
ENROLLED = EnrolmentState.ENROLLED


@dataclass(frozen=True, slots=True)
class Course:
    """What is planned: `days` from today on which it shall be, sooner or later where the time is taken."""

    title: Texts
    by: str
    gives: str
    things: tuple[str, ...]
    days: tuple[int, ...]
    places: int
    enrolled: int
    state: TrainingState = TrainingState.PUBLISHED
    waiting: int = 0
    minimum: int = 1
    price: int = 0
    language: str = "fr"


COURSES = (
    Course(
        texts("Premiers pas au laser", "First steps at the laser", "Първи стъпки с лазера"),
        JULIEN,
        "laser_start",
        ("laser-2",),
        (-18,),
        5,
        4,
        TrainingState.CLOSED,
    ),
    Course(
        texts("Fraiseuse : la prise en main", "Getting to know the mill", "Запознаване с фрезата"),
        MARIA,
        "cnc",
        ("cnc",),
        (-9,),
        5,
        5,
        TrainingState.CLOSED,
        price=2500,
        language="bg",
    ),
    Course(texts("Imprimer en 3D", "3D printing", "3D печат"), JULIEN, "fdm", ("visio",), (-1,), 8, 4),
    Course(
        texts("Laser CO₂ en autonomie", "The CO₂ laser on your own", "CO₂ лазер самостоятелно"),
        JULIEN,
        "laser",
        ("laser-2",),
        (5,),
        4,
        2,
        price=1500,
    ),
    Course(
        texts("Fraiseuse : deuxième session", "The mill, second round", "Фрезата: втора група"),
        MARIA,
        "cnc",
        ("cnc",),
        (8,),
        4,
        3,
        waiting=2,
        price=2500,
        language="en",
    ),
    Course(
        texts("Couture et broderie", "Sewing and embroidery", "Шиене и бродерия"),
        SOPHIE,
        "textile",
        ("embroidery",),
        (10,),
        6,
        2,
        minimum=4,
        price=1000,
    ),
    Course(
        texts("Modéliser pour imprimer", "Modelling for print", "Моделиране за печат"),
        SOPHIE,
        "fdm",
        ("visio",),
        (4, 7, 11),
        10,
        3,
        price=3000,
    ),
    Course(
        texts("Souder sans crainte", "Soldering without fear", "Запояване без страх"),
        MARIA,
        "",
        ("soldering",),
        (12,),
        4,
        0,
        TrainingState.DRAFT,
        language="bg",
    ),
    Course(
        texts("Réparer sa machine à coudre", "Mending a sewing machine", "Поправка на шевна машина"),
        SOPHIE,
        "",
        ("embroidery",),
        (6,),
        5,
        2,
        TrainingState.CANCELLED,
    ),
)


@dataclass(slots=True)
class Taught:
    """The rows of the trainings. `grants` are (enrolment, place among all that is held)."""

    trainings: Rows = field(default_factory=list)
    certifications: Rows = field(default_factory=list)
    dates: Rows = field(default_factory=list)
    enrolments: Rows = field(default_factory=list)
    marks: Rows = field(default_factory=list)
    grants: list[tuple[int, int]] = field(default_factory=list)
    at_risk: int = 0


def plan(diary: Diary, people: Sequence[Member], learnt: Learnt, shut: Collection[date]) -> Taught:
    """Places every training in the diary, and those who take part in it; then a booking that is at risk."""
    made = Taught()
    for course in COURSES:
        _Planned(diary, people, learnt, shut, made, course).run()
    made.at_risk = _at_risk(diary, learnt)
    return made


@dataclass(slots=True)
class _Planned:
    diary: Diary
    people: Sequence[Member]
    learnt: Learnt
    shut: Collection[date]
    made: Taught
    course: Course

    def run(self) -> None:
        """Finds the dates, books what they need, enrols."""
        now, course = self.diary.now, self.course
        teacher = next(one.number for one in self.people if one.seed.name == course.by)
        spans: list[tuple[datetime, datetime]] = []
        for day in course.days:
            spans.append(self._time(teacher, day, spans))
        spans.sort()
        number, over = len(self.made.trainings) + 1, spans[-1][1] < now
        created = min(spans[0][0] - 10 * DAY, now - 5 * DAY)
        self._training(number, teacher, created, spans)
        for span in spans:
            booking = Booking(teacher, [THINGS[one] for one in course.things], *span, created)
            booking.note = f"Formation : {course.title['fr']}"
            if course.state is TrainingState.CANCELLED:
                booking.state, booking.ended_at, booking.ended_by = ReservationState.CANCELLED, now - DAY, teacher
                booking.end_reason = "L'instructrice est malade"
            elif over:
                used(booking, span[0] - timedelta(minutes=10))
            self.diary.write(booking)
            reminded = span[0] - DAY if span[0] - DAY <= now else None
            row = {"id": len(self.made.dates) + 1, "training_id": number, "starts_at": span[0], "ends_at": span[1]}
            self.made.dates.append(row | {"reservation_id": len(self.diary.bookings), "reminded_at": reminded})
        self._enrol(number, teacher, created, spans)

    def _time(self, teacher: int, wanted: int, had: Sequence[tuple[datetime, datetime]]) -> tuple[datetime, datetime]:
        """The time nearest to the day wanted at which the lab is open, and teacher and things are free."""
        diary, long = self.diary, 2 * HOUR
        today = diary.now.astimezone(diary.zone).date()
        sign = 1 if wanted > 0 else -1
        for day in sorted(range(1, 14 if sign > 0 else 25), key=lambda one: abs(one - abs(wanted))):
            on = today + sign * day * DAY
            opening = open_on(on, diary.zone)
            if opening is None or on in self.shut or on in [one[0].astimezone(diary.zone).date() for one in had]:
                continue
            for after in (8, 6, 4, 2, 0):
                span = (opening[0] + after * HOUR, opening[0] + after * HOUR + long)
                free = diary.is_free([THINGS[one] for one in self.course.things], *span)
                if span[1] <= opening[1] and free and diary.has_time(teacher, *span):
                    return span
        raise ValueError("there is no time for this training")

    def _training(
        self, number: int, teacher: int, created: datetime, spans: Sequence[tuple[datetime, datetime]]
    ) -> None:
        now, course = self.diary.now, self.course
        cancelled, closed = (course.state is one for one in (TrainingState.CANCELLED, TrainingState.CLOSED))
        doubtful = course.minimum > 1
        self.made.trainings.append(
            {
                "id": number,
                "title": course.title,
                "description": CERTIFICATIONS[NUMBER[course.gives] - 1].description if course.gives else {},
                "state": course.state,
                "instructor_id": teacher,
                "places": course.places,
                "minimum": course.minimum,
                "decide_at": max(now + HOUR, spans[0][0] - 3 * DAY) if doubtful else None,
                "price": course.price,
                "language": course.language,
                "starts_at": spans[0][0],
                "ends_at": spans[-1][1],
                "created_at": created,
                "created_by_id": teacher,
                "ended_at": now - DAY if cancelled else spans[-1][1] + HOUR if closed else None,
                "end_reason": "L'instructrice est malade" if cancelled else "",
                "sequence": 0 if course.state is TrainingState.DRAFT else 2 if cancelled else 1,
            }
        )
        if course.gives:
            self.made.certifications.append({"training_id": number, "certification_id": NUMBER[course.gives]})

    def _enrol(self, number: int, teacher: int, created: datetime, spans: Sequence[tuple[datetime, datetime]]) -> None:
        now, course = self.diary.now, self.course
        found = self._people(spans)
        step = (min(now - DAY, spans[0][0] - 2 * DAY) - created) / 12
        gone = course.state is TrainingState.CANCELLED
        for place, person in enumerate(found[: course.enrolled]):
            one = self._row(
                number, person, created + (place + 1) * step, EnrolmentState.CANCELLED if gone else ENROLLED
            )
            if gone:
                one["ended_at"] = now - DAY
                continue
            for span in spans:
                self.diary._busy.setdefault(person, []).append(span)
            if course.state is TrainingState.CLOSED:
                self._judge(one, place, teacher, spans)
        if course.waiting:
            maker = next(one.number for one in self.people if one.seed.name == MAKER)
            back = self._row(number, found[course.enrolled], created + 5 * step, EnrolmentState.WITHDRAWN)
            back["ended_at"] = now - 3 * HOUR
            offered = self._row(number, maker, created + 8 * step, EnrolmentState.OFFERED)
            offered["offered_until"] = min(now + 21 * HOUR, spans[0][0])
            for place in range(course.waiting):
                person = found[course.enrolled + 1 + place]
                self._row(number, person, created + (9 + place) * step, EnrolmentState.WAITING)

    def _people(self, spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
        """Members who have the time and what it asks for, and do not hold what it gives."""
        needs = CERTIFICATIONS[NUMBER[self.course.gives] - 1].needs if self.course.gives else ()
        at, gives = min(spans[0][0], self.diary.now), self.course.gives
        found = [
            one.number
            for one in self.people
            if one.seed.role is Role.MAKER
            and one.number not in LOGINS
            and one.seed.name != LAPSED
            and one.created_at < spans[0][0] - 12 * DAY
            and all(self.diary.has_time(one.number, *span) for span in spans)
            and not any(
                held.person == one.number and held.certification == NUMBER.get(gives) for held in self.learnt.held
            )
            and all(self.learnt.holds(one.number, key, at) for key in needs if key != "laser_safety")
        ]
        if gives == "laser_start":
            self._theory(found[: self.course.enrolled], spans[0][0] - DAY)
        return sorted(found, key=lambda one: one * 7 % 41) if gives != "laser_start" else found

    def _theory(self, people: Sequence[int], at: datetime) -> None:
        """They passed the quiz of laser safety the day before."""
        key = NUMBER["laser_safety"]
        had = {one["person_id"] for one in self.learnt.theory if one["certification_id"] == key}
        model = next(one for one in self.learnt.attempts if one["passed"] and one["certification_id"] == key)
        for person in people:
            if person in had:
                continue
            about = {"person_id": person, "certification_id": key}
            times = {"started_at": at - timedelta(minutes=9), "finished_at": at}
            self.learnt.attempts.append({**model, **about, **times})
            self.learnt.theory.append({**about, "passed_at": at, "percent": model["percent"]})
            self.learnt.held.append(Held(person, key, at, 0, at + 365 * DAY, None, evidence=Evidence.QUIZ))

    def _row(self, number: int, person: int, at: datetime, state: EnrolmentState) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": len(self.made.enrolments) + 1,
            "training_id": number,
            "person_id": person,
            "created_by_id": person,
            "created_at": at,
            "state": state,
            "offered_until": None,
            "ended_at": None,
            "late": False,
            "outcome": None,
            "outcome_at": None,
            "note": "",
        }
        self.made.enrolments.append(row)
        return row

    def _judge(self, one: dict[str, Any], place: int, teacher: int, spans: Sequence[tuple[datetime, datetime]]) -> None:
        """Who came and who passed: of five the fourth has to come again, the last was excused."""
        ends, gives = spans[-1][1], NUMBER[self.course.gives]
        marks = (Mark.PRESENT, Mark.PRESENT, Mark.PRESENT, Mark.PRESENT, Mark.EXCUSED)
        date_id = self.made.dates[-1]["id"]
        about = {"enrolment_id": one["id"], "date_id": date_id, "marked_at": ends - HOUR, "marked_by_id": teacher}
        self.made.marks.append(about | {"mark": marks[place]})
        if place == 4:
            return
        one["outcome"] = Outcome.PASSED if place < 3 else Outcome.REPEAT
        one["outcome_at"] = ends
        one["note"] = "" if place < 3 else "Revoir la mise au point"
        if place < 3:
            days = CERTIFICATIONS[gives - 1].validity_days
            until = ends + timedelta(days=days) if days else None
            reason = f"Formation : {self.course.title['fr']}"
            held = Held(one["person_id"], gives, ends, teacher, until, None, evidence=Evidence.TRAINING, reason=reason)
            self.learnt.held.append(held)
            self.made.grants.append((one["id"], len(self.learnt.held) - 1))


def _at_risk(diary: Diary, learnt: Learnt) -> int:
    """The booking of somebody whose laser was held back since he booked it; its number."""
    row = next(one for one in learnt.suspensions if one["certification_id"] == NUMBER["laser"])
    today = diary.now.astimezone(diary.zone).date()
    for day in range(2, 13):
        opening = open_on(today + day * DAY, diary.zone)
        for after in range(9) if opening else ():
            span = (opening[0] + after * HOUR, opening[0] + (after + 1) * HOUR)  # type: ignore[index] # it is open
            free = diary.is_free([THINGS["laser-1"]], *span) and diary.has_time(row["person_id"], *span)
            if free and span[1] <= opening[1]:  # type: ignore[index] # it is open
                booked = Booking(row["person_id"], [THINGS["laser-1"]], *span, row["started_at"] - 2 * DAY)
                booked.note, booked.at_risk_since = "Boîtes à offrir", row["started_at"] + timedelta(seconds=10)
                return diary.write(booked)
    raise ValueError("there is no time for a booking at risk")
