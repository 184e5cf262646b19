"""Words of a message: its templates in one person's language, times in the lab's zone. Needs no request."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from flask_babel import force_locale, format_date, format_datetime, format_time, get_translations, gettext
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from fablab.core import words
from fablab.core.app import PACKAGE
from fablab.notices import links
from fablab.notices.messages import Message

PREFERENCES = "/account/notices"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in words: subject in one line, the text, and the same as HTML."""

    subject: str
    text: str
    html: str


def render(message: Message, language: str, name: str = "") -> Rendered:
    """The message in `language` for the person called `name` ('' for nobody in particular)."""
    environment = _environment()
    with force_locale(language):
        context = {
            "m": message,
            "name": name,
            "lab": words.config().lab,
            "language": language,
            "link": links.absolute(message.path),
            "settings": links.absolute(PREFERENCES),
        }
        subject, text, html = (
            environment.get_template(f"{message.TEMPLATE}.{ending}").render(context)
            for ending in ("subject", "txt", "html")
        )
    return Rendered(subject=" ".join(subject.split()), text=text.strip() + "\n", html=html)


def language_for(wanted: str) -> str:
    """The person's language where the lab offers it, else the lab's own."""
    offered = words.config().lab.languages
    return wanted if wanted in offered else offered[0]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    packaged = PACKAGE / "templates"
    folder = packaged if packaged.is_dir() else PACKAGE.parent / "templates"
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(_plain, _plural, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    made.filters.update(names=_names, words=words.text, length=words.length, day=_day, moment=_moment)
    made.globals["period"] = _period
    return made


def _plain(text: str) -> str:
    return str(get_translations().ugettext(text))


def _plural(one: str, more: str, number: int) -> str:
    """The translation as it is: the environment fills in the number and all else."""
    return str(get_translations().ungettext(one, more, number))


def _names(texts: tuple[dict[str, str], ...]) -> str:
    return ", ".join(words.text(one) for one in texts)


def _day(on: date) -> str:
    return str(format_date(on, "EEEE d MMMM y"))


def _moment(at: datetime) -> str:
    return gettext("%(day)s, %(time)s", day=format_datetime(at, "EEEE d MMMM y"), time=format_time(at, "HH:mm"))


def _period(starts_at: datetime, ends_at: datetime) -> str:
    """From when to when: the day once when it is the same."""
    zone = words.config().lab.zone
    if starts_at.astimezone(zone).date() == ends_at.astimezone(zone).date():
        return f"{_moment(starts_at)}–{format_time(ends_at, 'HH:mm')}"
    return gettext("%(start)s to %(end)s", start=_moment(starts_at), end=_moment(ends_at))
