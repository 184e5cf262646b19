"""Remedies: the way out of a denial, as a link made by endpoint name, so that rules need not know pages."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, url_for
from flask_babel import gettext as _

from fablab.core.denials import Denial


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a denial: words for the link, and where it leads."""

    text: str
    url: str


def _certification(denial: Denial) -> Remedy | None:
    ident = denial.params.get("certification_id")
    return ident and Remedy(_("How to get certified"), url_for("certifications.show", certification_id=int(ident)))


_REMEDIES: dict[str, Callable[[Denial], Remedy | None]] = {
    "not_certified": _certification,
    "certification_expired": _certification,
    "certification_lapsed_unused": _certification,
    "certification_revoked": _certification,
}


def remedy(denial: Denial) -> Remedy | None:
    """The remedy of a denial; None where only time or the staff can help."""
    make = _REMEDIES.get(denial.code)
    return make(denial) if make and "certifications.show" in current_app.view_functions else None
