"""Remedies: the way out of a denial, as a link made by endpoint name, so that rules need not know pages.

The next training is not known here: the application registers who knows it with `next_trainings_from`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, url_for
from flask_babel import gettext as _

from fablab.core.denials import Denial


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a denial: words for the link, and where it leads. `post`: a form posted there does it at once;
    '' for none."""

    text: str
    url: str
    post: str = ""


NextTraining = Callable[[Sequence[int]], Remedy | None]
"""The next training that grants one of these certifications to whoever asks, as a remedy; None for none."""

_TRAINING = "fablab_next_training"


def next_trainings_from(app: Flask, find: NextTraining) -> None:
    """Whom to ask for the next training."""
    app.extensions[_TRAINING] = find


def _certification(denial: Denial) -> Remedy | None:
    ident = denial.params.get("certification_id")
    return _link(_("How to get certified"), "certifications.show", "certification_id", ident)


def _quiz(denial: Denial) -> Remedy | None:
    return _link(_("To the quiz"), "quizzes.show", "certification_id", denial.params.get("certification_id"))


def _training(denial: Denial) -> Remedy | None:
    """The next training for it, or for one that would do as well; else how to get it."""
    find: NextTraining | None = current_app.extensions.get(_TRAINING)
    named = [denial.params, *denial.params.get("alternatives", ())]
    ids = [int(one["certification_id"]) for one in named if one.get("certification_id")]
    return (find(ids) if find and ids else None) or _certification(denial)


def _rules(denial: Denial) -> Remedy | None:
    ident = denial.params.get("resource_id")
    return _link(_("The booking rules"), "policies.explain", "resource_id", ident)


def _waiting(denial: Denial) -> Remedy | None:
    ident = denial.params.get("resource_id")
    return _link(_("Wait for this time"), "waiting.show", "resource_id", ident)


def _own_bookings(_denial: Denial) -> Remedy | None:
    return Remedy(_("Your bookings"), url_for("reservations.mine")) if _is_page("reservations.mine") else None


def _another_time(_denial: Denial) -> Remedy | None:
    return Remedy(_("Find another time"), url_for("reservations.find")) if _is_page("reservations.find") else None


_REMEDIES: dict[str, Callable[[Denial], Remedy | None]] = {
    "not_certified": _training,
    "certification_expired": _training,
    "certification_lapsed_unused": _training,
    "certification_revoked": _training,
    "certification_suspended": _certification,
    "prerequisite_missing": _training,
    "theory_missing": _quiz,
    "too_young": _certification,
    "age_unknown": _certification,
    "slot_taken": _waiting,
    "too_close": _waiting,
    "quota_exceeded": _own_bookings,
    "suspended": _own_bookings,
    "blocked": _another_time,
    "lab_closed": _another_time,
    "resource_out_of_service": _another_time,
    "over_capacity": _another_time,
    "outside_opening_hours": _rules,
    "off_step": _rules,
    "too_short": _rules,
    "too_long": _rules,
    "too_soon": _rules,
    "too_far_ahead": _rules,
    "needs_supervisor": _rules,
}


def remedy(denial: Denial) -> Remedy | None:
    """The remedy of a denial; None where only time or the staff can help."""
    make = _REMEDIES.get(denial.code)
    return make(denial) if make else None


def _link(text: str, endpoint: str, name: str, ident: str | None) -> Remedy | None:
    """A link to the page of one thing; None where the denial does not name it."""
    if not ident or not _is_page(endpoint):
        return None
    values: dict[str, Any] = {name: int(ident)}
    return Remedy(text, url_for(endpoint, **values))


def _is_page(endpoint: str) -> bool:
    return endpoint in current_app.view_functions
