"""Words: a code with parameters becomes a sentence in the reader's language, at the edge and nowhere else."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates
from flask import current_app
from flask_babel import format_date, get_locale, gettext, ngettext

from fablab.core.config import Config
from fablab.core.denials import Denial


def config() -> Config:
    """The configuration of the present app."""
    found: Config = current_app.extensions["fablab_config"]
    return found


def language() -> str:
    """The language words are made in now; the lab's own where nobody asks in particular."""
    locale = get_locale()
    return locale.language if locale else config().lab.languages[0]


def text(texts: Mapping[str, str] | None, lang: str | None = None) -> str:
    """One text of a dict language → text: the wanted language, else the lab's own, else any; '' for none."""
    if not texts:
        return ""
    for code in (lang or language(), *config().lab.languages):
        if texts.get(code):
            return texts[code]
    return next(iter(texts.values()))


def shown(at: date, form: str) -> str:
    """A day, or an instant in the lab's zone, in the present language; `form` is a pattern of the CLDR."""
    return _shown(at, form, language(), config().lab.zone)


@lru_cache(maxsize=8192)
def _shown(at: date, form: str, language: str, zone: ZoneInfo) -> str:
    if isinstance(at, datetime):
        return str(dates.format_datetime(at, form, zone, language))
    return str(dates.format_date(at, form, language))


def when(value: str) -> str:
    """An RFC 3339 instant as people of the lab read it: day and time in the lab's zone."""
    return shown(datetime.fromisoformat(value), "EEEE d MMMM, HH:mm")


def day(value: str) -> str:
    """The day of an RFC 3339 instant in the lab's zone."""
    return str(format_date(datetime.fromisoformat(value), "long"))


def hour(value: str) -> str:
    """The time of day of an RFC 3339 instant in the lab's zone."""
    return shown(datetime.fromisoformat(value), "HH:mm")


def length(minutes: int) -> str:
    """A length of time: 45 minutes, 8 hours, 1 h 30."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return str(ngettext("%(num)d minute", "%(num)d minutes", rest))
    if not rest:
        return str(ngettext("%(num)d hour", "%(num)d hours", hours))
    return str(gettext("%(hours)d h %(minutes)02d", hours=hours, minutes=rest))


def _certification(p: Mapping[str, Any]) -> str:
    return text(p.get("certification_name"))


def _either(p: Mapping[str, Any]) -> str:
    """The certification and its alternatives."""
    return ", ".join(text(one["certification_name"]) for one in (p, *p["alternatives"]))


def _why(p: Mapping[str, Any]) -> str:
    """The reason that somebody wrote, in one language or by language; '' for none. Without the full stop."""
    why = p.get("why")
    return (text(why) if isinstance(why, Mapping) else str(why or "")).strip().rstrip(".")


def _too_soon(p: Mapping[str, Any]) -> str:
    ahead = length(p["notice_minutes"])
    if "earliest" not in p:
        return str(gettext("It must be booked at least %(length)s ahead.", length=ahead))
    return str(
        gettext(
            "It must be booked at least %(length)s ahead; the earliest start is now %(start)s.",
            length=ahead,
            start=when(p["earliest"]),
        )
    )


def _lab_closed(p: Mapping[str, Any]) -> str:
    if why := _why(p):
        return str(gettext("The lab is closed on %(day)s: %(why)s.", day=day(p["on"]), why=why))
    return str(gettext("The lab is closed on %(day)s.", day=day(p["on"])))


def _blocked(p: Mapping[str, Any]) -> str:
    if "from" not in p or "until" not in p:
        return str(gettext("It is blocked at this time."))
    times, why = {"start": when(p["from"]), "end": when(p["until"])}, _why(p)
    if p.get("lab"):
        if why:
            return str(gettext("The lab is closed from %(start)s to %(end)s: %(why)s.", why=why, **times))
        return str(gettext("The lab is closed from %(start)s to %(end)s.", **times))
    if why:
        return str(gettext("It cannot be used from %(start)s to %(end)s: %(why)s.", why=why, **times))
    return str(gettext("It cannot be used from %(start)s to %(end)s.", **times))


def _needs_supervisor(p: Mapping[str, Any]) -> str:
    why, buddy = p.get("why"), p.get("allowed") == "buddy"
    if why == "busy":
        return str(gettext("Whoever supervises you has another booking at this time. Ask somebody else along."))
    if buddy and why == "unfit":
        return str(gettext("Your buddy must be certified for this machine too, and have no other booking then."))
    if buddy and why == "uncertified":
        return str(gettext("Your buddy must hold the certifications of this machine too, for the whole time."))
    if buddy:
        return str(gettext("This may not be used alone: book it together with somebody who is certified for it."))
    return str(gettext("This may only be used together with an instructor: book one along."))


def _quota(p: Mapping[str, Any]) -> str:
    make = _QUOTAS.get(str(p.get("limit")))
    return make(p) if make else str(gettext("You have reached the limit of bookings."))


def _lengths(p: Mapping[str, Any]) -> dict[str, str]:
    return {"most": length(p["allowed"]), "used": length(p["used"])}


_QUOTAS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "max_minutes_per_day": lambda p: gettext(
        "At most %(most)s a day can be booked; on %(day)s you have %(used)s already.", day=day(p["on"]), **_lengths(p)
    ),
    "max_minutes_per_week": lambda p: gettext(
        "At most %(most)s a week can be booked; in the week from %(day)s on you have %(used)s already.",
        day=day(p["on"]),
        **_lengths(p),
    ),
    "max_future_minutes": lambda p: gettext(
        "At most %(most)s can be booked ahead; you have %(used)s already. It frees up as you use or cancel them.",
        **_lengths(p),
    ),
    "max_future_count": lambda p: ngettext(
        "At most %(num)d coming booking is allowed; use or cancel it first.",
        "At most %(num)d coming bookings are allowed; use or cancel one first.",
        p["allowed"],
    ),
    "gap_minutes": lambda p: gettext(
        "Between two bookings of yours there must be %(gap)s; you have one from %(start)s to %(end)s.",
        gap=length(p["allowed"]),
        start=when(p["starts_at"]),
        end=when(p["ends_at"]),
    ),
}
"""The sentence of each limit of a person."""


def _training_not_open(p: Mapping[str, Any]) -> str:
    why = str(p.get("why"))
    return _CLOSED[why]() if why in _CLOSED else gettext("This training is over.")


_CLOSED: dict[str, Callable[[], str]] = {
    "draft": lambda: gettext("This training is not published yet."),
    "cancelled": lambda: gettext("This training does not take place."),
}


_AUDIENCES: dict[str, Callable[[], str]] = {
    "citizen": lambda: gettext("This training is for citizens only."),
    "business": lambda: gettext("This training is for businesses only."),
    "school": lambda: gettext("This training is for schools only."),
    "public_body": lambda: gettext("This training is for public bodies only."),
}


def _instructor_busy(p: Mapping[str, Any]) -> str:
    times = {"start": when(p["starts_at"]), "end": when(p["ends_at"])}
    if p.get("why") == "booking":
        return str(gettext("The instructor has a booking from %(start)s to %(end)s.", **times))
    if p.get("why") == "clash":
        return str(gettext("Two dates of this training overlap, from %(start)s to %(end)s.", **times))
    return str(gettext("The instructor gives another training from %(start)s to %(end)s.", **times))


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "not_certified": lambda p: (
        gettext("You need one of these certifications: %(names)s.", names=_either(p))
        if p.get("alternatives")
        else gettext('You need the certification "%(name)s".', name=_certification(p))
    ),
    "certification_expired": lambda p: gettext(
        'The certification "%(name)s" expired on %(day)s.', name=_certification(p), day=day(p["since"])
    ),
    "certification_lapsed_unused": lambda p: gettext(
        'The certification "%(name)s" lapsed on %(day)s because it was not used.',
        name=_certification(p),
        day=day(p["since"]),
    ),
    "certification_revoked": lambda p: gettext(
        'The certification "%(name)s" was withdrawn on %(day)s.', name=_certification(p), day=day(p["since"])
    ),
    "certification_suspended": lambda p: gettext(
        'The certification "%(name)s" is held back since %(day)s. Please speak to the lab\'s staff.',
        name=_certification(p),
        day=day(p["since"]),
    ),
    "prerequisite_missing": lambda p: gettext(
        'The certification "%(name)s" must be held first.', name=_certification(p)
    ),
    "theory_missing": lambda p: gettext(
        'The quiz of the certification "%(name)s" must be passed first.', name=_certification(p)
    ),
    "too_young": lambda p: ngettext(
        'The certification "%(name)s" is for people of %(num)d year and more; here that is from %(day)s on.',
        'The certification "%(name)s" is for people of %(num)d years and more; here that is from %(day)s on.',
        p["allowed"],
        name=_certification(p),
        day=day(p["on"]),
    ),
    "age_unknown": lambda p: ngettext(
        'The certification "%(name)s" is for people of %(num)d year and more, and the date of birth is not known. '
        "The lab's staff can enter it.",
        'The certification "%(name)s" is for people of %(num)d years and more, and the date of birth is not known. '
        "The lab's staff can enter it.",
        p["allowed"],
        name=_certification(p),
    ),
    "membership_expired": lambda p: gettext("The membership ended on %(day)s.", day=day(p["since"])),
    "person_disabled": lambda p: gettext("This account is disabled. Please speak to the lab's staff."),
    "resource_out_of_service": lambda p: (
        gettext("It is out of service: %(why)s", why=p["why"]) if p.get("why") else gettext("It is out of service.")
    ),
    "outside_opening_hours": lambda p: gettext(
        "It is not open for the whole of this time. Opening hours that day: %(hours)s.",
        hours=", ".join(p.get("hours", ())) or gettext("closed"),
    ),
    "lab_closed": _lab_closed,
    "slot_taken": lambda p: gettext(
        "It is already reserved from %(start)s to %(end)s.", start=when(p["starts_at"]), end=when(p["ends_at"])
    ),
    "too_short": lambda p: gettext("The shortest booking is %(length)s.", length=length(p["min_minutes"])),
    "too_long": lambda p: gettext("The longest booking is %(length)s.", length=length(p["max_minutes"])),
    "too_soon": _too_soon,
    "too_far_ahead": lambda p: ngettext(
        "It can be booked at most %(num)d day ahead.", "It can be booked at most %(num)d days ahead.", p["horizon_days"]
    ),
    "quota_exceeded": _quota,
    "needs_approval": lambda p: gettext("This booking needs the approval of the staff."),
    "needs_supervisor": _needs_supervisor,
    "blocked": _blocked,
    "in_past": lambda p: gettext("This time is in the past."),
    "reserved_by_other": lambda p: gettext("It is reserved for somebody else until %(end)s.", end=hour(p["until"])),
    "badge_unknown": lambda p: gettext("This badge is not known."),
    "badge_revoked": lambda p: gettext("This badge has been withdrawn."),
    "problem_reported": lambda p: gettext("A problem has been reported."),
    "off_step": lambda p: gettext(
        "Bookings begin and end in steps of %(step)s, counted from midnight; %(time)s is between two of them.",
        step=length(p["allowed"]),
        time=hour(p["value"]),
    ),
    "too_close": lambda p: gettext(
        "Between two bookings it needs %(length)s to be set up and cleaned; it is reserved from %(start)s to %(end)s.",
        length=length(p["allowed"]),
        start=when(p["starts_at"]),
        end=when(p["ends_at"]),
    ),
    "over_capacity": lambda p: ngettext(
        "It takes at most %(num)d person, and you are %(people)d.",
        "It takes at most %(num)d people, and you are %(people)d.",
        p["allowed"],
        people=p["value"],
    ),
    "quiz_attempts_used": lambda p: ngettext(
        "The quiz may be tried once. An instructor can allow another attempt.",
        "The quiz may be tried %(num)d times, and all are used. An instructor can allow another attempt.",
        p["allowed"],
    ),
    "quiz_wait": lambda p: gettext("You can try the quiz again from %(start)s on.", start=when(p["until"])),
    "suspended": lambda p: ngettext(
        "%(num)d booking was not used and not cancelled, so you can book again from %(start)s on.",
        "%(num)d bookings were not used and not cancelled, so you can book again from %(start)s on.",
        p["value"],
        start=when(p["until"]),
    ),
    "training_not_open": _training_not_open,
    "training_begun": lambda p: gettext("This training began on %(start)s.", start=when(p["since"])),
    "training_full": lambda p: gettext("No place is free in this training."),
    "training_own": lambda p: gettext("Whoever gives a training does not enrol in it."),
    "training_enrolled": lambda p: gettext("You are in this training, or in its waiting list, already."),
    "training_audience": lambda p: _AUDIENCES[p["allowed"]](),
    "training_clash": lambda p: gettext(
        'It is at the same time as the training "%(title)s", from %(start)s to %(end)s.',
        title=text(p["title"]),
        start=when(p["starts_at"]),
        end=when(p["ends_at"]),
    ),
    "instructor_busy": _instructor_busy,
}

_DISPLAY: dict[str, Callable[[], str]] = {
    "not_certified": lambda: gettext("Training needed"),
    "certification_expired": lambda: gettext("Certification expired"),
    "certification_lapsed_unused": lambda: gettext("Certification lapsed"),
    "certification_revoked": lambda: gettext("Certification withdrawn"),
    "certification_suspended": lambda: gettext("Certification suspended"),
    "needs_supervisor": lambda: gettext("Instructor needed"),
    "membership_expired": lambda: gettext("Membership ended"),
    "person_disabled": lambda: gettext("Account disabled"),
    "resource_out_of_service": lambda: gettext("Out of service"),
    "outside_opening_hours": lambda: gettext("Lab closed"),
    "lab_closed": lambda: gettext("Lab closed"),
    "reserved_by_other": lambda: gettext("Reserved"),
    "badge_unknown": lambda: gettext("Unknown badge"),
    "badge_revoked": lambda: gettext("Badge withdrawn"),
    "problem_reported": lambda: gettext("Problem reported"),
    "blocked": lambda: gettext("Closed for now"),
}


def sentence(denial: Denial) -> str:
    """The denial as a full sentence for pages, mails and the API, in the present language. Where several resources are
    asked for, it begins with the name of the one it is about; where several dates are, with the date before that."""
    made = _SENTENCES[denial.code](denial.params)
    name = text(denial.params.get("resource_name"))
    made = gettext("%(name)s: %(sentence)s", name=name, sentence=made) if name else made
    of_date = denial.params.get("of_date")
    return gettext("%(name)s: %(sentence)s", name=when(of_date), sentence=made) if of_date else made


def display(denial: Denial) -> str:
    """The denial in a few words for a reader's display, in the present language."""
    made = _DISPLAY.get(denial.code)
    return made() if made else gettext("Not allowed")
