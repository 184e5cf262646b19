"""Certifications that need or include others: circles are found and named, and what follows is exact."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fablab.certifications.links import circle, closure, together

graphs = st.dictionaries(st.integers(1, 7), st.sets(st.integers(1, 7), max_size=4), max_size=7)


def reaches(links: dict[int, set[int]], start: int) -> set[int]:
    """All that can be reached in one step or more, by walking until nothing new is met."""
    found, ahead = set(), list(links.get(start, ()))
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += links.get(one, ())
    return found


@given(graphs)
def test_a_circle_is_found_exactly_where_there_is_one(links: dict[int, set[int]]) -> None:
    found = circle(links)
    assert bool(found) is any(ident in reaches(links, ident) for ident in links)
    for one, following in zip(found, found[1:], strict=False):
        assert following in links[one]
    if found:
        assert found[0] == found[-1] == min(found)
        assert len(set(found)) == len(found) - 1


@given(graphs)
def test_the_closure_is_all_that_can_be_reached(links: dict[int, set[int]]) -> None:
    if circle(links):
        with pytest.raises(ValueError, match="cycle"):
            closure(links)
        return
    assert closure(links) == {one: reaches(links, one) for one in links if reaches(links, one)}


@given(graphs, st.randoms())
def test_the_order_in_which_links_were_entered_does_not_matter(
    links: dict[int, set[int]], chance: random.Random
) -> None:
    pairs = list(links.items())
    chance.shuffle(pairs)
    assert circle(dict(pairs)) == circle(links)


def test_a_chain_of_any_length_is_no_circle() -> None:
    chain = {one: {one + 1} for one in range(5000)}
    assert circle(chain) == []
    assert circle(chain | {5000: {0}}) == [*range(5001), 0]


def test_links_of_two_kinds_make_circles_together() -> None:
    assert circle(together({1: {2}}, {2: {3}, 3: {1}})) == [1, 2, 3, 1]
    assert circle(together({1: {2}}, {1: {2}})) == []
