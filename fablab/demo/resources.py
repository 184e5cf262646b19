"""The demo lab's machines, rooms, offices and advisor, in the lab's three languages."""

from __future__ import annotations

from dataclasses import dataclass

from fablab.core.db import Texts
from fablab.demo.places import texts
from fablab.resources.models import Kind, RiskClass


@dataclass(frozen=True, slots=True)
class ResourceSeed:
    """One bookable thing. `busy` is the part of the opening hours it is reserved; `needs` are certifications.
    One of `either` is needed too.

    `device` is the kind of simulated device on it, with its topic root and the load behind a plug.
    """

    key: str
    kind: Kind
    name: Texts
    description: Texts
    place: str
    model: str = ""
    risk: RiskClass = RiskClass.C
    needs: tuple[str, ...] = ()
    busy: float = 0.3
    lengths: tuple[int, ...] = (60, 90, 120)
    capacity: int | None = None
    documents: tuple[tuple[str, str], ...] = ()
    broken: str = ""
    device: str = ""
    base: str = ""
    load: str = ""
    either: tuple[str, ...] = ()


PRINTER = texts(
    "Imprimante 3D à filament. Fournir un fichier G-code ou passer par l'instructeur ; le PLA est compris.",
    "Filament 3D printer. Bring a G-code file or ask an instructor; PLA is included.",
    "3D принтер с филамент. Донесете G-code файл или попитайте инструктор; PLA е включено.",
)
OFFICE = texts(
    "Bureau fermé de 12 m², fibre, deux postes, vue sur la cour. À la demi-journée ou à la journée.",
    "Closed office, 12 m², fibre, two desks, facing the yard. By the half day or the day.",
    "Самостоятелен офис 12 м², оптичен интернет, две бюра, изглед към двора. За половин или цял ден.",
)
PRINT_LENGTHS = (90, 120, 180, 240, 300)


def _printer(
    key: str, name: Texts, model: str, device: str, base: str, busy: float, needs: tuple[str, ...] = ("fdm",)
) -> ResourceSeed:
    return ResourceSeed(
        key,
        Kind.MACHINE,
        name,
        PRINTER,
        "digital",
        model,
        RiskClass.B,
        ("induction", *needs),
        busy,
        PRINT_LENGTHS,
        device=device,
        base=base,
    )


MACHINES = (
    _printer(
        "mk4-1",
        texts("Imprimante 3D MK4 n° 1", "3D printer MK4 no. 1", "3D принтер MK4 № 1"),
        "Prusa MK4",
        "octoprint",
        "octoPrint/mk4-1/",
        0.55,
    ),
    _printer(
        "mk4-2",
        texts("Imprimante 3D MK4 n° 2", "3D printer MK4 no. 2", "3D принтер MK4 № 2"),
        "Prusa MK4",
        "octoprint",
        "octoPrint/mk4-2/",
        0.5,
    ),
    _printer(
        "mini",
        texts("Petite imprimante 3D Mini", "Small 3D printer Mini", "Малък 3D принтер Mini"),
        "Prusa MINI+",
        "octoprint",
        "octoPrint/mini/",
        0.35,
    ),
    _printer(
        "voron",
        texts("Grande imprimante 3D Voron", "Large 3D printer Voron", "Голям 3D принтер Voron"),
        "Voron 2.4, 350 mm",
        "moonraker",
        "voron24",
        0.5,
    ),
    _printer(
        "ender",
        texts("Imprimante 3D Ender", "3D printer Ender", "3D принтер Ender"),
        "Creality Ender-3 V3",
        "moonraker",
        "ender3v3",
        0.3,
    ),
    ResourceSeed(
        "resin",
        Kind.MACHINE,
        texts("Imprimante 3D résine", "Resin 3D printer", "3D принтер със смола"),
        texts(
            "Pour les bijoux, les figurines et les prothèses : des détails de 0,05 mm.",
            "For jewellery, miniatures and dental models: details of 0.05 mm.",
            "За бижута, фигурки и зъбни модели: детайли от 0,05 мм.",
        ),
        "digital",
        "Elegoo Saturn 3 Ultra",
        RiskClass.B,
        ("induction", "resin"),
        busy=0.12,
        lengths=(180, 240),
        broken="Film FEP percé, pièce commandée",
    ),
    ResourceSeed(
        "laser-1",
        Kind.MACHINE,
        texts("Découpeuse laser Speedy", "Laser cutter Speedy", "Лазер Speedy"),
        texts(
            "Laser CO₂ 60 W et fibre 20 W, plateau de 610 × 305 mm. Bois, carton, cuir, acrylique ; jamais de PVC.",
            "CO₂ laser, 60 W, and fibre, 20 W; bed 610 × 305 mm. Wood, card, leather, acrylic; never PVC.",
            "CO₂ лазер 60 W и влакнест 20 W, маса 610 × 305 мм. Дърво, картон, кожа, акрил; никога PVC.",
        ),
        "digital",
        "Trotec Speedy 100 flexx",
        RiskClass.A,
        ("induction", "laser_safety"),
        0.6,
        (30, 45, 60, 90, 120),
        None,
        device="fablab_v1",
        base="laser-1",
        load="laser",
        either=("laser", "laser_fibre"),
    ),
    ResourceSeed(
        "laser-2",
        Kind.MACHINE,
        texts("Découpeuse laser P2", "Laser cutter P2", "Лазер P2"),
        texts(
            "Laser CO₂ 55 W avec caméra, pour les pièces jusqu'à 600 × 308 mm et les objets cylindriques.",
            "CO₂ laser, 55 W, with a camera, for parts up to 600 × 308 mm and round objects.",
            "CO₂ лазер 55 W с камера, за детайли до 600 × 308 мм и цилиндрични предмети.",
        ),
        "digital",
        "xTool P2",
        RiskClass.A,
        ("induction", "laser_safety", "laser_start"),
        0.45,
        (30, 45, 60, 90, 120),
        None,
        device="tasmota",
        base="plug_laser2",
        load="laser",
    ),
    ResourceSeed(
        "cnc",
        Kind.MACHINE,
        texts("Fraiseuse numérique", "CNC mill", "CNC фреза"),
        texts(
            "Surface de 840 × 600 mm, bois, plastiques, aluminium. Venir avec un parcours d'outil vérifié.",
            "Bed of 840 × 600 mm; wood, plastics, aluminium. Come with a checked tool path.",
            "Маса 840 × 600 мм; дърво, пластмаси, алуминий. Елате с проверена траектория.",
        ),
        "wood",
        "Stepcraft D.840",
        RiskClass.A,
        ("induction", "cnc"),
        0.35,
        (120, 180, 240),
        None,
        device="fablab_v1",
        base="mill-1",
        load="mill",
    ),
    ResourceSeed(
        "saw",
        Kind.MACHINE,
        texts("Scie à ruban", "Band saw", "Лентов трион"),
        texts(
            "Hauteur de coupe 190 mm. Pour chantourner et déligner ; aspiration à mettre en route d'abord.",
            "Cutting height 190 mm, for curves and ripping; switch the extraction on first.",
            "Височина на рязане 190 мм, за криви и надлъжно рязане; първо пуснете аспирацията.",
        ),
        "wood",
        "Record Power BS300E",
        RiskClass.A,
        ("induction", "saw"),
        0.22,
        (30, 45, 60),
        None,
        device="fablab_v1",
        base="saw-1",
        load="saw",
    ),
    ResourceSeed(
        "vinyl",
        Kind.MACHINE,
        texts("Découpeuse vinyle", "Vinyl cutter", "Плотер за винил"),
        texts(
            "Autocollants, pochoirs, flex à chaud jusqu'à 584 mm de large.",
            "Stickers, stencils and heat-transfer film up to 584 mm wide.",
            "Стикери, шаблони и термотрансферно фолио до 584 мм ширина.",
        ),
        "digital",
        "Roland CAMM-1 GS2-24",
        needs=("induction",),
        busy=0.3,
        lengths=(30, 45, 60, 90),
        device="tasmota",
        base="plug_vinyl",
        load="vinyl",
    ),
    ResourceSeed(
        "embroidery",
        Kind.MACHINE,
        texts("Machine à coudre et à broder", "Sewing and embroidery machine", "Шевна и бродираща машина"),
        texts(
            "Broderie jusqu'à 300 × 180 mm, 227 motifs en mémoire, lit aussi les fichiers PES.",
            "Embroiders up to 300 × 180 mm, 227 patterns built in, reads PES files too.",
            "Бродира до 300 × 180 мм, 227 вградени мотива, чете и PES файлове.",
        ),
        "textile",
        "Brother Innov-is V3",
        needs=("induction", "textile"),
        busy=0.32,
        lengths=(60, 90, 120, 180),
        device="tasmota",
        base="plug_embroidery",
        load="embroidery",
    ),
    ResourceSeed(
        "soldering",
        Kind.MACHINE,
        texts("Poste de soudure", "Soldering bench", "Място за запояване"),
        texts(
            "Station 95 W, loupe, alimentation et oscilloscope ; soudure sans plomb.",
            "Station of 95 W, magnifier, bench supply and oscilloscope; lead-free solder.",
            "Станция 95 W, лупа, захранване и осцилоскоп; безоловен припой.",
        ),
        "electronics",
        "Weller WT 1010",
        needs=("induction",),
        busy=0.28,
        lengths=(60, 90, 120),
        device="tasmota",
        base="plug_soldering",
        load="soldering",
    ),
)

ROOM = ResourceSeed(
    "visio",
    Kind.ROOM,
    texts("Salle de visioconférence", "Video-conference room", "Зала за видеоконференции"),
    texts(
        "Douze places, deux écrans, caméra qui suit l'orateur, fibre 1 Gbit/s.",
        "Seats twelve, two screens, a camera that follows the speaker, 1 Gbit/s fibre.",
        "Дванайсет места, два екрана, камера, която следи говорещия, оптика 1 Gbit/s.",
    ),
    "meeting",
    busy=0.4,
    capacity=12,
    lengths=(60, 90, 120, 180),
)

ADVISOR = ResourceSeed(
    "advisor",
    Kind.ADVISOR,
    texts("Aide informatique personnelle", "Personal ICT support", "Лична помощ с компютри"),
    texts(
        "Une heure avec un conseiller : démarches en ligne, téléphone, sauvegardes, arnaques à éviter.",
        "An hour with an advisor: forms online, phones, back-ups, scams to avoid.",
        "Един час със съветник: услуги онлайн, телефони, архивиране, как да избегнем измами.",
    ),
    "desk",
    busy=0.5,
    lengths=(30, 60),
    capacity=2,
)

OFFICES = tuple(
    ResourceSeed(
        f"office-{number}",
        Kind.OFFICE,
        texts(f"Bureau {number}", f"Office {number}", f"Офис {number}"),
        OFFICE,
        "offices",
        busy=(0.85, 0.7, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)[number - 1],
        lengths=(240, 480),
        capacity=2,
    )
    for number in range(1, 9)
)

WORKSHOP = ResourceSeed(
    "workshop",
    Kind.ROOM,
    texts("Tout l'atelier numérique", "The whole digital workshop", "Цялата дигитална работилница"),
    texts(
        "La salle avec toutes ses machines, pour une classe ou une journée portes ouvertes.",
        "The room with all of its machines, for a school class or an open day.",
        "Залата с всичките ѝ машини, за училищен клас или ден на отворените врати.",
    ),
    "digital",
    busy=0.0,
    capacity=20,
)

RESOURCES = (*MACHINES, ROOM, ADVISOR, *OFFICES, WORKSHOP)
