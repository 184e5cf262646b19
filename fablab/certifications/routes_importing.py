"""The pages on which managers import past trainings from a CSV file: choose it, look at what it would do, confirm."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import importing
from fablab.certifications.import_rules import MOST_BYTES
from fablab.certifications.import_words import fault_words, summary_words
from fablab.certifications.importing import Faulty, Plan
from fablab.core import clock
from fablab.core.actor import Role
from fablab.web.access import access, actor

blueprint = Blueprint("grant_import", __name__, url_prefix="/certifications/import")

SHOWN = 200
"""So many bad lines, and as many good ones, are shown."""


@blueprint.get("")
@access(Role.MANAGER)
def show() -> str:
    """What the file must look like, and the field for it."""
    return _page()


@blueprint.post("")
@access(Role.MANAGER, scope="manage")
def look() -> str | tuple[str, int]:
    """The dry run: what is wrong with the file, and what it would add. Changes nothing."""
    upload = request.files.get("file")
    content = upload.read(MOST_BYTES + 1) if upload else b""
    if not content:
        return _page(wrong=_("Please choose a file that is not empty.")), 422
    plan = importing.check(actor(), content, clock.now())
    return _page(plan, packed=_packed(content), name=(upload.filename or "")[:100] if upload else "")


@blueprint.post("/confirm")
@access(Role.MANAGER, scope="manage")
def confirm() -> Response | tuple[str, int]:
    """Notes all lines, or none where one of them has become wrong meanwhile."""
    content = _unpacked(request.form.get("packed", ""))
    if not content:
        return _page(wrong=_("Please choose the file again.")), 422
    try:
        plan = importing.apply(actor(), content, clock.now())
    except Faulty as error:
        return _page(error.plan, packed=_packed(content)), 409
    flash(summary_words(len(plan.made), plan.known), "success")
    return redirect(url_for("certification_overview.history"), code=303)


def _page(plan: Plan | None = None, *, packed: str = "", name: str = "", wrong: str = "") -> str:
    return render_template(
        "certifications/import.html",
        plan=plan,
        packed=packed,
        name=name,
        wrong=wrong,
        shown=SHOWN,
        fault_words=fault_words,
    )


def _packed(content: bytes) -> str:
    """The file as the form carries it from the dry run to the confirmation: it is judged anew then."""
    return urlsafe_b64encode(zlib.compress(content, 9)).decode()


def _unpacked(packed: str) -> bytes:
    """The file again; empty for what was no file of ours."""
    try:
        return zlib.decompressobj().decompress(urlsafe_b64decode(packed), MOST_BYTES + 1)
    except (ValueError, zlib.error):
        return b""
