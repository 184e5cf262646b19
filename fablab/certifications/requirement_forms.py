"""What a resource or a group asks for, as a form: groups of certifications of which one each is asked for.

What has another shape is shown in words and kept, unless the manager says that the groups shall take its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from fablab.certifications.expression import groups_of, of_groups
from fablab.certifications.requirement_words import in_words
from fablab.certifications.rules import Need
from fablab.core.db import Texts
from fablab.core.typed import whole_numbers

MOST_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Editor:
    """What the form shows: the groups, the last one empty for another; `kept` in words what the groups cannot say,
    empty where they can, and whether it shall be kept."""

    groups: Sequence[Sequence[int]]
    kept: str = ""
    keeps: bool = False


def shown(need: Need, names: Mapping[int, Texts]) -> Editor:
    """The form of what is asked for now."""
    groups = groups_of(need)
    if groups is None:
        return Editor([[]], in_words(need, names), keeps=True)
    return Editor([*groups, []])


def typed(form: MultiDict[str, str], known: Editor) -> Editor:
    """The form again as it was typed, with one more group where the button for it was pressed."""
    return Editor([*_groups(form), []], known.kept, _keeps(form) if known.kept else False)


def read(form: MultiDict[str, str]) -> Need | None:
    """What is asked for from now on; None: what was asked for is kept."""
    return None if _keeps(form) else of_groups(_groups(form))


def wants_more(form: MultiDict[str, str]) -> bool:
    """Whether the button for another group was pressed: then nothing is saved yet."""
    return "needs_more" in form


def _keeps(form: MultiDict[str, str]) -> bool:
    return form.get("needs_as") == "kept"


def _groups(form: MultiDict[str, str]) -> list[list[int]]:
    groups = [form.getlist(f"need_{number}") for number in range(1, MOST_GROUPS + 1)]
    return [numbers for group in groups if (numbers := whole_numbers(group))]
