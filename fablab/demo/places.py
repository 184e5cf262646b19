"""The demo lab's places and certifications, in the lab's three languages."""

from __future__ import annotations

from dataclasses import dataclass

from fablab.certifications.rules import Level, Validity
from fablab.core.db import Texts


def texts(fr: str, en: str, bg: str) -> Texts:
    """A text in the three languages."""
    return {"fr": fr, "en": en, "bg": bg}


@dataclass(frozen=True, slots=True)
class PlaceSeed:
    """A place; `parent` is the key of the place it is in."""

    key: str
    parent: str | None
    name: Texts


PLACES = (
    PlaceSeed("hub", None, texts("Pôle numérique de Lormes", "Lormes digital hub", "Дигитален център Лорм")),
    PlaceSeed("ground", "hub", texts("Rez-de-chaussée", "Ground floor", "Партер")),
    PlaceSeed("digital", "ground", texts("Atelier numérique", "Digital workshop", "Дигитална работилница")),
    PlaceSeed("wood", "ground", texts("Atelier bois", "Wood workshop", "Дърводелска работилница")),
    PlaceSeed("textile", "ground", texts("Coin textile", "Textile corner", "Шивашки кът")),
    PlaceSeed("electronics", "ground", texts("Coin électronique", "Electronics corner", "Кът за електроника")),
    PlaceSeed("desk", "ground", texts("Accueil", "Reception", "Рецепция")),
    PlaceSeed("first", "hub", texts("Premier étage", "First floor", "Първи етаж")),
    PlaceSeed("meeting", "first", texts("Espace réunions", "Meeting area", "Зона за срещи")),
    PlaceSeed("offices", "first", texts("Couloir des bureaux", "Office corridor", "Коридор с офиси")),
)


@dataclass(frozen=True, slots=True)
class CertificationSeed:
    """Something one can be certified for; `share` is the part of the members who are. What is taught by those who hold
    it is in `includes`, by key; `needs` are its prerequisites."""

    key: str
    name: Texts
    description: Texts
    share: float
    validity_days: int | None = None
    lapse_after_unused_days: int | None = None
    level: Level = Level.AUTONOMOUS
    includes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    validity_months: int | None = None
    validity_ends_on: str | None = None
    min_age: int | None = None
    quiz_questions: int = 0
    quiz_attempts: int | None = None
    quiz_wait_hours: int = 0
    practical: bool = True

    @property
    def validity(self) -> Validity:
        """How long a grant of it holds."""
        return Validity(self.validity_days, self.validity_months, self.validity_ends_on)


CERTIFICATIONS = (
    CertificationSeed(
        "induction",
        texts("Accueil et sécurité", "Welcome and safety", "Въвеждащ инструктаж"),
        texts(
            "Une heure de visite : les règles de l'atelier, les arrêts d'urgence, le rangement.",
            "An hour's tour: the rules of the workshop, the emergency stops, how to tidy up.",
            "Едночасова обиколка: правилата на работилницата, аварийните бутони, подреждането.",
        ),
        share=1.0,
    ),
    CertificationSeed(
        "fdm",
        texts("Impression 3D (filament)", "3D printing (filament)", "3D печат (филамент)"),
        texts(
            "Préparer un fichier, choisir la matière, lancer et surveiller une impression.",
            "Prepare a file, choose the material, start a print and keep an eye on it.",
            "Подготовка на файл, избор на материал, пускане и наблюдение на печата.",
        ),
        share=0.66,
        needs=("induction",),
        quiz_questions=5,
    ),
    CertificationSeed(
        "resin",
        texts("Impression 3D (résine)", "3D printing (resin)", "3D печат (смола)"),
        texts(
            "Gants, lavage à l'alcool, post-traitement : la résine demande de la méthode.",
            "Gloves, washing in alcohol, curing: resin wants method.",
            "Ръкавици, промиване със спирт, втвърдяване: смолата иска ред.",
        ),
        share=0.18,
        needs=("fdm",),
        validity_days=730,
    ),
    CertificationSeed(
        "laser",
        texts("Laser CO₂", "CO₂ laser", "CO₂ лазер"),
        texts(
            "Matériaux permis, mise au point, surveillance de la flamme. Ne jamais s'éloigner.",
            "Permitted materials, focusing, watching for flames. Never walk away.",
            "Разрешени материали, фокусиране, следене за пламък. Никога не се отдалечавайте.",
        ),
        share=0.48,
        includes=("laser_start",),
        needs=("induction", "laser_safety", "laser_start"),
        min_age=16,
        validity_days=730,
        lapse_after_unused_days=365,
    ),
    CertificationSeed(
        "cnc",
        texts("Fraisage numérique", "CNC milling", "CNC фрезоване"),
        texts(
            "Bridage, origine, outils et vitesses ; lunettes et casque obligatoires.",
            "Clamping, origin, tools and speeds; goggles and ear defenders are a must.",
            "Закрепване, нулева точка, инструменти и обороти; очила и антифони са задължителни.",
        ),
        share=0.27,
        needs=("induction",),
        min_age=16,
        validity_days=365,
        lapse_after_unused_days=180,
    ),
    CertificationSeed(
        "saw",
        texts("Scie à ruban", "Band saw", "Лентов трион"),
        texts(
            "Réglage du guide, poussoirs, position des mains. Pas de gants près de la lame.",
            "Setting the guide, push sticks, where the hands go. No gloves near the blade.",
            "Настройка на водача, буталка, къде са ръцете. Без ръкавици до лентата.",
        ),
        share=0.3,
        needs=("induction",),
        validity_days=365,
    ),
    CertificationSeed(
        "textile",
        texts("Couture et broderie", "Sewing and embroidery", "Шиене и бродерия"),
        texts(
            "Enfilage, tension, cadres, numérisation d'un motif.",
            "Threading, tension, hoops, digitising a pattern.",
            "Вдяване, опъване, рамки, дигитализиране на мотив.",
        ),
        share=0.33,
        needs=("induction",),
    ),
    CertificationSeed(
        "teach_machines",
        texts("Encadrer aux machines", "Teaching the machines", "Обучение на машините"),
        texts(
            "Former et habiliter à l'accueil, à l'impression 3D, au laser, à la fraiseuse et à la scie.",
            "Teach and certify for the welcome, 3D printing, the laser, the mill and the saw.",
            "Обучава и дава сертификати за инструктажа, 3D печата, лазера, фрезата и триона.",
        ),
        share=0.0,
        level=Level.INSTRUCTOR,
        includes=("induction", "fdm", "resin", "laser", "laser_safety", "laser_fibre", "cnc", "saw"),
    ),
    CertificationSeed(
        "teach_textile",
        texts("Encadrer au coin textile", "Teaching in the textile corner", "Обучение в шивашкия кът"),
        texts(
            "Former et habiliter à la couture et à la broderie.",
            "Teach and certify for sewing and embroidery.",
            "Обучава и дава сертификати за шиене и бродерия.",
        ),
        share=0.0,
        level=Level.INSTRUCTOR,
        includes=("induction", "textile"),
    ),
    CertificationSeed(
        "laser_safety",
        texts("Sécurité laser", "Laser safety", "Лазерна безопасност"),
        texts(
            "Le questionnaire sur les matières, le feu et les yeux ; à repasser chaque année.",
            "The quiz about materials, fire and eyes; to be passed again every year.",
            "Тестът за материалите, огъня и очите; полага се всяка година.",
        ),
        share=0.0,
        needs=("induction",),
        validity_months=12,
        quiz_questions=8,
        quiz_attempts=3,
        quiz_wait_hours=1,
        practical=False,
    ),
    CertificationSeed(
        "laser_start",
        texts("Laser CO₂, accompagné", "CO₂ laser, supervised", "CO₂ лазер, с придружител"),
        texts(
            "Travailler au laser avec un instructeur à côté : le premier pas vers l'autonomie.",
            "Work at the laser with an instructor beside: the first step towards working alone.",
            "Работа с лазера с инструктор наблизо: първата стъпка към самостоятелността.",
        ),
        share=0.0,
        level=Level.SUPERVISED,
        needs=("induction", "laser_safety"),
        min_age=14,
    ),
    CertificationSeed(
        "laser_fibre",
        texts("Laser fibre", "Fibre laser", "Влакнест лазер"),
        texts(
            "Marquer le métal : longueur d'onde, lunettes, reflets.",
            "Marking metal: wavelength, goggles, reflections.",
            "Маркиране на метал: дължина на вълната, очила, отражения.",
        ),
        share=0.0,
        needs=("induction", "laser_safety"),
        validity_days=730,
        min_age=16,
    ),
    CertificationSeed(
        "keyholder",
        texts("Référent de soirée", "Evening keyholder", "Вечерен отговорник"),
        texts(
            "Ouvrir et fermer le lieu, alarme, consignes d'évacuation ; jusqu'à la rentrée.",
            "Opening and closing the place, alarm, evacuation; until the end of August.",
            "Отваряне и затваряне, аларма, евакуация; до края на август.",
        ),
        share=0.0,
        needs=("induction",),
        validity_ends_on="08-31",
        min_age=18,
    ),
)

TEACHES = {
    "Julien Moreau": ("teach_machines", "teach_textile"),
    "Мария Иванова": ("teach_machines",),
    "Sophie Lambert": ("teach_machines", "teach_textile"),
}
"""Which of them each instructor holds."""
