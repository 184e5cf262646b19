"""The next trainings for a certification, for pages of packages that know nothing of trainings."""

from collections.abc import Sequence

from flask import Flask

from fablab.core import clock
from fablab.training.reading import Coming, next_trainings
from fablab.web.access import present_actor


def init_app(app: Flask) -> None:
    """Gives templates `upcoming_trainings(certification_id)`: at most three, the next first; at most seven queries."""
    app.jinja_env.globals["upcoming_trainings"] = _upcoming


def _upcoming(certification_id: int) -> Sequence[Coming]:
    if present_actor() is None:
        return []
    return next_trainings([certification_id], clock.now()).get(certification_id, [])
