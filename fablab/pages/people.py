"""A person's page: facts, certifications, badges, the way to the bookings, and for the staff what was done when."""

from flask import Blueprint, render_template
from flask_babel import gettext as _

from fablab.certifications import matrix
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.audit import AuditEntry
from fablab.core.words import config
from fablab.people import badges, service
from fablab.web.access import access, actor

blueprint = Blueprint("person", __name__)


@blueprint.get("/people/<int:person_id>")
@access(Role.MAKER)
def show(person_id: int) -> str:
    """Oneself, or anybody for the staff; others' pages are not there for makers."""
    acting, now = actor(), clock.now()
    person = service.get_person(acting, person_id)
    manages = acting.is_at_least(Role.MANAGER)
    history = service.history(acting, person_id) if manages else []
    return render_template(
        "people/show.html",
        person=person,
        own=acting.person_id == person_id,
        manages=manages,
        standings=matrix.standings_of(person_id, now),
        badges=badges.badges_of(acting, person_id),
        history=history,
        names=service.names_of([one.actor_id for one in history]),
        told=told,
        today=now.astimezone(config().lab.zone).date(),
    )


def told(entry: AuditEntry) -> str:
    """What an entry of the log says, in words."""
    acts = {
        "person.added": _("Added"),
        "person.changed": _("Changed: %(fields)s", fields=", ".join(_fields(entry))),
        "person.signed_in": _("Signed in"),
        "person.password_changed": _("Changed the password"),
        "person.password_set": _("Was given a new password"),
        "person.anonymised": _("Anonymised"),
        "badge.added": _("Was given a badge"),
        "badge.revoked": _("Badge withdrawn: %(reason)s", reason=(entry.after or {}).get("reason", "")),
        "token.created": _("Made a token"),
        "token.revoked": _("Withdrew a token"),
        "lab.set_up": _("Set up the lab"),
    }
    return acts.get(entry.action, entry.action)


def _fields(entry: AuditEntry) -> list[str]:
    known = {
        "name": _("Name"),
        "email": _("E-mail address"),
        "role": _("Role"),
        "active": _("Account"),
        "language": _("Language"),
        "member_until": _("Membership"),
        "audience": _("Audience"),
        "organisation": _("Organisation"),
    }
    return [known.get(name, name) for name in entry.after or {}]
