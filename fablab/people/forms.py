"""What forms about people have in common: days, and words for what is wrong."""

from datetime import date, datetime, time, timedelta

from flask_babel import gettext as _

from fablab.core.errors import Invalid
from fablab.core.words import config


def day(value: str, name: str) -> date | None:
    """The day of a date field; None for an empty one. Raises Invalid."""
    try:
        return date.fromisoformat(value) if value.strip() else None
    except ValueError:
        raise Invalid({name: "must be a day such as 2026-03-31"}) from None


def day_end(value: str, name: str) -> datetime | None:
    """The end of the day of a date field in the lab's zone; None for an empty one. Raises Invalid."""
    found = day(value, name)
    if found is None:
        return None
    if not 2000 <= found.year <= 2200:
        raise Invalid({name: "must be a day between 2000 and 2200"})
    return datetime.combine(found + timedelta(days=1), time(0), config().lab.zone)


def wrong(error: Invalid) -> dict[str, str]:
    """The faults of a form in the reader's language; a fault without words of its own stays as the service says it."""
    return {
        name: _sentences().get((name, reason), _sentences().get((name, ""), reason))
        for name, reason in error.fields.items()
    }


def _sentences() -> dict[tuple[str, str], str]:
    return {
        ("old", ""): _("This is not your present password."),
        ("again", ""): _("The two new passwords are not the same."),
        ("password", ""): _("Please choose 10 to 200 characters, at least four of them different."),
        ("code", ""): _("This is not the code of this lab."),
        ("name", ""): _("Please enter a name of at most 200 characters."),
        ("email", ""): _("Please enter an address such as ada@example.org."),
        ("organisation", ""): _("Please use at most 200 characters."),
        ("born_on", ""): _("Please enter a day since 1900."),
        ("member_until", ""): _("Please enter a day between 2000 and 2200."),
        ("plan_id", ""): _("Please choose one of the list."),
        ("expires_on", ""): _("Please enter a day in the future."),
        ("expires_at", ""): _("Please enter a day in the future."),
        ("valid_until", ""): _("Please enter a day in the future."),
        ("scopes", ""): _("Please choose what the token may do."),
        ("uid", ""): _("A badge number has 4 to 32 digits or letters from A to F."),
        ("label", ""): _("Please use at most 100 characters."),
        ("reason", ""): _("Please say why."),
    }
