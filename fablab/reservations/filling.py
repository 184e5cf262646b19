"""The form of a booking, read: what was typed becomes a time, extras and a rule; what is wrong is beside its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask_babel import gettext as _

from fablab.core.actor import Actor
from fablab.core.errors import Invalid
from fablab.core.words import config
from fablab.reservations import bookable, forms, reading, service
from fablab.reservations.bookable import Offer
from fablab.reservations.rules import Slot
from fablab.reservations.wishes import Extras

USUAL_MINUTES = 60
AHEAD = timedelta(days=7)
"""How far the page looks for a free time to put into the form."""


@dataclass(slots=True)
class BookingForm:
    """What was typed and what it means. `slot` is None where it means no time; `rule` is '' for once; `ready` says that
    nothing is wrong and there is something to judge."""

    values: dict[str, str]
    lists: Mapping[str, Sequence[str]]
    errors: dict[str, str]
    person_id: int
    minutes: int
    resource_ids: tuple[int, ...]
    slot: Slot | None = None
    rule: str = ""
    extras: Extras = field(default_factory=Extras)
    companions: Sequence[str] = ()

    @property
    def ready(self) -> bool:
        """A time is chosen and nothing is wrong."""
        return self.slot is not None and not self.errors

    @property
    def is_plain(self) -> bool:
        """One resource for some hours: the free times of the day are worth a list."""
        one = len(self.resource_ids) == 1 and not self.extras.exclusive
        return one and not self.rule and self.extras.let is None

    @property
    def query(self) -> dict[str, object]:
        """What an address must hold to show this form again, without its time."""
        shown = {name: text for name, text in self.values.items() if text and name not in {"day", "time"}}
        return shown | {name: list(found) for name, found in self.lists.items() if found}


def read(actor: Actor, offer: Offer, given: Mapping[str, Sequence[str]], now: datetime) -> BookingForm:
    """The form as sent, or with the next free time in it where none was. A suggested slot counts before the rest."""
    form, errors = forms.sent(given), forms.Errors()
    usual = min(max(USUAL_MINUTES, offer.policy.min_minutes), offer.policy.max_minutes)
    further = forms.ids_of(form, "resource", frozenset(one.id for one in offer.further), errors)
    found = BookingForm(
        values=dict(form.values),
        lists=form.lists,
        errors=errors,
        person_id=_person(actor, form, offer, errors),
        minutes=forms.minutes_of(form["minutes"], usual, errors),
        resource_ids=(offer.resource.id, *further),
        rule=forms.rule_of(form, config().lab.zone, errors),
    )
    found.extras = _extras(actor, form, offer, errors)
    found.companions = _shown(found.extras, offer)
    _choose_slot(found, form, given, offer, now)
    found.values["minutes"] = str(found.minutes)
    return found


def _person(actor: Actor, form: forms.Sent, offer: Offer, errors: forms.Errors) -> int:
    mine = actor.person_id or 0
    if not form["person"] or not actor.is_staff:
        return mine
    chosen = forms.number(form["person"], 1, 2**53)
    if chosen in {ident for ident, _name in offer.people}:
        return chosen or mine
    errors["person"] = _("Please choose a person of the list.")
    return mine


def _extras(actor: Actor, form: forms.Sent, offer: Offer, errors: forms.Errors) -> Extras:
    let = forms.let_of(form, errors) if actor.is_staff else None
    along = _companions(actor, form, offer, errors)
    return Extras(
        note=forms.text_of(form, "note", errors),
        party_size=forms.party_of(form, errors),
        exclusive=bool(form["exclusive"]) and offer.is_place,
        companion_ids=tuple(along),
        called=along,
        on_behalf_reason=forms.text_of(form, "on_behalf_reason", errors) if actor.is_staff else "",
        overrides=forms.overrides_of(form, errors) if actor.is_staff else {},
        let=let,
    )


def _companions(actor: Actor, form: forms.Sent, offer: Offer, errors: forms.Errors) -> dict[int, str]:
    """The instructors that are ticked, and whoever was named in words, with those words."""
    ids = forms.ids_of(form, "companion", frozenset(ident for ident, _name in offer.instructors), errors)
    try:
        return bookable.companions(actor, ids, [form["companion_name"]] if form["companion_name"] else [])
    except Invalid:
        errors["companion_name"] = forms.nobody()
        return dict.fromkeys(ids, "")


def _shown(extras: Extras, offer: Offer) -> list[str]:
    """Who comes along, as it was typed: what somebody is called else is not told to who knows only an address."""
    names = dict(offer.instructors)
    return [extras.called.get(ident) or names.get(ident, "") for ident in extras.companion_ids]


def _choose_slot(
    found: BookingForm, form: forms.Sent, given: Mapping[str, Sequence[str]], offer: Offer, now: datetime
) -> None:
    zone, errors = config().lab.zone, found.errors
    if given.get("slot", [""])[0]:
        found.slot = forms.suggested(given["slot"][0], errors)
        if found.slot is not None:
            found.minutes = int((found.slot.ends_at - found.slot.starts_at).total_seconds()) // 60
            _show(found)
        return
    if not (form["day"] or form["time"]):
        _prefill(found, offer, now)
        return
    starts_at = forms.start_of(form["day"], form["time"], zone, errors)
    if starts_at is None:
        return
    if form["let"]:
        found.slot = forms.slot_until(starts_at, form["last_day"], zone, errors)
    else:
        found.slot = forms.slot_from(starts_at, found.minutes, errors)


def _prefill(found: BookingForm, offer: Offer, now: datetime) -> None:
    """Puts the next time that this person may book into the form, or just the next step of today."""
    if found.errors:
        return
    free = service.availability(found.person_id, offer.resource.id, now, now + AHEAD, found.minutes, now)
    begin = reading.next_start(offer.resource, now)
    found.slot = free[0] if free else forms.slot_from(begin, found.minutes, found.errors)
    if found.slot is not None:
        _show(found)


def _show(found: BookingForm) -> None:
    if found.slot is not None:
        local = found.slot.starts_at.astimezone(config().lab.zone)
        found.values |= {"day": local.date().isoformat(), "time": f"{local:%H:%M}"}
