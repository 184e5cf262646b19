"""The words for what has a name inside: states of machines, outcomes of uses, roles, kinds, audiences."""

from flask import Flask
from flask_babel import lazy_gettext as _

from fablab.core import words

STATES = {
    "free": _("Free"),
    "working": _("Working"),
    "paused": _("Paused"),
    "reserved": _("Reserved"),
    "offline": _("Offline"),
    "out_of_service": _("Out of service"),
    "error": _("Needs attention"),
}
OUTCOMES = {
    "completed": _("Completed"),
    "cancelled": _("Cancelled"),
    "failed": _("Failed"),
    "interrupted": _("Interrupted"),
    "ended": _("Ended"),
    "unknown": _("Outcome unknown"),
}
ROLES = {
    "maker": _("Maker"),
    "instructor": _("Instructor"),
    "manager": _("Lab manager"),
    "administrator": _("Administrator"),
}
KINDS = {
    "machine": _("Machine"),
    "room": _("Room"),
    "office": _("Office"),
    "desk": _("Desk"),
    "advisor": _("Advisor"),
}
KIND_ICONS = {"machine": "tool", "room": "door", "office": "building", "desk": "armchair", "advisor": "headset"}
AUDIENCES = {
    "citizen": _("Citizen"),
    "business": _("Business"),
    "school": _("School"),
    "public_body": _("Public body"),
}


def init_app(app: Flask) -> None:
    """Gives templates `state_words(state)` and the like, and the language of the page."""
    app.jinja_env.globals.update(
        state_words=lambda state: _word(STATES, state),
        outcome_words=lambda outcome: _word(OUTCOMES, outcome),
        role_name=lambda role: _word(ROLES, role),
        kind_name=lambda kind: _word(KINDS, kind),
        kind_icon=lambda kind: KIND_ICONS.get(str(kind), "tool"),
        audience_name=lambda audience: _word(AUDIENCES, audience),
        current_language=words.language,
    )


def _word(known: dict[str, object], code: object) -> str:
    """The word for a code; the code itself where there is none, so that a new one is seen and harms nobody."""
    return str(known.get(str(code), code))
