"""The history of a reservation in words: the audit log as its person and the staff read it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from fablab.core import audit, words
from fablab.core.actor import Actor
from fablab.core.audit import AuditEntry
from fablab.core.db import db
from fablab.people.models import Person
from fablab.reservations.models import Reservation

RULES = {
    "outside_opening_hours": _l("Opening hours"),
    "lab_closed": _l("Opening hours"),
    "too_short": _l("Shortest time"),
    "too_long": _l("Longest time"),
    "too_soon": _l("Notice before a booking"),
    "too_far_ahead": _l("How far ahead one may book"),
    "in_past": _l("Not in the past"),
    "off_step": _l("Steps of the times"),
    "too_close": _l("Time between bookings"),
    "over_capacity": _l("Number of people"),
    "quota_exceeded": _l("Limits per person"),
    "suspended": _l("Pause after bookings that nobody came to"),
    "needs_supervisor": _l("Supervision"),
    "needs_approval": _l("Agreement of the staff"),
    "blocked": _l("Closed for this time"),
    "not_certified": _l("Certification"),
    "certification_expired": _l("Certification"),
    "certification_lapsed_unused": _l("Certification"),
    "certification_revoked": _l("Certification"),
    "certification_suspended": _l("Certification"),
    "membership_expired": _l("Membership"),
    "resource_out_of_service": _l("Out of service"),
    "problem_reported": _l("A reported problem"),
}
"""The rules in a few words, by the code of their denial."""

MOST = 100
"""How many entries are shown at most, the newest."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `who` is '' where the lab did it by itself; `own`: whoever reads did it; `reason` is
    what was typed with it."""

    at: datetime
    who: str
    own: bool
    text: str
    reason: str


def story(actor: Actor, reservation: Reservation) -> list[Line]:
    """What happened to it, oldest first. Two queries."""
    entries = audit.history("reservation", str(reservation.id), MOST)
    names = names_of([one.actor_id for one in entries if one.actor_id is not None])
    return [
        Line(
            at=one.at,
            who=names.get(one.actor_id or 0, ""),
            own=one.actor_id is not None and one.actor_id == actor.person_id,
            text=told(one.action.removeprefix("reservation."), one.before or {}, one.after or {}),
            reason=reason_of(one),
        )
        for one in reversed(entries)
    ]


def rule_name(code: object) -> str:
    """A rule in a few words; the code itself where there are none, so that a new one is seen."""
    return str(RULES.get(str(code), code))


def names_of(ids: Sequence[int]) -> dict[int, str]:
    """The names of these people by id. One query, none for nobody."""
    if not ids:
        return {}
    rows = db.session.execute(select(Person.id, Person.name).where(Person.id.in_(set(ids))))
    return dict(rows.all())


def reason_of(entry: AuditEntry) -> str:
    """Why it was done, as it was typed for the person to read; reasons for rules set aside are the staff's own."""
    after = entry.after or {}
    found = after.get("reason") or after.get("end_reason") or after.get("on_behalf_reason") or ""
    return str(found)


def told(action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """One act in words, in the reader's language."""
    make = _WORDS.get(action)
    return make(before, after) if make else _("Changed")


def _created(_before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    state = str(after.get("state"))
    if "starts_at" not in after:
        return {"requested": _("Asked for"), "held": _("Held for the first in the waiting list")}.get(
            state, _("Booked")
        )
    when = _span(after)
    if state == "requested":
        return _("Asked for: %(when)s", when=when)
    if state == "held":
        return _("Held for the first in the waiting list: %(when)s", when=when)
    return _("Booked: %(when)s", when=when)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if _differs(before, after, "starts_at") or _differs(before, after, "ends_at"):
        if "starts_at" in before and "ends_at" in before and "starts_at" in after and "ends_at" in after:
            return _("Moved from %(old)s to %(new)s", old=_span(before), new=_span(after))
        return _("Moved")
    if _differs(before, after, "resource_ids"):
        return _("Other machines or rooms chosen")
    if _differs(before, after, "party_size"):
        return ngettext("Now for %(num)d person", "Now for %(num)d people", int(after["party_size"]))
    return _("Note changed") if _differs(before, after, "note") else _("Changed")


def _cancelled(_before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return _("Cancelled late") if after.get("late_cancelled") else _("Cancelled")


def _arrived(_before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    how = {
        "badge": _("Came: badge at the machine"),
        "usage": _("Came: the machine was used"),
        "page": _("Came: checked in on the page"),
        "staff": _("Came: checked in by the staff"),
    }
    return how.get(str(after.get("arrived_by")), _("Came"))


def _ended(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    end = after.get("ended_at") or after.get("ends_at")
    return _("Finished at %(time)s", time=words.hour(str(end))) if end else _("Finished")


def _notice_given(_before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if "ends_at" not in after:
        return _("Notice given")
    last = datetime.fromisoformat(str(after["ends_at"])) - timedelta(microseconds=1)
    return _("Notice given: it ends on %(day)s", day=words.day(last.isoformat()))


_WORDS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "created": _created,
    "requested": lambda b, a: _("Asked for"),
    "offer_accepted": lambda b, a: _("Offer accepted"),
    "offer_declined": lambda b, a: _("Offer declined"),
    "offer_expired": lambda b, a: _("The offer ended without an answer"),
    "changed": _changed,
    "cancelled": _cancelled,
    "accepted": lambda b, a: _("Accepted by the staff"),
    "rejected": lambda b, a: _("Turned down"),
    "arrived": _arrived,
    "finished": _ended,
    "released": lambda b, a: _("Given back, because nobody came"),
    "at_risk": lambda b, a: _("At risk, as a certification is missing"),
    "safe": lambda b, a: _("Not at risk any more"),
    "extended": lambda b, a: _("Made longer, because the work went on"),
    "notice_given": _notice_given,
    "keys_returned": lambda b, a: _("Keys returned"),
    "keys_not_returned": lambda b, a: _("Keys not returned after all"),
    "deposit_returned": lambda b, a: _("Deposit returned"),
    "deposit_not_returned": lambda b, a: _("Deposit not returned after all"),
}


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    return name in after and before.get(name) != after.get(name)


def _span(facts: Mapping[str, Any]) -> str:
    start, end = str(facts["starts_at"]), str(facts["ends_at"])
    if words.hour(start) == words.hour(end) == "00:00":
        return _days(datetime.fromisoformat(start), datetime.fromisoformat(end) - timedelta(microseconds=1))
    same = words.day(start) == words.day(end)
    return f"{words.when(start)}–{words.hour(end) if same else words.when(end)}"


def _days(first: datetime, last: datetime) -> str:
    begin, end = (words.shown(at, "EEEE d MMMM") for at in (first, last))
    return _("%(days)s all day", days=begin) if begin == end else f"{begin}–{end}"
