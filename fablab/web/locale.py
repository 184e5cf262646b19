"""The language of a request: chosen by the visitor, else the person's own, else what the browser asks for."""

from flask import Blueprint, Flask, redirect, request, session
from flask_babel import Babel
from flask_login import current_user
from werkzeug.wrappers import Response

from fablab.core.errors import NotFound
from fablab.core.words import config
from fablab.web import safe_next
from fablab.web.access import PUBLIC, access

blueprint = Blueprint("locale", __name__)

NAMES = {"en": "English", "fr": "Français", "bg": "Български"}
"""Each language in its own words."""


def init_app(app: Flask, babel: Babel) -> None:
    """Selects language and zone for each request."""
    babel.init_app(app, locale_selector=select_language, timezone_selector=lambda: config().lab.timezone)
    app.register_blueprint(blueprint)
    app.jinja_env.globals["language_names"] = NAMES


def select_language() -> str:
    """The best language of the lab's for this request."""
    offered = config().lab.languages
    chosen = session.get("language") if not request.path.startswith("/api/") else None
    if chosen in offered:
        return str(chosen)
    if current_user and current_user.is_authenticated and current_user.language in offered:
        return str(current_user.language)
    return request.accept_languages.best_match(offered) or offered[0]


@blueprint.post("/language/<code>")
@access(PUBLIC)
def choose(code: str) -> Response:
    """Keeps the chosen language in the session and goes back to where the visitor was."""
    if code not in config().lab.languages:
        raise NotFound
    session["language"] = code
    return redirect(safe_next.target(request.form.get("next"), "/"))
