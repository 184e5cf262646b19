"""Energy from counters that fall and leap, and from power where none is believed."""

import pytest

from fablab.usage.energy import Meter, begin, energy_wh, held_until, with_power, with_total

HOUR = 3600.0


def counted(*steps: tuple[float, float], watts: float | None = None, p_max_w: float | None = None) -> float:
    """Wh of counter readings (hours, Wh), with power held at `watts`."""
    meter = Meter()
    for place, (hours, wh) in enumerate(steps):
        if watts is not None:
            meter = with_power(meter, hours * HOUR, watts, HOUR)
        meter = with_total(meter, hours * HOUR, wh, HOUR, p_max_w)
        if place == 0:
            meter = begin(meter)
    return energy_wh(meter)


@pytest.mark.parametrize(
    ("steps", "wh"),
    [
        ([(0, 100), (1, 600), (2, 900)], 800),
        ([(0, 100)], 0),
        ([(0, 100), (1, 600), (1.5, 0), (2, 300)], 800),  # reset to zero
        ([(0, 100), (1, 600), (1.5, 40), (2, 300)], 800),  # reset, some of it before the next reading
        ([(0, 9000), (1, 9500), (1.5, 7100), (2, 7400)], 800),  # rolled back by a power cut
        ([(0, 100), (1, 600), (1.1, 300), (1.2, 650)], 550),  # an old message came again
        ([(0, 100), (1, 600), (1.1, 65600), (2, 65900)], 800),  # a phantom leap
        ([(0, 100), (1, 600), (1, 600)], 500),
    ],
)
def test_believable_rises_are_summed(steps: list[tuple[float, float]], wh: float) -> None:
    assert counted(*steps) == pytest.approx(wh)


def test_a_refused_leap_is_bridged_by_power() -> None:
    assert counted((0, 100), (1, 65600), (2, 66000), watts=500) == pytest.approx(900)


def test_what_a_machine_may_draw_can_be_set() -> None:
    assert counted((0, 0), (1, 9000)) == 0
    assert counted((0, 0), (1, 9000), p_max_w=11000) == 9000


def test_power_is_held_until_the_next_reading_but_not_for_ever() -> None:
    meter = with_power(Meter(), 0, 1000, 600)
    assert energy_wh(with_power(meter, 360, 0, 600)) == pytest.approx(100)
    assert energy_wh(with_power(meter, 36000, 0, 600)) == pytest.approx(1000 / 6)
    assert energy_wh(held_until(meter, 180, 600)) == pytest.approx(50)
    assert energy_wh(with_power(meter, -50, 0, 600)) == 0
