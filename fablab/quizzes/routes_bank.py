"""Pages: the questions of a quiz, for who teaches it."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications.service import get_certification
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Invalid
from fablab.core.words import config
from fablab.quizzes import bank
from fablab.quizzes.bank import QuestionValues
from fablab.quizzes.models import Question
from fablab.quizzes.rules import MOST_CHOICES
from fablab.web.access import access, actor

blueprint = Blueprint("questions", __name__)

LONGEST = 1000


@blueprint.get("/certifications/<int:certification_id>/questions")
@access(Role.INSTRUCTOR)
def index(certification_id: int) -> str:
    """All questions that are asked now."""
    found = bank.questions(actor(), certification_id, clock.now())
    return render_template("quizzes/bank.html", certification=get_certification(certification_id), questions=found)


@blueprint.get("/certifications/<int:certification_id>/questions/new")
@access(Role.INSTRUCTOR)
def new(certification_id: int) -> str:
    """The form for another question."""
    bank.questions(actor(), certification_id, clock.now())
    return _form(certification_id, None, {}, {})


@blueprint.post("/certifications/<int:certification_id>/questions/new")
@access(Role.INSTRUCTOR, scope="manage")
def add(certification_id: int) -> Response | tuple[str, int]:
    """Adds it."""
    try:
        bank.add(actor(), certification_id, _values(), clock.now())
    except Invalid as error:
        return _form(certification_id, None, request.form, _faults(error)), 422
    flash(_("The question is added."), "success")
    return _back(certification_id)


@blueprint.get("/questions/<int:question_id>/edit")
@access(Role.INSTRUCTOR)
def edit(question_id: int) -> str:
    """The form with what is known."""
    found = bank.get(actor(), question_id, clock.now())
    form = {f"text_{code}": text for code, text in found.text.items()}
    form |= {f"explanation_{code}": text for code, text in found.explanation.items()}
    for place, one in enumerate(found.choices):
        form |= {f"choice_{place}_{code}": text for code, text in one.text.items()}
        form |= {f"correct_{place}": "yes"} if one.correct else {}
    return _form(found.certification_id, found, form, {})


@blueprint.post("/questions/<int:question_id>/edit")
@access(Role.INSTRUCTOR, scope="manage")
def change(question_id: int) -> Response | tuple[str, int]:
    """Saves the form."""
    found = bank.get(actor(), question_id, clock.now())
    try:
        bank.change(actor(), question_id, _values(), clock.now())
        flash(_("The changes are saved."), "success")
    except Invalid as error:
        return _form(found.certification_id, found, request.form, _faults(error)), 422
    except Conflict:
        flash(_("This question has been changed or removed meanwhile."), "error")
    return _back(found.certification_id)


@blueprint.post("/questions/<int:question_id>/retire")
@access(Role.INSTRUCTOR, scope="manage")
def retire(question_id: int) -> Response:
    """It is not asked any more."""
    found = bank.get(actor(), question_id, clock.now())
    try:
        bank.retire(actor(), question_id, clock.now())
        flash(_("The question is removed. Quizzes already taken keep it."), "success")
    except Conflict:
        flash(_("This question has been changed or removed meanwhile."), "info")
    return _back(found.certification_id)


def _form(certification_id: int, question: Question | None, form: Mapping[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "quizzes/edit.html",
        certification=get_certification(certification_id),
        question=question,
        form=form,
        errors=errors,
        codes=config().lab.languages,
        places=range(MOST_CHOICES),
    )


def _values() -> QuestionValues:
    choices = [(_texts(f"choice_{place}"), f"correct_{place}" in request.form) for place in range(MOST_CHOICES)]
    filled = tuple((texts, correct) for texts, correct in choices if texts or correct)
    return QuestionValues(_texts("text"), _texts("explanation"), filled)


def _texts(name: str) -> dict[str, str]:
    texts = {code: request.form.get(f"{name}_{code}", "").strip() for code in config().lab.languages}
    if any(len(text) > LONGEST for text in texts.values()):
        raise Invalid({name.partition("_")[0].replace("choice", "choices"): "is too long"})
    return {code: text for code, text in texts.items() if text}


def _faults(error: Invalid) -> dict[str, str]:
    first = config().lab.languages[0]
    sentences: dict[tuple[str, str], tuple[str, str]] = {
        ("text", "is too long"): (f"text_{first}", _("Please use at most 1000 characters.")),
        ("text", ""): (f"text_{first}", _("Please write the question.")),
        ("explanation", ""): (f"explanation_{first}", _("Please use at most 1000 characters.")),
        ("choices", "is too long"): (f"choice_0_{first}", _("Please use at most 1000 characters.")),
        ("choices", ""): (
            f"choice_0_{first}",
            _("Please give two to eight answers, each with a text, at least one right and at least one wrong."),
        ),
    }
    found: dict[str, Any] = {}
    for name, reason in error.fields.items():
        field, words = sentences.get((name, reason)) or sentences[(name, "")]
        found[field] = words
    return found


def _back(certification_id: int) -> Response:
    return redirect(url_for("questions.index", certification_id=certification_id), code=303)
