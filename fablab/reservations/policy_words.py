"""The booking rules in plain words: what each is called, and what it means for whoever books."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask_babel import format_time, get_locale, gettext, lazy_gettext, ngettext

from fablab.core.words import length
from fablab.reservations.policy import BookingPolicy, LimitScope, QuietWindow, Supervision

LABELS = {
    "step_minutes": lazy_gettext("Step"),
    "min_minutes": lazy_gettext("Shortest booking"),
    "max_minutes": lazy_gettext("Longest booking"),
    "notice_minutes": lazy_gettext("Notice before the start"),
    "horizon_days": lazy_gettext("How far ahead"),
    "buffer_before_minutes": lazy_gettext("Kept free before"),
    "buffer_after_minutes": lazy_gettext("Kept free after"),
    "limit_scope": lazy_gettext("Bookings that count towards the limits"),
    "max_minutes_per_day": lazy_gettext("Most on a day"),
    "max_minutes_per_week": lazy_gettext("Most in a week"),
    "max_future_count": lazy_gettext("Most bookings to come"),
    "max_future_minutes": lazy_gettext("Most time to come"),
    "gap_minutes": lazy_gettext("Gap between own bookings"),
    "quiet_hours": lazy_gettext("Times in which limits do not count"),
    "supervision": lazy_gettext("Supervision"),
    "approval": lazy_gettext("Approval by the staff"),
    "check_in": lazy_gettext("Checking in"),
    "grace_minutes": lazy_gettext("Grace time"),
    "cancel_hours": lazy_gettext("Free cancellation until"),
    "no_show_limit": lazy_gettext("No-shows before a suspension"),
    "no_show_days": lazy_gettext("How long a no-show counts"),
    "no_show_block_days": lazy_gettext("Length of the suspension"),
    "hold_minutes": lazy_gettext("Time to accept an offer"),
    "reminder_hours": lazy_gettext("Reminder"),
    "overrun_extend_minutes": lazy_gettext("Longest extension by itself"),
}
"""What each rule is called."""

SECTIONS: tuple[tuple[object, tuple[str, ...]], ...] = (
    (
        lazy_gettext("When and how long"),
        ("min_minutes", "max_minutes", "step_minutes", "notice_minutes", "horizon_days")
        + ("buffer_before_minutes", "buffer_after_minutes"),
    ),
    (lazy_gettext("Who may book"), ("supervision", "approval")),
    (
        lazy_gettext("Limits for one person"),
        ("max_minutes_per_day", "max_minutes_per_week", "max_future_count", "max_future_minutes", "gap_minutes")
        + ("limit_scope", "quiet_hours"),
    ),
    (
        lazy_gettext("Coming, cancelling, waiting"),
        ("check_in", "grace_minutes", "cancel_hours", "no_show_limit", "no_show_days", "no_show_block_days")
        + ("hold_minutes", "reminder_hours", "overrun_extend_minutes"),
    ),
)
"""The rules in the order in which people read them."""

SUPERVISIONS = {
    Supervision.NONE: lazy_gettext("Nobody has to be there"),
    Supervision.INSTRUCTOR: lazy_gettext("An instructor is booked along"),
    Supervision.BUDDY: lazy_gettext("A buddy is booked along"),
}
SCOPES = {
    LimitScope.RESOURCE: lazy_gettext("Those of the same machine or room"),
    LimitScope.GROUP: lazy_gettext("Those of its group"),
    LimitScope.LAB: lazy_gettext("All in the lab"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One rule in words; `key` is the rule that it comes from."""

    key: str
    text: str


def sections(policy: BookingPolicy) -> list[tuple[str, list[Line]]]:
    """All rules that say something, as sentences in sections; sections without any are left out."""
    found = []
    for title, keys in SECTIONS:
        lines = [Line(key, text) for key in keys if (text := sentence(key, policy))]
        if lines:
            found.append((str(title), lines))
    return found


def sentence(key: str, policy: BookingPolicy) -> str:
    """A rule as a sentence for whoever books; empty where there is nothing to know."""
    return _SENTENCES[key](policy)


def value(key: str, policy: BookingPolicy) -> str:
    """The value of a rule in a few words."""
    held = getattr(policy, key)
    if held is None:
        return gettext("no limit")
    if isinstance(held, bool):
        return gettext("yes") if held else gettext("no")
    if key in {"supervision", "limit_scope"}:
        return str(SUPERVISIONS[held] if key == "supervision" else SCOPES[held])
    if key == "quiet_hours":
        return quiet(held) or gettext("none")
    if key.endswith("_minutes") or "_minutes_" in key:
        return length(held) if held else gettext("none")
    if key.endswith("_hours"):
        return length(held * 60) if held else gettext("none")
    if key.endswith("_days"):
        return ngettext("%(num)d day", "%(num)d days", held)
    return str(held)


def quiet(windows: Sequence[QuietWindow]) -> str:
    """Times of the week: Sat, Sun all day; Mon–Fri 20:00–08:00."""
    return "; ".join(_window(one) for one in windows)


def _window(one: QuietWindow) -> str:
    names: Mapping[int, str] = get_locale().days["format"]["abbreviated"]
    days = ", ".join(names[day] for day in sorted(one.days))
    if one.from_ == one.until:
        return gettext("%(days)s all day", days=days) if not one.from_.hour else f"{days} {_clock(one)}"
    return f"{days} {_clock(one)}"


def _clock(one: QuietWindow) -> str:
    return f"{format_time(one.from_, 'HH:mm')}\u2013{format_time(one.until, 'HH:mm')}"


def _scope(p: BookingPolicy) -> str:
    limits = (p.max_minutes_per_day, p.max_minutes_per_week, p.max_future_count, p.max_future_minutes, p.gap_minutes)
    if not any(limits):
        return ""
    return {
        LimitScope.RESOURCE: gettext("Only your bookings of the same machine or room count towards these limits."),
        LimitScope.GROUP: gettext("All your bookings in its group count towards these limits."),
        LimitScope.LAB: gettext("All your bookings in the lab count towards these limits."),
    }[p.limit_scope]


def _quiet(p: BookingPolicy) -> str:
    if not p.quiet_hours or not _scope(p):
        return ""
    return gettext("Limits do not count at these times: %(times)s.", times=quiet(p.quiet_hours))


def _supervision(p: BookingPolicy) -> str:
    return {
        Supervision.NONE: "",
        Supervision.INSTRUCTOR: gettext("An instructor must be booked along with you."),
        Supervision.BUDDY: gettext("A buddy who may use it too must be booked along with you."),
    }[p.supervision]


def _check_in(p: BookingPolicy) -> str:
    return "" if p.check_in else gettext("Nobody has to check in: the booking is kept for you all the time.")


def _grace(p: BookingPolicy) -> str:
    if not p.check_in:
        return ""
    return gettext(
        "Check in when you come. If nobody has come %(length)s after the start, others may have it.",
        length=length(p.grace_minutes),
    )


def _cancel(p: BookingPolicy) -> str:
    if not p.cancel_hours:
        return gettext("You can cancel until it starts.")
    return gettext(
        "Cancel at least %(length)s before the start; later, it counts as a late cancellation, even if you first move "
        "or shorten the booking.",
        length=length(p.cancel_hours * 60),
    )


def _no_show(p: BookingPolicy) -> str:
    if p.no_show_limit is None:
        return ""
    return ngettext(
        "Whoever does not come %(num)d time within %(days)d days cannot book for %(block)d days.",
        "Whoever does not come %(num)d times within %(days)d days cannot book for %(block)d days.",
        p.no_show_limit,
        days=p.no_show_days,
        block=p.no_show_block_days,
    )


def _if(held: int | None, make: Callable[[int], str]) -> str:
    return make(held) if held else ""


_SENTENCES: dict[str, Callable[[BookingPolicy], str]] = {
    "step_minutes": lambda p: gettext("Bookings begin on a grid of %(length)s.", length=length(p.step_minutes)),
    "min_minutes": lambda p: gettext("A booking lasts at least %(length)s.", length=length(p.min_minutes)),
    "max_minutes": lambda p: gettext("A booking lasts at most %(length)s.", length=length(p.max_minutes)),
    "notice_minutes": lambda p: (
        gettext("Book at least %(length)s before the start.", length=length(p.notice_minutes))
        if p.notice_minutes
        else gettext("You can book until the last minute.")
    ),
    "horizon_days": lambda p: ngettext(
        "You can book up to %(num)d day ahead.", "You can book up to %(num)d days ahead.", p.horizon_days
    ),
    "buffer_before_minutes": lambda p: _if(
        p.buffer_before_minutes,
        lambda n: gettext("%(length)s are kept free before each booking, to set up.", length=length(n)),
    ),
    "buffer_after_minutes": lambda p: _if(
        p.buffer_after_minutes,
        lambda n: gettext("%(length)s are kept free after each booking, to clean or cool down.", length=length(n)),
    ),
    "limit_scope": _scope,
    "max_minutes_per_day": lambda p: _if(
        p.max_minutes_per_day, lambda n: gettext("You can book at most %(length)s on one day.", length=length(n))
    ),
    "max_minutes_per_week": lambda p: _if(
        p.max_minutes_per_week, lambda n: gettext("You can book at most %(length)s in one week.", length=length(n))
    ),
    "max_future_count": lambda p: _if(
        p.max_future_count,
        lambda n: ngettext(
            "You can have at most %(num)d booking to come.", "You can have at most %(num)d bookings to come.", n
        ),
    ),
    "max_future_minutes": lambda p: _if(
        p.max_future_minutes,
        lambda n: gettext("Your bookings to come can last at most %(length)s together.", length=length(n)),
    ),
    "gap_minutes": lambda p: _if(
        p.gap_minutes, lambda n: gettext("Between two of your bookings there must be %(length)s.", length=length(n))
    ),
    "quiet_hours": _quiet,
    "supervision": _supervision,
    "approval": lambda p: gettext("The staff must accept each booking.") if p.approval else "",
    "check_in": _check_in,
    "grace_minutes": _grace,
    "cancel_hours": _cancel,
    "no_show_limit": _no_show,
    "no_show_days": lambda _p: "",
    "no_show_block_days": lambda _p: "",
    "hold_minutes": lambda p: gettext(
        "Whoever waits for a time has %(length)s to accept it when it becomes free.", length=length(p.hold_minutes)
    ),
    "reminder_hours": lambda p: _if(
        p.reminder_hours,
        lambda n: gettext("You are reminded %(length)s before the start.", length=length(n * 60)),
    ),
    "overrun_extend_minutes": lambda p: _if(
        p.overrun_extend_minutes,
        lambda n: gettext(
            "A booking that takes longer is extended by itself, by at most %(length)s, if nobody waits.",
            length=length(n),
        ),
    ),
}
