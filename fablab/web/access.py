"""Who may call which route: declared at each view, denied where nothing is declared.

    @blueprint.get("/people")
    @access(Role.MANAGER)            # this role or a higher one
    @access(PUBLIC)                  # anybody
    @access(Role.MAKER, scope="book")  # a bearer token needs this scope

`init_app` refuses a request to an endpoint without a declaration, so a forgotten one is closed, not open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, request
from flask_login import current_user

from fablab.core.actor import Actor, Role
from fablab.core.errors import Forbidden

View = TypeVar("View", bound=Callable[..., Any])

SCOPES = ("read", "book", "manage", "admin")
"""What a token may do, each including the ones before it."""

PUBLIC = "public"


class SignInNeeded(Exception):
    """Nobody is signed in and the route needs somebody: 401 for programs, the sign-in page for people."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a view declares: the lowest role (None: anybody) and the scope a token needs."""

    role: Role | None
    scope: str


def access(role: Role | str, *, scope: str = "read") -> Callable[[View], View]:
    """Declares who may call the view. `role` is a `Role` or `PUBLIC`."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}")
    declared = Declared(role=None if role == PUBLIC else Role(role), scope=scope)

    def mark(view: View) -> View:
        view.__dict__["access"] = declared
        return view

    return mark


def declared(app: Flask, endpoint: str) -> Declared | None:
    """The declaration of an endpoint; None when it has none."""
    view = app.view_functions.get(endpoint)
    while view is not None:
        found: Declared | None = getattr(view, "access", None)
        if found is not None:
            return found
        view = getattr(view, "__wrapped__", None)
    return None


def init_app(app: Flask) -> None:
    """Checks every request against the declaration of its endpoint."""
    app.before_request(_check)


def actor() -> Actor:
    """Who acts in this request. Raises SignInNeeded when nobody is signed in."""
    found: Actor | None = present_actor()
    if found is None:
        raise SignInNeeded
    return found


def present_actor() -> Actor | None:
    """Who acts in this request; None for a visitor."""
    if "actor" not in g:
        g.actor = _from_token() if _bearer() is not None else _from_session()
    found: Actor | None = g.actor
    return found


def has_token() -> bool:
    """True when the request carries a bearer token (and thus no cookie that a foreign page could ride on)."""
    return _bearer() is not None


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _from_session() -> Actor | None:
    if not current_user or not current_user.is_authenticated or not current_user.active:
        return None
    return Actor(person_id=current_user.id, role=current_user.role, via="web")


def _from_token() -> Actor:
    load = current_app.extensions["fablab_token_loader"]
    found: tuple[Actor, frozenset[str]] | None = load(_bearer())
    if found is None:
        raise SignInNeeded
    acting, g.token_scopes = found
    return acting


def _check() -> None:
    if request.endpoint is None or request.endpoint == "static":
        return
    found = declared(current_app, request.endpoint)
    if found is None:
        abort(404)
    if found.role is None:
        return
    acting = actor()
    scopes = g.get("token_scopes")
    if scopes is not None and not _includes(scopes, found.scope):
        raise Forbidden(f"this token has no scope {found.scope!r}")
    if not acting.is_at_least(found.role):
        raise Forbidden("this needs another role")


def _includes(scopes: frozenset[str], wanted: str) -> bool:
    return any(SCOPES.index(scope) >= SCOPES.index(wanted) for scope in scopes)
