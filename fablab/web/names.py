"""The words for what has a name inside: states of machines, outcomes of uses, roles, kinds, audiences."""

from flask import Flask
from flask_babel import format_decimal
from flask_babel import lazy_gettext as _

from fablab.core import words

STATES = {
    "free": _("Free"),
    "working": _("Working"),
    "paused": _("Paused"),
    "idle": _("In use, idle"),
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
GROUPS = {
    "machine": _("Machines"),
    "room": _("Rooms"),
    "office": _("Offices"),
    "desk": _("Desks"),
    "advisor": _("Advisors"),
}
ALARMS = {
    "relay_on_without_grant": _("It runs although nobody has been let in."),
    "does_not_obey": _("It does not do what it is told."),
    "overpower": _("It draws more power than it should."),
    "fault": _("It reports a fault."),
    "records_lost": _("Some of its messages are missing."),
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
        kinds_name=lambda kind: _word(GROUPS, kind),
        alarm_words=lambda kind: _word(ALARMS, kind),
        kind_icon=lambda kind: KIND_ICONS.get(str(kind), "tool"),
        audience_name=lambda audience: _word(AUDIENCES, audience),
        watts=watts,
        energy=energy,
        current_language=words.language,
    )


def watts(power: float) -> str:
    """A power as people read it: 0.4 W, 245 W, 1.25 kW."""
    if power >= 1000:
        return f"{format_decimal(round(power / 1000, 2))} kW"
    return f"{format_decimal(round(power, 1 if power < 10 else None))} W"


def energy(wh: float) -> str:
    """An energy as people read it: 420 Wh, 12.5 kWh."""
    if wh >= 1000:
        return f"{format_decimal(round(wh / 1000, 1))} kWh"
    return f"{format_decimal(round(wh))} Wh"


def _word(known: dict[str, object], code: object) -> str:
    """The word for a code; the code itself where there is none, so that a new one is seen and harms nobody."""
    return str(known.get(str(code), code))
