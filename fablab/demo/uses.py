"""What the machines did in the four weeks behind: usage sessions with their curves, as devices would have told them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fablab.demo.bookings import QUIET, Booking
from fablab.demo.resources import RESOURCES, ResourceSeed
from fablab.reservations.models import ReservationState
from fablab.usage.models import Outcome

LOADS = {
    "laser": (145.0, 620.0, 980.0, 0.62),
    "mill": (90.0, 450.0, 1150.0, 0.7),
    "saw": (60.0, 700.0, 1300.0, 0.45),
    "vinyl": (14.0, 34.0, 52.0, 0.6),
    "embroidery": (28.0, 62.0, 95.0, 0.75),
    "soldering": (24.0, 62.0, 78.0, 0.5),
}
"""Watts when idle, least and most at work, and the part of the time that is work."""

JOBS = (
    "bracket_v4.gcode",
    "support_casque_PLA_0.2mm.gcode",
    "boitier_capteur_v3.gcode",
    "raccord_goutte_a_goutte.gcode",
    "planetes_classe_CM2.gcode",
    "piece_robinet_PETG.gcode",
    "keyring_lormes.gcode",
    "кутия_за_сензор.gcode",
    "модел_на_мост.gcode",
    "prothese_main_index.gcode",
    "moule_chocolat_v2.gcode",
    "maquette_eglise_1-200.gcode",
    "gear_set_24T.gcode",
)
PRINT_ENDS = ((Outcome.COMPLETED, 0.83), (Outcome.FAILED, 0.08), (Outcome.CANCELLED, 0.07), (Outcome.INTERRUPTED, 0.02))
POINTS = 14
UNATTRIBUTED = 0.06


@dataclass(slots=True)
class Use:
    """One usage session; `booking` is the place of its reservation in the diary, from 0."""

    resource: int
    person: int | None
    booking: int | None
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    job: str | None = None
    progress: float | None = None
    working_s: float | None = None
    paused_s: float | None = None
    energy_wh: float | None = None
    material: str | None = None
    grams: float | None = None
    flags: list[str] = field(default_factory=list)
    readings: list[tuple[datetime, float | None, float | None, float | None]] = field(default_factory=list)


def uses(chance: random.Random, bookings: list[Booking], now: datetime) -> list[Use]:
    """The sessions that followed from the bookings that were used, in order of their starts."""
    made: list[Use] = []
    for index, booking in enumerate(bookings):
        came = booking.state is ReservationState.FINISHED and not booking.exclusive
        if not came or booking.ends_at > now - QUIET:
            continue
        for number in booking.resources:
            made += _of_one(chance, RESOURCES[number - 1], number, index, booking)
    return sorted(made, key=lambda use: (use.started_at, use.resource))


def _of_one(chance: random.Random, seed: ResourceSeed, number: int, index: int, booking: Booking) -> Iterator[Use]:
    if not seed.device:
        return
    at = (booking.started_at or booking.starts_at) + timedelta(minutes=chance.uniform(1, 9))
    while at < booking.ends_at - timedelta(minutes=8):
        room = (booking.ends_at - at).total_seconds()
        length = room * chance.uniform(0.55, 0.98) if seed.needs[-1] == "fdm" else room * chance.uniform(0.35, 0.9)
        known = seed.device == "fablab_v1" or chance.random() >= UNATTRIBUTED
        use = Use(
            number,
            booking.person if known else None,
            index if known else None,
            at,
            at + timedelta(seconds=round(length)),
            Outcome.COMPLETED if seed.device == "fablab_v1" else Outcome.ENDED,
        )
        if seed.load:
            _powered(chance, use, seed.load)
        else:
            _printed(chance, use)
        yield use
        at = use.ended_at + timedelta(minutes=chance.uniform(3, 15))


def _printed(chance: random.Random, use: Use) -> None:
    """A print: job, progress, material, pauses; no meter."""
    use.outcome = chance.choices([kind for kind, _ in PRINT_ENDS], [weight for _, weight in PRINT_ENDS])[0]
    done = 1.0
    if use.outcome is not Outcome.COMPLETED:
        done = chance.uniform(0.06, 0.9)
        use.ended_at = use.started_at + (use.ended_at - use.started_at) * done
    length = (use.ended_at - use.started_at).total_seconds()
    use.job, use.material = chance.choice(JOBS), chance.choice(("PLA", "PLA", "PETG", "ASA"))
    use.progress = round(100 * done, 1)
    use.grams = round(length * chance.uniform(0.004, 0.008), 1)
    use.paused_s = round(length * 0.05) if chance.random() < 0.15 else 0.0
    use.working_s = round(length - use.paused_s)
    use.readings = [
        (use.started_at + timedelta(seconds=length * point / POINTS), None, None, round(100 * done * point / POINTS, 1))
        for point in range(POINTS + 1)
    ]


def _powered(chance: random.Random, use: Use, load: str) -> None:
    """A machine behind a meter: bursts of work between pauses; the energy is the sum of the curve."""
    idle, low, high, share = LOADS[load]
    length = (use.ended_at - use.started_at).total_seconds()
    step, energy, worked = length / POINTS, 0.0, 0.0
    for point in range(POINTS):
        works = chance.random() < share
        watts = chance.uniform(low, high) if works else idle * chance.uniform(0.95, 1.05)
        at = use.started_at + timedelta(seconds=step * point)
        use.readings.append((at, round(watts, 1), round(energy, 2), None))
        energy += watts * step / 3600
        worked += step if works else 0.0
    use.readings.append((use.ended_at, 0.0, round(energy, 2), None))
    use.energy_wh, use.working_s = round(energy, 2), round(worked)
