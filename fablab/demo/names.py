"""The forty invented people of the demo lab. Nobody of them exists."""

from __future__ import annotations

from dataclasses import dataclass

from fablab.core.actor import Role
from fablab.people.models import Audience

DOMAIN = "lab.example"
CITIZEN, BUSINESS, SCHOOL, PUBLIC = Audience.CITIZEN, Audience.BUSINESS, Audience.SCHOOL, Audience.PUBLIC_BODY


@dataclass(frozen=True, slots=True)
class PersonSeed:
    """One person; `login` is the name before the @ for those who can sign in to the demo by a short address."""

    name: str
    language: str
    audience: Audience = CITIZEN
    organisation: str = ""
    role: Role = Role.MAKER
    login: str = ""


CARPENTER = "Menuiserie Gauthier"
COLLEGE = "Collège Paul-Barreau"
TOWN = "Mairie de Lormes"
STUDIO = "Atelier Vauban, design"

PEOPLE = (
    PersonSeed("Élodie Garnier", "fr", PUBLIC, "Pôle numérique", Role.ADMINISTRATOR, "admin"),
    PersonSeed("Петър Димитров", "bg", PUBLIC, "Pôle numérique", Role.MANAGER, "manager"),
    PersonSeed("Julien Moreau", "fr", PUBLIC, "Pôle numérique", Role.INSTRUCTOR, "instructor"),
    PersonSeed("Emily Carter", "en", BUSINESS, STUDIO, Role.MAKER, "maker"),
    PersonSeed("Мария Иванова", "bg", PUBLIC, "Pôle numérique", Role.INSTRUCTOR),
    PersonSeed("Sophie Lambert", "fr", PUBLIC, "Pôle numérique", Role.INSTRUCTOR),
    PersonSeed("Camille Rousseau", "fr"),
    PersonSeed("Thomas Gauthier", "fr", BUSINESS, CARPENTER),
    PersonSeed("Nicolas Petit", "fr", BUSINESS, CARPENTER),
    PersonSeed("Léa Fontaine", "fr", SCHOOL, COLLEGE),
    PersonSeed("Hugo Marchand", "fr", SCHOOL, COLLEGE),
    PersonSeed("Inès Benali", "fr", SCHOOL, "Lycée François-Mitterrand"),
    PersonSeed("Chloé Mercier", "fr"),
    PersonSeed("Antoine Lefèvre", "fr", BUSINESS, "Morvan Vélo"),
    PersonSeed("Manon Girard", "fr"),
    PersonSeed("Lucas Bonnet", "fr"),
    PersonSeed("Pauline Chevalier", "fr", PUBLIC, TOWN),
    PersonSeed("Bernard Roux", "fr"),
    PersonSeed("Jeanne Perrin", "fr"),
    PersonSeed("Maxime Durand", "fr", BUSINESS, "Drones du Morvan"),
    PersonSeed("Aurélie Blanc", "fr", BUSINESS, "Fil & Nature, textile"),
    PersonSeed("Romain Guérin", "fr"),
    PersonSeed("Fatima El Amrani", "fr"),
    PersonSeed("Yann Le Goff", "fr", BUSINESS, "Le Goff Électronique"),
    PersonSeed("Clémence Noël", "fr", PUBLIC, "Communauté de communes Morvan"),
    PersonSeed("Георги Николов", "bg"),
    PersonSeed("Елена Стоянова", "bg", BUSINESS, "Стоянова Дизайн"),
    PersonSeed("Иван Петров", "bg"),
    PersonSeed("Десислава Колева", "bg", SCHOOL, COLLEGE),
    PersonSeed("Николай Тодоров", "bg", BUSINESS, "Тодоров Мебел"),
    PersonSeed("Калина Маринова", "bg"),
    PersonSeed("James O'Brien", "en"),
    PersonSeed("Priya Raman", "en", BUSINESS, "Raman Sensors"),
    PersonSeed("Oliver Hughes", "en"),
    PersonSeed("Ana Carvalho", "en", BUSINESS, STUDIO),
    PersonSeed("Giulia Conti", "en"),
    PersonSeed("Jan de Vries", "en"),
    PersonSeed("Ingrid Sørensen", "en"),
    PersonSeed("Tomasz Wiśniewski", "en", BUSINESS, "Morvan Vélo"),
    PersonSeed("Mehmet Yıldız", "fr"),
)


def address(person: PersonSeed, number: int) -> str:
    """The person's invented e-mail address; short for those whose login is printed."""
    return f"{person.login or f'member{number:02}'}@{DOMAIN}"
