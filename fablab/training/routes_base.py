"""What the pages of trainings share: their blueprint, the page of one training, small things about forms."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import format_currency
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied
from fablab.reservations import reading
from fablab.training import overview, service
from fablab.web.access import present_actor

blueprint = Blueprint("trainings", __name__, url_prefix="/trainings")


def page(
    training_id: int, refused: Sequence[Denial] = (), form: Mapping[str, str] | None = None, wrong: str = ""
) -> str:
    """The page of one training; `refused`: why what was tried does not go; `form` and `wrong`: what the staff typed to
    enrol somebody, and what is wrong with it."""
    acting, now = present_actor(), clock.now()
    shown = overview.shown(acting, service.get_training(acting, training_id), now)
    people = reading.people() if shown.manages else []
    return render_template(
        "trainings/show.html",
        shown=shown,
        refused=refused,
        people=people,
        form=form or {},
        wrong=wrong,
        money=money,
        too_few=service.had_too_few(shown.training),
    )


def money(minor: int) -> str:
    """An amount in minor units of the lab's currency, as people read it."""
    return str(format_currency(minor / 100, words.config().lab.currency))


def back(training_id: int) -> Response:
    """To the page of the training."""
    return redirect(url_for("trainings.show", training_id=training_id), code=303)


def said(error: Conflict | Denied) -> None:
    """Says why an act did not fit any more."""
    if isinstance(error, Denied):
        flash(" ".join(words.sentence(denial) for denial in error.denials), "error")
    else:
        flash(str(error), "warning")
