"""REST: the questions of a quiz, and taking it."""

from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.quizzes import bank, taking
from fablab.quizzes.bank import QuestionValues
from fablab.quizzes.models import Attempt, Question
from fablab.web.access import access, actor
from fablab.web.api import Body, Ident, Shown, ShownIdent, ShownInstant, idempotent, problems
from fablab.web.api_texts import LongWords, texts_of

blueprint = APIBlueprint("quizzes_api", __name__, url_prefix="/api/v1", tag="Certifications")


class NewChoice(Body):
    """An answer to choose from."""

    text: LongWords = Field(examples=[{"en": "Leave the room"}])
    correct: bool = False


class NewQuestion(Body):
    """A question; texts by language. At least one answer is correct and one is not."""

    text: LongWords = Field(examples=[{"en": "The material burns. What do you do?"}])
    explanation: LongWords = Field(default_factory=dict, description="Shown after the quiz")
    choices: list[NewChoice] = Field(min_length=2, max_length=8)


class ShownChoice(Shown):
    """An answer to choose from."""

    id: ShownIdent
    text: dict[str, str]
    correct: bool


class ShownQuestion(Shown):
    """A question as its teacher sees it."""

    id: ShownIdent
    certification_id: ShownIdent
    text: dict[str, str]
    explanation: dict[str, str]
    choices: list[ShownChoice]


class QuestionList(Shown):
    """All questions that are asked now."""

    items: list[ShownQuestion]


class AskedChoice(Shown):
    """An answer as it is asked; `correct` only after the quiz is handed in."""

    id: ShownIdent
    text: str
    ticked: bool
    correct: bool | None


class AskedQuestion(Shown):
    """A question as it is asked, in the caller's language; `right` and `explanation` only after it is handed in."""

    id: ShownIdent
    text: str
    choices: list[AskedChoice]
    right: bool | None
    explanation: str


class ShownAttempt(Shown):
    """Somebody takes a quiz, or took it."""

    id: ShownIdent
    certification_id: ShownIdent
    person_id: ShownIdent
    started_at: ShownInstant
    finished_at: ShownInstant | None
    percent: int | None
    passed: bool | None
    questions: list[AskedQuestion]


class Answer(Body):
    """The choices ticked for one question."""

    question_id: Ident
    choice_ids: list[Ident] = Field(max_length=8)


class Answers(Body):
    """Answers to some or all of the questions; the last ones count."""

    answers: list[Answer] = Field(default_factory=list, max_length=500)


@blueprint.get("/certifications/<int:certification_id>/questions")
@access(Role.INSTRUCTOR)
@blueprint.output(QuestionList)
@blueprint.doc(summary="The questions of the quiz", responses=problems(403, 404))
def list_questions(certification_id: int) -> QuestionList:
    return QuestionList(items=[_question(one) for one in bank.questions(actor(), certification_id, clock.now())])


@blueprint.post("/certifications/<int:certification_id>/questions")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(NewQuestion)
@blueprint.output(ShownQuestion, status_code=201)
@blueprint.doc(summary="Add a question", responses=problems(403, 404, 409, 415, 422))
@idempotent
def add_question(certification_id: int, json_data: NewQuestion) -> tuple[ShownQuestion, int]:
    return _question(bank.add(actor(), certification_id, _values(json_data), clock.now())), 201


@blueprint.put("/questions/<int:question_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.input(NewQuestion)
@blueprint.output(ShownQuestion)
@blueprint.doc(
    summary="Change a question",
    description="It gets a new id: quizzes already taken keep the old one.",
    responses=problems(403, 404, 409, 415, 422),
)
def change_question(question_id: int, json_data: NewQuestion) -> ShownQuestion:
    return _question(bank.change(actor(), question_id, _values(json_data), clock.now()))


@blueprint.delete("/questions/<int:question_id>")
@access(Role.INSTRUCTOR, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Do not ask a question any more", responses=problems(403, 404, 409))
def retire_question(question_id: int) -> tuple[str, int]:
    bank.retire(actor(), question_id, clock.now())
    return "", 204


@blueprint.post("/certifications/<int:certification_id>/quiz-attempts")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownAttempt, status_code=201)
@blueprint.doc(
    summary="Take the quiz",
    description="Draws the questions; an attempt that is still open is answered again.",
    responses=problems(404, 409),
)
def start(certification_id: int) -> tuple[ShownAttempt, int]:
    return _attempt(taking.start(actor(), certification_id, clock.now())), 201


@blueprint.get("/quiz-attempts/<int:attempt_id>")
@access(Role.MAKER)
@blueprint.output(ShownAttempt)
@blueprint.doc(summary="One attempt", description="One's own; any for staff.", responses=problems(404))
def get_attempt(attempt_id: int) -> ShownAttempt:
    return _attempt(taking.get(actor(), attempt_id))


@blueprint.patch("/quiz-attempts/<int:attempt_id>")
@access(Role.MAKER, scope="book")
@blueprint.input(Answers)
@blueprint.output(ShownAttempt)
@blueprint.doc(summary="Keep answers", responses=problems(404, 409, 415, 422))
def save(attempt_id: int, json_data: Answers) -> ShownAttempt:
    return _attempt(taking.save(actor(), attempt_id, _ticked(json_data)))


@blueprint.post("/quiz-attempts/<int:attempt_id>/hand-in")
@access(Role.MAKER, scope="book")
@blueprint.input(Answers)
@blueprint.output(ShownAttempt)
@blueprint.doc(
    summary="Hand the quiz in",
    description="A question without an answer is wrong.",
    responses=problems(404, 409, 415, 422),
)
def hand_in(attempt_id: int, json_data: Answers) -> ShownAttempt:
    return _attempt(taking.hand_in(actor(), attempt_id, _ticked(json_data), clock.now()))


def _question(found: Question) -> ShownQuestion:
    return ShownQuestion(
        id=found.id,
        certification_id=found.certification_id,
        text=found.text,
        explanation=found.explanation,
        choices=[ShownChoice(id=one.id, text=one.text, correct=one.correct) for one in found.choices],
    )


def _attempt(found: Attempt) -> ShownAttempt:
    done = found.finished_at is not None
    return ShownAttempt(
        id=found.id,
        certification_id=found.certification_id,
        person_id=found.person_id,
        started_at=found.started_at,
        finished_at=found.finished_at,
        percent=found.percent,
        passed=found.passed,
        questions=[_asked(one, done) for one in taking.lines(found)],
    )


def _asked(line: taking.Line, done: bool) -> AskedQuestion:
    return AskedQuestion(
        id=line.question.id,
        text=words.text(line.question.text),
        choices=[
            AskedChoice(
                id=one.id,
                text=words.text(one.text),
                ticked=one.id in line.ticked,
                correct=one.correct if done else None,
            )
            for one in line.choices
        ],
        right=line.right if done else None,
        explanation=words.text(line.question.explanation) if done else "",
    )


def _values(body: NewQuestion) -> QuestionValues:
    return QuestionValues(
        texts_of(body.text),
        texts_of(body.explanation),
        tuple((texts_of(one.text), one.correct) for one in body.choices),
    )


def _ticked(body: Answers) -> dict[int, list[Any]]:
    return {one.question_id: list(one.choice_ids) for one in body.answers}
