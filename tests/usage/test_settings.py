"""Settings of a device: defaults by dialect, nonsense refused by name."""

from typing import Any

import pytest

from fablab.usage.settings import options


@pytest.mark.parametrize(
    ("settings", "silence_s"),
    [
        ({"dialect": "octoprint"}, None),
        ({"dialect": "moonraker"}, None),
        ({"dialect": "tasmota"}, 610),
        ({"dialect": "tasmota", "power": {"stale_s": 150}}, 150),
        ({"dialect": "fablab_v1"}, 65),
        ({"dialect": "fablab_v1", "hb_s": 10}, 35),
        ({"dialect": "fablab_v1", "offline_after_s": 90}, 90),
    ],
)
def test_how_long_a_device_may_be_silent(settings: dict[str, Any], silence_s: float | None) -> None:
    assert options(settings).patience.silence_s == silence_s


def test_off_follows_on() -> None:
    assert options({"power": {"on_w": 60}}).limits.off_w == 30
    assert options({"power": None}).limits.on_w == 10


@pytest.mark.parametrize("wrong", ["60", True, -1, float("nan"), float("inf"), [], {}])
@pytest.mark.parametrize("key", ["on_w", "off_w", "on_delay_s", "off_delay_s", "stale_s", "offline_grace_s", "p_max_w"])
def test_nonsense_is_refused_by_name(key: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=key):
        options({"power": {"on_w": 100, key: wrong}})


def test_power_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="power"):
        options({"power": [60, 40]})
    with pytest.raises(ValueError, match="tap_debounce_s"):
        options({"tap_debounce_s": "5"})
