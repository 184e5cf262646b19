"""Signing in and out, one's own account, and the set-up page of a lab without an administrator.

Also the wiring of sessions and tokens: whom a cookie or a bearer token stands for.
"""

from datetime import UTC, datetime

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import LoginManager, login_user
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Actor, Role
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.core.words import config
from fablab.people import setup, signin, tokens
from fablab.people.forms import day_end, wrong
from fablab.people.models import Person
from fablab.web import safe_next
from fablab.web.access import PUBLIC, access, actor, has_token, present_actor

blueprint = Blueprint("people", __name__)

SEEN_EVERY_S = 60
UNATTENDED = ("/wall/",)
"""What a page asks for by itself: a wall that nobody looks at keeps no session alive."""

_login = LoginManager()


def init_app(app: Flask) -> None:
    """Makes cookies and bearer tokens stand for people."""
    _login.session_protection = None  # the address of a phone changes on the way home
    _login.init_app(app)
    _login.user_loader(_load)
    _login.request_loader(_of_token)
    app.extensions["fablab_token_loader"] = _token
    app.register_blueprint(blueprint)


def _token(text: str) -> tuple[Actor, frozenset[str]] | None:
    token = tokens.living(text, clock.now())
    if token is None:
        return None
    g._login_user = token.person  # pages and words ask Flask-Login for whom they are made
    return Actor(token.person_id, token.person.role, "api"), frozenset(token.scopes)


def _of_token(_request: object) -> Person | None:
    """Whom the page is made for when nobody has signed in: the token's person."""
    given = request.authorization.token if request.authorization and has_token() else None
    token = tokens.living(given, clock.now()) if given else None
    return None if token is None else token.person


def _load(session_key: str) -> Person | None:
    now = clock.now()
    began, seen = session.get("began"), session.get("seen")
    if not isinstance(began, int) or not isinstance(seen, int):
        return None
    try:
        person = signin.person_of_session(session_key)
    except Exception:
        # The error page asks for its reader's language: it must not ask a database that is away once more.
        g._login_user = _login.anonymous_user()
        raise
    facts = signin.SessionFacts(datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(seen, UTC))
    if person is None or not signin.session_holds(facts, person.role, now):
        return None
    if now.timestamp() - seen >= SEEN_EVERY_S and not request.path.startswith(UNATTENDED):
        session["seen"] = int(now.timestamp())
    return person


def begin_session(person: Person) -> None:
    """A new session for this person; nothing of the one before stays but the chosen language."""
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    session["began"] = session["seen"] = int(clock.now().timestamp())
    session.permanent = True
    login_user(person)
    g.pop("actor", None)


@blueprint.get("/sign-in")
@access(PUBLIC)
def sign_in() -> Response | str:
    """The form; who has signed in already goes on."""
    onward = safe_next.target(request.args.get("next"), "/")
    if present_actor() is not None:
        return redirect(onward)
    if setup.is_needed():
        return redirect(url_for("people.set_up"))
    return render_template("security/sign_in.html", onward=onward, email="", error="")


@blueprint.post("/sign-in")
@access(PUBLIC)
def check_sign_in() -> Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Begins a session, or says that the address or the password is wrong, not which."""
    onward = safe_next.target(request.form.get("next"), "/")
    email = request.form.get("email", "")[:300]
    try:
        person = signin.sign_in(email, request.form.get("password", ""), request.remote_addr or "", clock.now())
    except signin.TooMany as error:
        page = render_template("security/sign_in.html", onward=onward, email=email, error=_slow_down(error))
        return page, 429, {"Retry-After": str(error.retry_after)}
    if person is None:
        told = _("The address or the password is not right.")
        return render_template("security/sign_in.html", onward=onward, email=email, error=told), 422
    begin_session(person)
    return redirect(onward, code=303)


@blueprint.post("/sign-out")
@access(PUBLIC)
def sign_out() -> Response:
    """Ends the session, and those of the same person elsewhere."""
    acting = present_actor()
    if acting is not None and acting.person_id is not None:
        signin.end_sessions(acting.person_id)
    session.clear()
    flash(_("You are signed out, here and on your other devices."), "success")
    return redirect(url_for("people.sign_in"), code=303)


@blueprint.get("/account")
@access(Role.MAKER)
def account() -> str:
    """One's own password and tokens."""
    return _account()


@blueprint.post("/account/password")
@access(Role.MAKER, scope="admin")
def change_password() -> Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """A new password; this session goes on, all others end."""
    old, new = request.form.get("old", ""), request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise Invalid({"again": "is not the same as the new password"})
        person = signin.change_password(actor(), old, new, request.remote_addr or "", clock.now())
    except Invalid as error:
        return _account(errors=wrong(error)), 422
    except signin.TooMany as error:
        return _account(errors={"old": _slow_down(error)}), 429, {"Retry-After": str(error.retry_after)}
    begin_session(person)
    flash(_("Your password is changed. Sessions on other devices have ended."), "success")
    return redirect(url_for("people.account"), code=303)


@blueprint.post("/account/tokens")
@access(Role.MAKER, scope="admin")
def create_token() -> str | tuple[str, int]:
    """A new token, shown on this answer and never again."""
    acting = actor()
    try:
        expires_at = day_end(request.form.get("expires_on", ""), "expires_on")
        token, text = tokens.create(
            acting,
            acting.person_id or 0,
            request.form.get("name", ""),
            request.form.getlist("scopes"),
            expires_at,
            clock.now(),
        )
    except Invalid as error:
        return _account(errors=wrong(error)), 422
    return _account(made=(token.name, text))


@blueprint.post("/account/tokens/<int:token_id>/revoke")
@access(Role.MAKER, scope="admin")
def revoke_token(token_id: int) -> Response:
    """Ends one of one's tokens."""
    try:
        tokens.revoke(actor(), token_id, clock.now())
        flash(_("The token is withdrawn."), "success")
    except Conflict:
        flash(_("The token was withdrawn already."), "info")
    return redirect(url_for("people.account"), code=303)


@blueprint.get("/set-up")
@access(PUBLIC)
def set_up() -> Response | str:
    """The first administrator's form; there is nothing here once there is one."""
    if not setup.is_needed():
        raise NotFound
    setup.code(config())
    return render_template("security/set_up.html", form={}, errors={})


@blueprint.post("/set-up")
@access(PUBLIC)
def finish_set_up() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Makes the first administrator and signs him in."""
    form = {name: request.form.get(name, "")[:300] for name in ("code", "name", "email", "password")}
    if not setup.is_needed():
        raise NotFound
    try:
        signin.count_attempt("set-up", request.remote_addr or "", clock.now())
        person = setup.first_administrator(
            config(), form["code"], form["name"], form["email"], form["password"], clock.now()
        )
    except Invalid as error:
        return render_template("security/set_up.html", form=form, errors=wrong(error)), 422
    except signin.TooMany as error:
        page = render_template("security/set_up.html", form=form, errors={"code": _slow_down(error)})
        return page, 429, {"Retry-After": str(error.retry_after)}
    begin_session(person)
    flash(_("Welcome! The lab is yours."), "success")
    return redirect("/", code=303)


def _account(errors: dict[str, str] | None = None, made: tuple[str, str] | None = None) -> str:
    acting = actor()
    return render_template(
        "security/account.html",
        tokens=tokens.tokens_of(acting, acting.person_id or 0),
        scopes=[scope for scope, role in tokens.SCOPES.items() if acting.is_at_least(role)],
        errors=errors or {},
        made=made,
        form=request.form,
    )


def _slow_down(error: signin.TooMany) -> str:
    minutes = max(1, -(-error.retry_after // 60))
    return str(_("Too many wrong attempts. Please try again in %(minutes)d min.", minutes=minutes))
