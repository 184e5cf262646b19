"""What is wrong with a line of past trainings, in the present language: where, what was found, what is allowed."""

from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import ngettext

from fablab.certifications.import_rules import Fault


def fault_words(fault: Fault) -> str:
    """What is wrong, and what would be right."""
    return str(_SENTENCES[fault.code](fault))


_SENTENCES: dict[str, Callable[[Fault], str]] = {
    "too_large": lambda f: _("The file is larger than %(most)s MiB. Please split it.", most=f.allowed),
    "too_many": lambda f: _("There are more than %(most)s lines. Please split the file.", most=f.allowed),
    "not_utf8": lambda f: _("This is not UTF-8. Please save the file as CSV UTF-8."),
    "quotes": lambda f: _("A quotation mark is opened and never closed, or stands in the middle of a cell."),
    "no_lines": lambda f: _("The file has no line below its first one."),
    "column_unknown": lambda f: _(
        "The column “%(name)s” is not known. The columns are: %(allowed)s.", name=f.value, allowed=f.allowed
    ),
    "column_twice": lambda f: _("The column “%(name)s” is there twice.", name=f.value),
    "column_missing": lambda f: _(
        "The first line names the columns; these are missing: %(names)s. There may be: %(allowed)s.",
        names=f.value,
        allowed=f.allowed,
    ),
    "too_many_cells": lambda f: _(
        "It has %(found)s cells, the first line has %(allowed)s.", found=f.value, allowed=f.allowed
    ),
    "too_long": lambda f: _("A cell has more than %(most)s characters.", most=f.allowed),
    "characters": lambda f: _("A cell holds characters that cannot be seen."),
    "person_empty": lambda f: _("The person is missing: an e-mail address, or the exact name."),
    "person_unknown": lambda f: _(
        "Nobody is called “%(name)s” or has this address. Please add the person first.", name=f.value
    ),
    "person_unclear": lambda f: _(
        "%(num)s people are called “%(name)s”. Please write the e-mail address.", num=f.allowed, name=f.value
    ),
    "certification_empty": lambda f: _("The certification is missing: its name in any language, or its number."),
    "certification_unknown": lambda f: _(
        "There is no certification “%(name)s”. There are: %(allowed)s.", name=f.value, allowed=f.allowed
    ),
    "certification_unclear": lambda f: _(
        "More than one certification is called “%(name)s”. Please write its number: %(allowed)s.",
        name=f.value,
        allowed=f.allowed,
    ),
    "date_empty": lambda f: _("The date is missing, such as 2026-03-31, 31.03.2026 or 31/03/2026."),
    "date_wrong": lambda f: _(
        "“%(found)s” is not a date. Please write 2026-03-31, 31.03.2026 or 31/03/2026.", found=f.value
    ),
    "date_range": lambda f: _("%(found)s is not between %(allowed)s and today.", found=f.value, allowed=f.allowed),
    "until_wrong": lambda f: _(
        "“%(found)s” is not a date. Please write 2026-03-31, 31.03.2026 or 31/03/2026, or nothing.", found=f.value
    ),
    "until_range": lambda f: _(
        "The last day %(found)s is not between the training (%(allowed)s) and 2200.", found=f.value, allowed=f.allowed
    ),
    "instructor_unknown": lambda f: _(
        "No instructor is called “%(name)s” or has this address. Leave it empty and write the name as a note.",
        name=f.value,
    ),
    "instructor_unclear": lambda f: _(
        "%(num)s people are called “%(name)s”. Please write the instructor's e-mail address.",
        num=f.allowed,
        name=f.value,
    ),
    "oneself": lambda f: _("Nobody certifies himself: the instructor must be somebody else."),
    "own": lambda f: _("This is about yourself, and nobody certifies himself. Please have another manager import it."),
    "suspended": lambda f: _("It is held back from this person. Please lift that first."),
    "revoked": lambda f: _(
        "It was withdrawn on %(found)s, after this training: only a new training counts.", found=f.value
    ),
    "twice": lambda f: _("It says something else than line %(line)s about the same training.", line=f.value),
}


def summary_words(made: int, known: int) -> str:
    """How many are noted, and how many were already."""
    done = ngettext("%(num)d certification is noted.", "%(num)d certifications are noted.", made)
    if not known:
        return str(done)
    before = ngettext("%(num)d line was known already.", "%(num)d lines were known already.", known)
    return f"{done} {before}"
