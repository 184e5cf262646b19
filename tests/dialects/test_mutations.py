"""What must not change the meaning of a story does not, wherever it happens."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.derive import derive
from tests.dialects import mutations, stories

Mutation = Callable[[mutations.Lines, random.Random], list[dict[str, object]]]
CHANCES = st.randoms(use_true_random=False)
STORIES = st.sampled_from(stories.ALL)


def complaints(dialect: str, name: str, lines: mutations.Lines) -> list[str]:
    story = stories.expected(dialect)[name]
    return stories.complaints(story, derive(lines, story["devices"]))


@pytest.mark.parametrize(("dialect", "name"), stories.ALL)
def test_every_line_twice(dialect: str, name: str) -> None:
    lines = mutations.each_twice(stories.sequence(dialect, name), random.Random(0))
    assert complaints(dialect, name, lines) == []


@pytest.mark.parametrize(("dialect", "name"), stories.ALL)
def test_a_restart_at_any_line(dialect: str, name: str) -> None:
    lines = stories.sequence(dialect, name)
    for place in range(1, len(lines)):
        assert complaints(dialect, name, mutations.restarted_at(lines, place)) == [], place


@given(story=STORIES, chance=CHANCES, mutation=st.sampled_from([mutations.redelivered, mutations.with_junk]))
@settings(max_examples=150, deadline=None)
def test_redelivery_and_junk(story: tuple[str, str], chance: random.Random, mutation: Mutation) -> None:
    assert complaints(*story, mutation(stories.sequence(*story), chance)) == []


@given(story=STORIES, chance=CHANCES)
@settings(max_examples=80, deadline=None)
def test_all_of_it_together(story: tuple[str, str], chance: random.Random) -> None:
    lines = mutations.with_junk(mutations.redelivered(stories.sequence(*story), chance), chance)
    lines = mutations.restarted_at(mutations.each_twice(lines, chance), chance.randrange(1, len(lines)))
    assert complaints(*story, lines) == []


@given(dialect=st.sampled_from(stories.FILES), chance=CHANCES)
@settings(max_examples=30, deadline=None)
def test_neighbours_of_different_devices_swapped(dialect: str, chance: random.Random) -> None:
    together = sorted(
        ({**line, "t": line["t"] % 5000} for line in stories.lines(dialect)), key=lambda line: float(line["t"])
    )
    plain = derive(together, stories.devices(dialect))
    assert derive(mutations.swapped(together, chance), stories.devices(dialect)) == plain
