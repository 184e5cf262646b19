"""States as JSON and back."""

import json
from dataclasses import dataclass

from fablab.usage.codec import from_json, to_json
from fablab.usage.lives import Life
from fablab.usage.rules import UsageState


@dataclass(frozen=True, slots=True)
class Older:
    a: int = 1
    gone: str = "x"


@dataclass(frozen=True, slots=True)
class Newer:
    a: int = 1
    new: tuple[int, ...] = (7,)
    maybe: Life | None = None
    table: dict[str, Life] | None = None


def test_defaults_take_no_room() -> None:
    assert to_json(UsageState()) == {}
    assert from_json(UsageState, {}) == UsageState()


def test_it_survives_a_round_trip() -> None:
    life = Life("1-aa", 5.0, offset=-3.5, sure=True, heard=((1, 4), (6, 6)))
    state = Newer(2, (1, 2), life, {"x": life})
    assert from_json(Newer, json.loads(json.dumps(to_json(state)))) == state


def test_fields_that_came_and_went_do_no_harm() -> None:
    assert from_json(Newer, to_json(Older(5, "y"))) == Newer(5)
