"""The language of a request: chosen by the visitor, else the person's own, else what the browser asks for."""

from typing import Any

from flask import Blueprint, Flask, has_request_context, redirect, request, session
from flask_babel import Babel, get_translations
from flask_login import current_user
from werkzeug.wrappers import Response

from fablab.core.errors import NotFound
from fablab.core.words import config, language
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
    _catalogues_for_templates(app)


def _catalogues_for_templates(app: Flask) -> None:
    """Flask-Babel looks for the catalogue anew for each text; a page has many."""
    known: dict[str, Any] = {}

    def catalogue() -> Any:
        code = language()
        if code not in known:
            known[code] = get_translations()
        return known[code]

    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of Jinja's own extension for texts
        lambda text: catalogue().ugettext(text),
        lambda one, many, count: catalogue().ungettext(one, many, count),
        newstyle=True,
    )


def select_language() -> str:
    """The best language of the lab's for this request; its own where nobody asks."""
    offered = config().lab.languages
    if not has_request_context():
        return offered[0]
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
