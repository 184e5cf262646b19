"""Pages: a quiz to take and its result; the questions for who teaches."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.certifications.granting import may_grant
from fablab.certifications.service import get_certification
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.core.typed import whole_numbers
from fablab.people.service import get_person
from fablab.quizzes import taking
from fablab.quizzes.models import Attempt
from fablab.web.access import access, actor

blueprint = Blueprint("quizzes", __name__)


@blueprint.get("/certifications/<int:certification_id>/quiz")
@access(Role.MAKER)
def show(certification_id: int) -> str:
    """What the quiz is like, how one stands with it, and the way in."""
    return _start_page(certification_id, [])


@blueprint.post("/certifications/<int:certification_id>/quiz")
@access(Role.MAKER, scope="book")
def start(certification_id: int) -> Response | tuple[str, int]:
    """Begins, or goes on with what was begun."""
    try:
        made = taking.start(actor(), certification_id, clock.now())
    except Denied as error:
        return _start_page(certification_id, error.denials), 409
    except Conflict as error:
        flash(str(error), "error")
        return redirect(url_for("quizzes.show", certification_id=certification_id), code=303)
    return redirect(url_for("quizzes.attempt", attempt_id=made.id), code=303)


@blueprint.get("/quiz/<int:attempt_id>")
@access(Role.MAKER)
def attempt(attempt_id: int) -> str:
    """The questions; once handed in the result with the explanations."""
    found = taking.get(actor(), attempt_id)
    return _result_page(found) if found.finished_at else _questions_page(found, {}, 0)


@blueprint.post("/quiz/<int:attempt_id>")
@access(Role.MAKER, scope="book")
def answer(attempt_id: int) -> Response | tuple[str, int]:
    """Keeps the answers, or hands them in; with unanswered questions only when asked twice."""
    found = taking.get(actor(), attempt_id)
    answers, handing_in = _answers(found), request.form.get("act") != "save"
    missing = sum(not answers[one["question"]] for one in found.questions)
    try:
        if handing_in and (not missing or "anyway" in request.form):
            taking.hand_in(actor(), attempt_id, answers, clock.now())
            return redirect(url_for("quizzes.attempt", attempt_id=attempt_id), code=303)
        taking.save(actor(), attempt_id, answers)
    except Conflict as error:
        flash(str(error), "info")
        return redirect(url_for("quizzes.attempt", attempt_id=attempt_id), code=303)
    if handing_in:
        return _questions_page(found, answers, missing), 422
    flash(_("Your answers are kept. You can go on at any time."), "success")
    return redirect(url_for("quizzes.show", certification_id=found.certification_id), code=303)


@blueprint.post("/certifications/<int:certification_id>/people/<int:person_id>/quiz-again")
@access(Role.INSTRUCTOR, scope="manage")
def allow_again(certification_id: int, person_id: int) -> Response:
    """Lets somebody try again who has no attempts left."""
    try:
        taking.allow_again(actor(), certification_id, person_id, request.form.get("reason", ""), clock.now())
        flash(_("%(name)s can take the quiz again.", name=get_person(actor(), person_id).name), "success")
    except Invalid:
        flash(_("Please say why, in at most 500 characters."), "error")
    except Conflict as error:
        flash(str(error), "info")
    return redirect(url_for("quizzes.attempts", certification_id=certification_id, person_id=person_id), code=303)


@blueprint.get("/certifications/<int:certification_id>/people/<int:person_id>/quiz")
@access(Role.INSTRUCTOR)
def attempts(certification_id: int, person_id: int) -> str:
    """How somebody did, for the staff."""
    acting, certification = actor(), get_certification(certification_id)
    return render_template(
        "quizzes/attempts.html",
        certification=certification,
        person=get_person(acting, person_id),
        attempts=taking.attempts_of(acting, certification_id, person_id),
        teaches=may_grant(acting, certification_id, clock.now()),
    )


def _start_page(certification_id: int, denials: Any) -> str:
    acting, now = actor(), clock.now()
    status = taking.status(acting, certification_id, now)
    return render_template(
        "quizzes/show.html",
        certification=get_certification(certification_id),
        status=status,
        denials=denials or status.denials,
        attempts=taking.attempts_of(acting, certification_id, acting.person_id) if acting.person_id else [],
        teaches=may_grant(acting, certification_id, clock.now()),
    )


def _questions_page(found: Attempt, answers: Mapping[int, list[int]], missing: int) -> str:
    warning = ngettext("%(num)d question has no answer yet.", "%(num)d questions have no answer yet.", missing)
    return render_template(
        "quizzes/questions.html",
        attempt=found,
        certification=get_certification(found.certification_id),
        lines=taking.lines(found),
        answers=answers,
        warning=warning if missing else "",
    )


def _result_page(found: Attempt) -> str:
    return render_template(
        "quizzes/result.html",
        attempt=found,
        certification=get_certification(found.certification_id),
        lines=taking.lines(found),
        own=found.person_id == actor().person_id,
        person=get_person(actor(), found.person_id),
    )


def _answers(found: Attempt) -> dict[int, list[int]]:
    """What was ticked, of every question that was asked."""
    return {
        one["question"]: whole_numbers(request.form.getlist(f"question_{one['question']}")) for one in found.questions
    }
