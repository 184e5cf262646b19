"""Certifications that need or include others, as a graph: its circles, and all that follows from what was entered."""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

Links = Mapping[int, Collection[int]]
"""Of each certification those that it needs, or that it includes."""


def together(*links: Links) -> dict[int, set[int]]:
    """All links of several graphs."""
    found: dict[int, set[int]] = {}
    for one in links:
        for ident, others in one.items():
            found.setdefault(ident, set()).update(others)
    return found


def circle(links: Links) -> list[int]:
    """A circle: the certifications on it, each of which leads to the next, the first one again at the end; empty for
    none. It begins with the one that was added first."""
    try:
        TopologicalSorter(_sorted(links)).prepare()
    except CycleError as error:
        found: list[int] = error.args[1][:0:-1]  # each leads to the one before, and the first stands at the end again
        place = found.index(min(found))
        return [*found[place:], *found[:place], found[place]]
    return []


def closure(direct: Links) -> dict[int, set[int]]:
    """Of each certification all that it includes, directly or by others, without itself; those that include nothing are
    left out. Raises ValueError for links with a circle."""
    found: dict[int, set[int]] = {}
    for ident in TopologicalSorter(_sorted(direct)).static_order():
        for one in direct.get(ident, ()):
            found.setdefault(ident, set()).update({one}, found.get(one, ()))
    return found


def _sorted(links: Links) -> dict[int, list[int]]:
    return {ident: sorted(links[ident]) for ident in sorted(links)}
