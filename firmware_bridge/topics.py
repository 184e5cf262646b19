"""MQTT topics and filters: matching, subscription lists without overlaps, whose topic it is. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

CACHE = 20_000
"""Topics remembered with their devices; a lab has hundreds, a hostile client may invent any number."""


def matches(pattern: str, topic: str) -> bool:
    """True when a subscription to `pattern` receives `topic`. Wildcards at the front do not match `$…` topics."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    return covers(pattern, topic)


def covers(wide: str, narrow: str) -> bool:
    """True when everything that `narrow` (a filter or a topic) receives, `wide` receives too."""
    want, have = wide.split("/"), narrow.split("/")
    for index, level in enumerate(want):
        if level == "#":
            return True
        if index >= len(have) or have[index] == "#":
            return False
        if level not in ("+", have[index]):
            return False
    return len(want) == len(have)


def overlap(one: str, other: str) -> bool:
    """True when some topic matches both filters, so that an MQTT 5 client would be sent it twice."""
    left, right = one.split("/"), other.split("/")
    for a, b in zip(left, right, strict=False):
        if "#" in (a, b):
            return True
        if a != b and "+" not in (a, b):
            return False
    if len(left) == len(right):
        return True
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    return longer[len(shorter) :] == ["#"]


def join(one: str, other: str) -> str:
    """The narrowest single filter that receives all that the two receive (exact for the shapes devices use)."""
    left, right = one.split("/"), other.split("/")
    joined: list[str] = []
    for a, b in zip(left, right, strict=False):
        if "#" in (a, b):
            return "/".join([*joined, "#"])
        joined.append(a if a == b else "+")
    return "/".join(joined if len(left) == len(right) else [*joined, "#"])


def without_overlaps(filters: Iterable[str]) -> list[str]:
    """A sorted list that receives at least all that `filters` receive, and no topic twice.

    What is covered falls away; two filters that overlap in part become one that is wider.
    """
    kept: list[str] = []
    for found in sorted(set(filters)):
        while True:
            clash = next((have for have in kept if overlap(have, found)), None)
            if clash is None:
                kept.append(found)
                break
            kept.remove(clash)
            found = clash if covers(clash, found) else found if covers(found, clash) else join(clash, found)
    return sorted(kept)


class _Node(Generic[Key]):
    """One level of the tree of filters: the levels below, and who listens to what ends here."""

    __slots__ = ("below", "here")

    def __init__(self) -> None:
        self.below: dict[str, _Node[Key]] = {}
        self.here: list[Key] = []


class Router(Generic[Key]):
    """Finds whom a topic belongs to, as fast for ten devices as for ten thousand.

    Several devices may share a topic (a printer and the plug that feeds it).
    """

    def __init__(self, filters: Iterable[tuple[str, Key]]) -> None:
        self._root: _Node[Key] = _Node()
        self._cache: dict[str, tuple[Key, ...]] = {}
        for pattern, key in filters:
            node = self._root
            for level in pattern.split("/"):
                node = node.below.setdefault(level, _Node())
            node.here.append(key)

    def find(self, topic: str) -> tuple[Key, ...]:
        """Everybody who listens to `topic`, each once; empty for a topic of nobody."""
        found = self._cache.get(topic)
        if found is None:
            found = self._look(topic.split("/"), topic.startswith("$"))
            if len(self._cache) >= CACHE:
                self._cache.clear()
            self._cache[topic] = found
        return found

    def _look(self, levels: list[str], hidden: bool) -> tuple[Key, ...]:
        found: dict[Key, None] = {}
        nodes = [self._root]
        for depth, level in enumerate(levels):
            wild = not (hidden and depth == 0)
            wanted = (level, "+") if wild else (level,)
            if wild:
                _collect(nodes, found)
            nodes = [node.below[name] for node in nodes for name in wanted if name in node.below]
        for node in nodes:
            found.update(dict.fromkeys(node.here))
        _collect(nodes, found)
        return tuple(found)


def _collect(nodes: Iterable[_Node[Key]], found: dict[Key, None]) -> None:
    """Add who listens with a `#` right below one of `nodes` (which also matches the level itself)."""
    for node in nodes:
        if "#" in node.below:
            found.update(dict.fromkeys(node.below["#"].here))
