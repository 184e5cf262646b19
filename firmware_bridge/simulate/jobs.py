"""What people make in the demo: file names as makers name them, in the lab's three languages."""

from __future__ import annotations

import random
from dataclasses import dataclass

PRINTS = (
    "jigs/bracket_v4.gcode",
    "support_casque_PLA_0.2mm.gcode",
    "boitier_capteur_v3.gcode",
    "jardin/raccord_goutte_a_goutte.gcode",
    "ecole/planetes_classe_CM2.gcode",
    "piece_robinet_PETG.gcode",
    "drone/arm_left_PETG.gcode",
    "keyring_lormes.gcode",
    "Gehäuse Deckel v2.gcode",
    "кутия_за_сензор.gcode",
    "ученици/модел_на_мост.gcode",
    "стойка_за_телефон.gcode",
    "prothese_main_index.gcode",
    "moule_chocolat_v2.gcode",
    "maquette_eglise_1-200.gcode",
    "gear_set_24T.gcode",
)

MATERIALS = ("PLA", "PETG", "ASA")


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be printed, how long it takes at pace 1, and who sent it."""

    path: str
    seconds: float
    size: int
    layers: int
    user: str
    material: str
    grams: float

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]


def choose(chance: random.Random, users: tuple[str, ...], short_s: float = 1500, long_s: float = 9000) -> Job:
    """Some job, by chance; most are shorter than the middle."""
    share = chance.random() ** 1.6
    seconds = short_s + share * (long_s - short_s)
    return Job(
        path=chance.choice(PRINTS),
        seconds=seconds,
        size=int(seconds * chance.uniform(900, 2400)),
        layers=max(12, int(seconds / chance.uniform(25, 60))),
        user=chance.choice(users),
        material=chance.choice(MATERIALS),
        grams=round(seconds * chance.uniform(0.004, 0.009), 1),
    )
