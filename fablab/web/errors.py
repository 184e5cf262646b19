"""One mapping from what services raise to what the caller gets: problem+json under /api/, a page elsewhere."""

import secrets
from http import HTTPStatus
from typing import Any

import structlog
from apiflask import HTTPError
from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from fablab.core import words
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound, Unavailable
from fablab.web import remedies
from fablab.web.access import SignInNeeded

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


def init_app(app: Flask) -> None:
    """Registers the handlers."""
    app.register_error_handler(SignInNeeded, _sign_in_needed)
    app.register_error_handler(Forbidden, lambda e: answer(403, _("You may not do this."), str(e)))
    app.register_error_handler(NotFound, lambda e: answer(404, _("There is nothing here."), str(e)))
    app.register_error_handler(Conflict, lambda e: answer(409, _("This does not fit the present state."), str(e)))
    app.register_error_handler(Invalid, _invalid)
    app.register_error_handler(Denied, _denied)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(HTTPError, _refused_input)
    app.register_error_handler(RecursionError, lambda _e: answer(400, _("This request cannot be read.")))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def is_api() -> bool:
    """True where programs ask, who get problem+json."""
    return request.path.startswith("/api/")


def problem(status: int, title: str, detail: str = "", **more: Any) -> Response:
    """An RFC 9457 answer. `type` is a relative reference made of the status's name."""
    body = {
        "type": f"/problems/{HTTPStatus(status).name.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        **more,
    }
    response = jsonify(body)
    response.status_code = status
    response.content_type = PROBLEM_JSON
    return response


def denial_json(denial: Denial) -> dict[str, Any]:
    """A denial as the API shows it: code, message, and the remedy where there is one; its `post` is where a form of our
    pages does it at once."""
    made = {"code": denial.code, "message": words.sentence(denial), "params": dict(denial.params)}
    remedy = remedies.remedy(denial)
    if remedy is None:
        return made
    shown = {"text": remedy.text, "url": remedy.url}
    return made | {"remedy": shown | ({"post": remedy.post} if remedy.post else {})}


def answer(status: int, title: str, detail: str = "", **more: Any) -> Response:
    """The error as problem+json or as a page, whichever the caller reads."""
    if is_api():
        return problem(status, title, detail, **more)
    page = render_template("errors/error.html", status=status, title=title, detail=detail)
    return Response(page, status=status, mimetype="text/html")


def _sign_in_needed(_error: SignInNeeded) -> AnyResponse:
    if is_api() or request.method != "GET":
        response = answer(401, _("Please sign in."), _("A token or a session is needed."))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return redirect(url_for("people.sign_in", next=request.full_path.rstrip("?")))


def _invalid(error: Invalid) -> Response:
    errors = [{"field": name, "message": reason} for name, reason in error.fields.items()]
    return answer(422, _("Some of this is not valid."), str(error), errors=errors)


def _refused_input(error: HTTPError) -> Response:
    """What APIFlask refuses before a view is called: fields of body or query, each with its first reason."""
    places = error.detail if isinstance(error.detail, dict) else {}
    fields = {
        "body" if name == "_schema" else name: str(reasons[0]).removeprefix("Value error, ")
        for found in places.values()
        for name, reasons in found.items()
    }
    return _invalid(Invalid(fields)) if fields else answer(error.status_code, error.message or "")


def _denied(error: Denied) -> Response:
    denials = [denial_json(denial) for denial in error.denials]
    return answer(409, _("This is not allowed now."), " ".join(one["message"] for one in denials), denials=denials)


def _unavailable(error: Unavailable) -> Response:
    response = answer(503, _("Not available for the moment."), str(error))
    response.headers["Retry-After"] = "10"
    return response


def _database_away(error: OperationalError) -> Response:
    log.error("database away", reason=str(error.orig)[:200])
    full = "disk is full" in str(error.orig) or "No space left" in str(error.orig)
    detail = _("There is no space left on the server.") if full else _("The database does not answer.")
    return _unavailable(Unavailable(detail))


def _http(error: HTTPException) -> AnyResponse:
    if error.code is None or error.code < 400:
        return error.get_response()
    titles = {
        400: _("This request cannot be read."),
        404: _("There is nothing here."),
        405: _("This does not work here."),
        413: _("This is too large."),
        415: _("This type of content is not accepted."),
        429: _("Too many requests. Please wait a moment."),
    }
    response = answer(error.code, titles.get(error.code, error.name), error.description or "")
    retry = getattr(error, "retry_after", None)
    if retry is not None:
        response.headers["Retry-After"] = str(retry)
    return response


def _unexpected(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.exception("unexpected", reference=reference, path=request.path, exc_info=error)
    return answer(500, _("Something went wrong here."), _("Reference for the lab's staff: %(ref)s", ref=reference))
