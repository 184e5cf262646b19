"""What a resource asks for as it is stored: a tree of {"all": […]}, {"any": […]} and {"certification": id}."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fablab.certifications.rules import Either, Every, Held, Need

DEEPEST = 4
MOST_TERMS = 40


def need_of(tree: Mapping[str, Any]) -> Need:
    """The need that a tree says. Raises ValueError, which says what is wrong and what is allowed."""
    need = _need(tree, 1)
    if len(list(terms_of(need))) > MOST_TERMS:
        raise ValueError(f"must name at most {MOST_TERMS} certifications")
    return need


def tree_of(need: Need) -> dict[str, Any]:
    """The tree that says a need, without parts that change nothing: what stands alone stands for itself."""
    if isinstance(need, Held):
        return {"certification": need.certification_id}
    word = "all" if isinstance(need, Every) else "any"
    parts = [tree_of(part) for part in need.parts]
    return parts[0] if len(parts) == 1 else {word: parts}


def terms_of(need: Need) -> Iterator[int]:
    """The certifications in it, in their order, again where one is named again."""
    if isinstance(need, Held):
        yield need.certification_id
        return
    for part in need.parts:
        yield from terms_of(part)


def every(certification_ids: list[int]) -> Need:
    """The need of all of these."""
    return Every(tuple(Held(one) for one in certification_ids))


def _need(tree: object, depth: int) -> Need:
    if depth > DEEPEST:
        raise ValueError(f"must be nested at most {DEEPEST} deep")
    if not isinstance(tree, Mapping) or len(tree) != 1:
        raise ValueError('must be {"all": […]}, {"any": […]} or {"certification": id}')
    [(word, value)] = tree.items()
    if word == "certification":
        return Held(_id(value))
    if word not in ("all", "any") or not isinstance(value, list):
        raise ValueError('must be {"all": […]}, {"any": […]} or {"certification": id}')
    parts = tuple(_need(part, depth + 1) for part in value)
    if word == "all":
        return Every(parts)
    if not parts:
        raise ValueError('"any" must name at least one')
    return Either(parts)


def _id(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError("a certification is named by its id")


def groups_of(need: Need) -> list[list[int]] | None:
    """The need as groups of which one each is asked for, (A or B) and C as [[A, B], [C]]; None where it has another
    shape, such as A or (B and C)."""
    if not isinstance(need, Every):
        group = _choices(need)
        return None if group is None else [group]
    found: list[list[int]] = []
    for part in need.parts:
        groups = groups_of(part)
        if groups is None:
            return None
        found += groups
    return found


def of_groups(groups: Sequence[Sequence[int]]) -> Need:
    """The need that asks for one of each group. Empty groups ask for nothing."""
    parts = [_one_of(list(dict.fromkeys(group))) for group in groups if group]
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _one_of(group: list[int]) -> Need:
    return Held(group[0]) if len(group) == 1 else Either(tuple(Held(one) for one in group))


def _choices(need: Need) -> list[int] | None:
    """The certifications of which one is asked for; None where more than one is asked for at once."""
    if isinstance(need, Held):
        return [need.certification_id]
    if isinstance(need, Every):
        return _choices(need.parts[0]) if len(need.parts) == 1 else None
    found: list[int] = []
    for part in need.parts:
        choices = _choices(part)
        if choices is None:
            return None
        found += choices
    return found
