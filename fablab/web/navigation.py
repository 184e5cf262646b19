"""The way round: the entries of the menu, each shown to whom its page is open to."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask, current_app, request
from flask_babel import lazy_gettext as _
from werkzeug.exceptions import HTTPException

from fablab.core.actor import Role
from fablab.web.access import declared, present_actor


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it leads, its words, its icon, and whether one is there or below it now."""

    path: str
    text: str
    icon: str
    here: bool


ENTRIES = (
    ("/wall", _("Live wall"), "layout-grid", Role.MAKER),
    ("/resources", _("Machines and rooms"), "tool", Role.MAKER),
    ("/agenda", _("My bookings"), "calendar-event", Role.MAKER),
    ("/timeline", _("Timeline"), "calendar-time", Role.MAKER),
    ("/day", _("Day sheet"), "printer", Role.INSTRUCTOR),
    ("/rules", _("Booking rules"), "settings", Role.MANAGER),
    ("/reservations/requests", _("Requests"), "hourglass", Role.INSTRUCTOR),
    ("/trainings", _("Trainings"), "school", Role.MAKER),
    ("/certifications", _("Certifications"), "certificate", Role.MANAGER),
    ("/passport", _("My certifications"), "id-badge-2", Role.MAKER),
    ("/people", _("People"), "users", Role.INSTRUCTOR),
    ("/usage", _("Usage"), "activity", Role.MAKER),
    ("/devices", _("Devices"), "plug", Role.MANAGER),
)
"""Path, words, icon and the lowest role that is offered it (its page may ask for a higher one)."""


def init_app(app: Flask) -> None:
    """Gives templates `menu()`."""
    app.jinja_env.globals["menu"] = lambda: list(entries())


def entries() -> Iterator[Entry]:
    """The entries for whoever asks, in their order: those whose page exists and is open to them. None for visitors."""
    acting = present_actor()
    if acting is None:
        return
    needs: dict[str, Role | None] = current_app.extensions.setdefault("fablab_menu", {})
    below = [path for path, *_rest in ENTRIES if request.path == path or request.path.startswith(path + "/")]
    longest = max(below, key=len, default="")
    for path, text, icon, offered_to in ENTRIES:
        if path not in needs:  # pages do not come or go while the application runs
            needs[path] = _needed_role(path)
        needed = needs[path]
        if needed is not None and acting.is_at_least(needed) and acting.is_at_least(offered_to):
            yield Entry(path=path, text=str(text), icon=icon, here=path == longest)


def _needed_role(path: str) -> Role | None:
    """The role that the page at `path` declares (makers' for a public one); None where there is no page."""
    try:
        endpoint, _arguments = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return None
    found = declared(current_app, endpoint)
    return None if found is None else found.role or Role.MAKER
