"""CSRF: every unsafe request needs a token of the session, or a bearer token that no foreign page can send."""

from flask import Flask, current_app, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response

from fablab.web.access import has_token
from fablab.web.errors import answer

protect = CSRFProtect()


def init_app(app: Flask) -> None:
    """Checks every unsafe request that does not carry a bearer token."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    protect.init_app(app)
    app.before_request(_check)
    app.register_error_handler(CSRFError, _refuse)


def _check() -> None:
    if request.method in current_app.config["WTF_CSRF_METHODS"] and not has_token():
        protect.protect()


def _refuse(error: CSRFError) -> Response:
    return answer(400, "CSRF", error.description or "")
