"""The questions of the demo lab's quizzes, in the lab's three languages."""

from __future__ import annotations

from dataclasses import dataclass

from fablab.core.db import Texts
from fablab.demo.places import texts


@dataclass(frozen=True, slots=True)
class QuestionSeed:
    """A question of the quiz of `certification`; of its choices those are right whose places are in `right`."""

    certification: str
    text: Texts
    explanation: Texts
    choices: tuple[Texts, ...]
    right: tuple[int, ...] = (0,)


YES_NO = (texts("Oui", "Yes", "Да"), texts("Non", "No", "Не"))

LASER = (
    QuestionSeed(
        "laser_safety",
        texts(
            "Quelle matière ne coupe-t-on jamais au laser ?",
            "Which material is never cut with the laser?",
            "Кой материал никога не се реже с лазер?",
        ),
        texts(
            "Le PVC dégage du chlore : il blesse les poumons et ronge la machine.",
            "PVC gives off chlorine: it harms the lungs and eats the machine.",
            "PVC отделя хлор: вреди на белите дробове и разяжда машината.",
        ),
        (
            texts("Le PVC", "PVC", "PVC"),
            texts("Le peuplier", "Poplar", "Топола"),
            texts("L'acrylique", "Acrylic", "Акрил"),
            texts("Le carton", "Card", "Картон"),
        ),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Pendant la découpe, puis-je quitter la machine ?",
            "May I leave the machine while it cuts?",
            "Може ли да се отдалеча от машината, докато реже?",
        ),
        texts(
            "Une flamme peut prendre en quelques secondes : on reste devant, toujours.",
            "A flame can catch within seconds: stay in front of it, always.",
            "Пламък може да избухне за секунди: винаги стойте пред машината.",
        ),
        YES_NO,
        (1,),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Une petite flamme reste après le passage du faisceau. Que faire d'abord ?",
            "A small flame stays after the beam has passed. What do you do first?",
            "След лъча остава малък пламък. Какво правите най-напред?",
        ),
        texts(
            "L'arrêt coupe le faisceau ; capot fermé, la flamme manque d'air. Ensuite seulement la couverture.",
            "Stopping cuts the beam; with the lid closed the flame lacks air. Only then the blanket.",
            "Спирането изключва лъча; при затворен капак пламъкът остава без въздух. Чак тогава одеялото.",
        ),
        (
            texts(
                "Arrêter la machine, capot fermé", "Stop the machine, lid closed", "Спирам машината със затворен капак"
            ),
            texts("Ouvrir le capot et souffler", "Open the lid and blow", "Отварям капака и духам"),
            texts("Attendre la fin du travail", "Wait for the job to end", "Изчаквам края на работата"),
        ),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Que doit-on mettre en marche avant de lancer ?",
            "What must run before you start?",
            "Какво трябва да работи, преди да започнете?",
        ),
        texts(
            "L'extraction emporte les fumées, l'air soufflé éteint les flammes et garde la lentille propre.",
            "The extraction takes the fumes away, the air assist blows out flames and keeps the lens clean.",
            "Аспирацията отвежда дима, обдухването гаси пламъците и пази лещата чиста.",
        ),
        (
            texts("L'extraction des fumées", "The fume extraction", "Аспирацията"),
            texts("L'air soufflé", "The air assist", "Обдухването"),
            texts("La radio", "The radio", "Радиото"),
        ),
        (0, 1),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "À quoi sert le contact de sécurité du capot ?",
            "What is the interlock of the lid for?",
            "За какво служи предпазният контакт на капака?",
        ),
        texts(
            "Capot ouvert, le faisceau se coupe. Le contourner expose les yeux de tous.",
            "With the lid open the beam is cut. Whoever bypasses it exposes everybody's eyes.",
            "При отворен капак лъчът спира. Заобикалянето му излага на риск очите на всички.",
        ),
        (
            texts(
                "Couper le faisceau quand on ouvre", "To cut the beam when it is opened", "Да спре лъча при отваряне"
            ),
            texts("Éclairer le plateau", "To light the bed", "Да осветява масата"),
            texts("Compter les heures", "To count the hours", "Да брои часовете"),
        ),
    ),
    QuestionSeed(
        "laser_safety",
        texts("Le faisceau CO₂ est-il visible ?", "Is the CO₂ beam visible?", "Вижда ли се CO₂ лъчът?"),
        texts(
            "À 10,6 µm il est infrarouge : on ne voit que le point rouge qui vise.",
            "At 10.6 µm it is infrared: you only see the red dot that aims.",
            "При 10,6 µm той е инфрачервен: вижда се само червената точка за прицелване.",
        ),
        YES_NO,
        (1,),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Quel extincteur est posé près du laser ?",
            "Which extinguisher stands by the laser?",
            "Какъв пожарогасител стои до лазера?",
        ),
        texts(
            "Le CO₂ éteint sans laisser d'eau ni de poudre dans les optiques et l'électronique.",
            "CO₂ puts the fire out without water or powder in the optics and the electronics.",
            "CO₂ гаси, без да оставя вода или прах в оптиката и електрониката.",
        ),
        (texts("Au CO₂", "CO₂", "С CO₂"), texts("À eau", "Water", "С вода"), texts("Aucun", "None", "Никакъв")),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Une plaque inconnue, sans étiquette : la couper ?",
            "An unknown sheet without a label: cut it?",
            "Непозната плоскост без етикет: да я режете ли?",
        ),
        texts(
            "Sans fiche de la matière, on demande : deux plaques semblables peuvent être acrylique et PVC.",
            "Without its data sheet you ask: two sheets that look alike can be acrylic and PVC.",
            "Без лист с данни питайте: две еднакви на вид плоскости може да са акрил и PVC.",
        ),
        (
            texts("Non, demander d'abord", "No, ask first", "Не, първо питам"),
            texts("Oui, à faible puissance", "Yes, at low power", "Да, на ниска мощност"),
            texts("Oui, si elle est transparente", "Yes, if it is clear", "Да, ако е прозрачна"),
        ),
    ),
    QuestionSeed(
        "laser_safety",
        texts(
            "Le laser fibre porte sur du métal poli. Quel est le danger ?",
            "The fibre laser marks polished metal. What is the danger?",
            "Влакнестият лазер маркира полиран метал. Каква е опасността?",
        ),
        texts(
            "À 1 µm le reflet atteint la rétine : capot fermé et lunettes de la bonne longueur d'onde.",
            "At 1 µm the reflection reaches the retina: lid closed, goggles for the right wavelength.",
            "При 1 µm отражението достига ретината: затворен капак и очила за правилната дължина на вълната.",
        ),
        (
            texts("Le reflet du faisceau", "The reflected beam", "Отразеният лъч"),
            texts("Le bruit", "The noise", "Шумът"),
            texts("L'humidité", "Damp", "Влагата"),
        ),
    ),
)

PRINTER = (
    QuestionSeed(
        "fdm",
        texts("Quelles parties brûlent les doigts ?", "Which parts burn fingers?", "Кои части изгарят пръстите?"),
        texts(
            "La buse dépasse 200 °C et le plateau 60 °C, longtemps encore après l'arrêt.",
            "The nozzle is above 200 °C and the bed above 60 °C, long after the end.",
            "Дюзата е над 200 °C, а масата над 60 °C, и дълго след края.",
        ),
        (
            texts("La buse", "The nozzle", "Дюзата"),
            texts("Le plateau", "The bed", "Масата"),
            texts("La bobine", "The spool", "Ролката"),
        ),
        (0, 1),
    ),
    QuestionSeed(
        "fdm",
        texts(
            "Que regarde-t-on pendant les premières minutes ?",
            "What do you watch in the first minutes?",
            "Какво се следи през първите минути?",
        ),
        texts(
            "Si la première couche n'adhère pas, tout le reste se perd.",
            "If the first layer does not stick, all the rest is lost.",
            "Ако първият слой не залепне, всичко останало е загубено.",
        ),
        (
            texts("La première couche", "The first layer", "Първия слой"),
            texts("Le téléphone", "The phone", "Телефона"),
            texts("Le prix du plastique", "The price of plastic", "Цената на пластмасата"),
        ),
    ),
    QuestionSeed(
        "fdm",
        texts(
            "Jusqu'à quel angle imprime-t-on en général sans support ?",
            "Up to which angle does one usually print without supports?",
            "До какъв ъгъл обикновено се печата без опори?",
        ),
        texts(
            "Au-delà d'environ 45° par rapport à la verticale, la couche n'a plus assez d'appui.",
            "Beyond about 45° from the vertical a layer has too little to rest on.",
            "Над около 45° спрямо вертикалата слоят няма достатъчна опора.",
        ),
        (
            texts("Environ 45°", "About 45°", "Около 45°"),
            texts("Environ 5°", "About 5°", "Около 5°"),
            texts("90°", "90°", "90°"),
        ),
    ),
    QuestionSeed(
        "fdm",
        texts(
            "L'impression se décolle du plateau. Que faire ?",
            "The print comes off the bed. What do you do?",
            "Отпечатъкът се отлепя от масата. Какво правите?",
        ),
        texts(
            "On arrête : sinon la buse traîne la pièce et s'enrobe de plastique.",
            "Stop it: else the nozzle drags the part about and is wrapped in plastic.",
            "Спирате: иначе дюзата влачи детайла и се обвива с пластмаса.",
        ),
        (
            texts("Arrêter l'impression", "Stop the print", "Спирам печата"),
            texts("Tenir la pièce à la main", "Hold the part by hand", "Държа детайла с ръка"),
            texts("Augmenter la vitesse", "Print faster", "Увеличавам скоростта"),
        ),
    ),
    QuestionSeed(
        "fdm",
        texts(
            "La buse est bouchée. Qui la change ?",
            "The nozzle is blocked. Who changes it?",
            "Дюзата е запушена. Кой я сменя?",
        ),
        texts(
            "On le signale et l'équipe la change : elle se visse à chaud, au bon couple.",
            "Report it and the staff changes it: it is screwed in hot, with the right torque.",
            "Съобщавате и екипът я сменя: завива се гореща, с точния момент.",
        ),
        (
            texts("L'équipe, prévenue tout de suite", "The staff, told at once", "Екипът, уведомен веднага"),
            texts("Le membre suivant", "The next member", "Следващият член"),
            texts("Moi, avec une pince", "Me, with pliers", "Аз, с клещи"),
        ),
    ),
)

QUESTIONS = (*LASER, *PRINTER)
