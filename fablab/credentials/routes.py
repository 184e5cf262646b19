"""Certificates: the page and the badge for the holder, the page where anybody verifies, the lab's keys and lists."""

from datetime import datetime

from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.credentials import badges, certificate, grants, keys, words
from fablab.credentials.addresses import ISSUER, ISSUER_KEYS, KEYS, issuer
from fablab.credentials.rules import State
from fablab.web.access import PUBLIC, access, actor

blueprint = Blueprint("credentials", __name__)

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True)
"""Requests of one address, counted in each web process for itself."""

PER_ADDRESS = "30 per minute"
"""People scan one code after the other; who tries numbers gets nowhere."""

FOR_PROGRAMS = "120 per minute"
LONGEST_ID = 32


def init_app(app: Flask) -> None:
    """Starts counting, and gives templates the words of certificates."""
    limiter.init_app(app)
    app.jinja_env.globals.update(level_words=words.level_words, certificate_state_words=words.state_words)


# -- for the holder and the staff -------------------------------------------------------------------------------------


@blueprint.get("/certifications/grants/<int:grant_id>/certificate.pdf")
@access(Role.MAKER)
def pdf(grant_id: int) -> Response | tuple[str, int]:
    """The certificate to print, in the holder's language; `?language=` asks for another one of the lab's."""
    now = clock.now()
    try:
        made = certificate.certificate(actor(), grant_id, now, request.args.get("language", "")[:5])
    except grants.Ended as error:
        return _ended(error)
    except certificate.NoTypesetter:
        return render_template("credentials/no_pdf.html", grant_id=grant_id), 503
    return _file(made, "application/pdf", f"certificate-{grant_id}.pdf", inline=True)


@blueprint.get("/certifications/grants/<int:grant_id>/badge.jwt")
@access(Role.MAKER)
def badge_jwt(grant_id: int) -> Response | tuple[str, int]:
    """The signed badge: a file for wallets, and for whoever shall verify it."""
    try:
        made = badges.signed_badge(actor(), grant_id, clock.now())
    except grants.Ended as error:
        return _ended(error)
    return _file(made.encode(), "application/vc+jwt", f"badge-{grant_id}.jwt")


@blueprint.get("/certifications/grants/<int:grant_id>/badge.json")
@access(Role.MAKER)
def badge_json(grant_id: int) -> Response | tuple[str, int]:
    """What the badge says, to read; the signature is in the JWT, to which a link header leads."""
    try:
        made = jsonify(badges.badge(actor(), grant_id, clock.now()))
    except grants.Ended as error:
        return _ended(error)
    made.content_type = "application/vc"
    signed = url_for("credentials.badge_jwt", grant_id=grant_id)
    made.headers["Link"] = f'<{signed}>; rel="alternate"; type="application/vc+jwt"'
    return made


def _ended(error: grants.Ended) -> tuple[str, int]:
    return render_template("credentials/ended.html", suspended=error.state is State.SUSPENDED, since=error.since), 409


def _file(content: bytes, kind: str, name: str, *, inline: bool = False) -> Response:
    made = Response(content, content_type=kind)
    made.headers["Content-Disposition"] = f"{'inline' if inline else 'attachment'}; filename={name}"
    return made


# -- for anybody ------------------------------------------------------------------------------------------------------


@blueprint.get("/verify/<public_id>")
@access(PUBLIC)
@limiter.limit(PER_ADDRESS)
def verify(public_id: str) -> Response:
    """How a certificate stands. It tells no more than what stands on it, and less."""
    try:
        found = _seen(public_id, clock.now())
        made = Response(render_template("credentials/verify.html", seen=found, title=_("Certificate")))
    except NotFound:
        made = Response(render_template("credentials/unknown.html"), status=404)
    made.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    made.headers["Cache-Control"] = "no-store"
    return made


def _seen(public_id: str, now: datetime) -> grants.Seen:
    if len(public_id) > LONGEST_ID:
        raise NotFound
    return grants.seen(public_id, now)


@blueprint.get(KEYS)
@access(PUBLIC)
@limiter.limit(FOR_PROGRAMS)
def jwks() -> Response:
    """The lab's public keys, without those it distrusts."""
    return _public(jsonify(keys.jwks()), "application/jwk-set+json")


@blueprint.get(ISSUER_KEYS)
@access(PUBLIC)
@limiter.limit(FOR_PROGRAMS)
def issuer_keys() -> Response:
    """The same, found by the issuer's name."""
    return _public(jsonify({"issuer": issuer(), "jwks": keys.jwks()}), "application/json")


@blueprint.get(ISSUER)
@access(PUBLIC)
@limiter.limit(FOR_PROGRAMS)
def profile() -> Response:
    """The lab as the issuer of badges."""
    return _public(jsonify(badges.profile()), "application/json")


@blueprint.get("/credentials/status/<int:number>")
@access(PUBLIC)
@limiter.limit(FOR_PROGRAMS)
def status(number: int) -> Response:
    """A signed list of which badges the lab does not stand by any more; it names nobody."""
    made = badges.status_list(number, clock.now())
    return _public(Response(made), "application/vc+jwt")


def _public(made: Response, kind: str) -> Response:
    """Programs of any site may read it. Nobody keeps it, else a withdrawn badge would go on."""
    made.content_type = kind
    made.headers["Access-Control-Allow-Origin"] = "*"
    made.headers["Cache-Control"] = "no-cache"
    return made
