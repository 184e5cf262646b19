"""Changed copies of states."""

import dataclasses
from typing import Any

import pytest

from fablab.usage.copies import replace
from fablab.usage.lives import Life


def test_it_does_what_dataclasses_do() -> None:
    life = Life("1-aa", 5.0, heard=((1, 2),))
    assert replace(life, boot="2-bb", n=7) == dataclasses.replace(life, boot="2-bb", n=7)
    assert life == Life("1-aa", 5.0, heard=((1, 2),))
    wrong: dict[str, Any] = {"wrong": 1}
    with pytest.raises(KeyError):
        replace(life, **wrong)
