"""The certificate to print: one page of A4 in the holder's language, with a QR code that leads to its verification."""

import io
import json
import re
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import segno
from flask_babel import force_locale, format_date, gettext, ngettext

from fablab.certifications.models import Evidence
from fablab.core.actor import Actor
from fablab.core.app import PACKAGE
from fablab.core.errors import FablabError
from fablab.core.words import config, text
from fablab.credentials import addresses
from fablab.credentials.grants import Held, held
from fablab.credentials.words import evidence_words, language_of, level_words

TEMPLATE = "credentials/certificate.typ"
LONGEST_WORD = 30
"""Letters; longer ones may be broken anywhere, else they would stick out."""


class NoTypesetter(FablabError):
    """The package that sets PDF is not installed here (the extra `pdf`)."""


@lru_cache(maxsize=1)
def is_available() -> bool:
    """Whether PDF can be made here."""
    return find_spec("typst") is not None


def certificate(actor: Actor, grant_id: int, now: datetime, language: str = "") -> bytes:
    """A PDF of one page, accessible (PDF/UA-1), for a grant that holds; in `language` where the lab offers it, else in
    the holder's. The same grant gives the same bytes. Raises NotFound, Ended, NoTypesetter."""
    found = held(actor, grant_id, now)
    if not is_available():
        raise NoTypesetter("This server cannot make PDF: the extra `pdf` is not installed.")
    code = language if language in config().lab.languages else language_of(found.holder)
    with force_locale(code):
        data = _data(found, code)
    return _set(data, found.grant.granted_at)


def _set(data: dict[str, Any], at: datetime) -> bytes:
    import typst

    made = typst.compile(
        _template(),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        ignore_system_fonts=True,
        pdf_standards="ua-1",
        timestamp=int(at.timestamp()),
    )
    return bytes(made)


def _template() -> Path:
    packaged = PACKAGE / "templates" / TEMPLATE
    return packaged if packaged.is_file() else PACKAGE.parent / "templates" / TEMPLATE


def _data(found: Held, language: str) -> dict[str, Any]:
    """What stands on the page: plain texts, in the present language."""
    lab, grant, certification = config().lab, found.grant, found.grant.certification
    address = addresses.verify(grant.public_id)
    return {
        "language": language,
        "lab": _breakable(lab.name),
        "place": " · ".join(one for one in (lab.address, lab.url.partition("://")[2].rstrip("/")) if one),
        "heading": gettext("Certificate"),
        "before_name": gettext("This is to certify that"),
        "name": _breakable(found.holder.name),
        "before_certification": gettext("has shown what it takes for"),
        "certification": _breakable(text(certification.name)),
        "level": level_words(certification.level),
        "facts": _facts(found),
        "verify": gettext("Still valid? Scan the code or open"),
        "verify_alt": gettext("QR code that leads to the page where this certificate is verified"),
        "address": address,
        "qr": _qr(address),
        "demo": gettext("Demo: everything here is made up.") if config().demo else "",
    }


def _facts(found: Held) -> list[list[str]]:
    """Labels with their values, in the order in which they stand."""
    grant = found.grant
    evidence = evidence_words(grant.evidence)
    if grant.evidence is Evidence.RECOGNISED and grant.proof:
        evidence = f"{evidence}: {_breakable(grant.proof)}"
    return [
        [gettext("Certified since"), _day(grant.granted_at)],
        [gettext("Validity"), _end(found)],
        [gettext("Granted by"), _breakable(found.granted_by) or gettext("The lab, as the test was passed")],
        [gettext("On the ground of"), evidence],
    ]


def _end(found: Held) -> str:
    until, unused = found.grant.valid_until, found.grant.certification.lapse_after_unused_days
    last = None if until is None else _day(until - timedelta(microseconds=1))
    end = gettext("Without end") if last is None else gettext("Until %(day)s", day=last)
    if unused is None:
        return str(end)
    lapses = ngettext(
        "as long as it is used at least once in %(num)d day",
        "as long as it is used at least once in %(num)d days",
        unused,
    )
    return f"{end}, {lapses}"


def _day(at: datetime) -> str:
    return str(format_date(at.astimezone(config().lab.zone), "long"))


def _qr(address: str) -> str:
    drawn = io.BytesIO()
    segno.make(address, error="m", boost_error=False).save(drawn, kind="svg", border=0, xmldecl=False, dark="#29211b")
    return drawn.getvalue().decode()


def _breakable(words: str) -> str:
    """The text with places to break in words that are too long for any line."""
    return re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", "\\1\u200b", words.strip())
