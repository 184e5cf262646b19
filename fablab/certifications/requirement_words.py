"""What a resource asks for in plain words, such as “safety and (laser CO₂ or laser fibre)”."""

from collections.abc import Mapping

from flask_babel import gettext

from fablab.certifications.rules import Every, Held, Need
from fablab.core.db import Texts
from fablab.core.words import text


def in_words(need: Need, names: Mapping[int, Texts]) -> str:
    """The need in the present language; empty for one that asks for nothing. What is in brackets belongs together."""
    return _said(need, names, whole=True)


def _said(need: Need, names: Mapping[int, Texts], *, whole: bool = False) -> str:
    if isinstance(need, Held):
        return text(names.get(need.certification_id))
    parts = [said for part in need.parts if (said := _said(part, names, whole=len(need.parts) == 1 and whole))]
    between = gettext("and") if isinstance(need, Every) else gettext("or")
    said = f" {between} ".join(parts)
    return said if whole or len(parts) < 2 else f"({said})"
