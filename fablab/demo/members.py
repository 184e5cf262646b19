"""Who is in the demo lab: people with memberships and badges, and what they are certified for."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from fablab.certifications.models import Evidence
from fablab.certifications.rules import GrantFacts, Level
from fablab.core.actor import Role
from fablab.demo.names import PEOPLE, PersonSeed
from fablab.demo.places import CERTIFICATIONS, TEACHES

HISTORY_DAYS = 28
AHEAD_DAYS = 14
LAPSED = "Jan de Vries"
LOST_BADGE = "Camille Rousseau"
WITHOUT_ADDRESS = "Bernard Roux"
LOGIN_HOLDS = ("induction", "fdm", "laser", "textile")
NEWCOMERS = ("Ingrid Sørensen", "Mehmet Yıldız")
STAFF = (Role.INSTRUCTOR, Role.MANAGER, Role.ADMINISTRATOR)


@dataclass(slots=True)
class Member:
    """One person of the demo; `number` is the id."""

    number: int
    seed: PersonSeed
    created_at: datetime
    member_until: date | None
    cards: list[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A certification held: by person and certification number."""

    person: int
    certification: int
    granted_at: datetime
    granted_by: int
    valid_until: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None = None
    revoked_by: int | None = None
    revoked_reason: str = ""
    evidence: Evidence = Evidence.OBSERVED
    proof: str = ""
    reason: str = ""
    suspended_at: datetime | None = None

    @property
    def facts(self) -> GrantFacts:
        """The grant as the rules take it."""
        seed = CERTIFICATIONS[self.certification - 1]
        lapse = seed.lapse_after_unused_days
        return GrantFacts(
            self.certification,
            self.granted_at,
            self.valid_until,
            None if lapse is None else timedelta(days=lapse),
            self.last_used_at,
            self.revoked_at,
            () if self.suspended_at is None else ((self.suspended_at, None),),
            seed.level,
        )

    def solid(self, now: datetime) -> bool:
        """Held through all of the demo's history and future."""
        later, lapses = now + timedelta(days=AHEAD_DAYS + 1), self.facts.lapses_at
        return (
            (self.valid_until is None or self.valid_until > later)
            and (lapses is None or lapses > later)
            and self.revoked_at is None
            and self.suspended_at is None
            and self.granted_at < now - timedelta(days=HISTORY_DAYS + 1)
        )


def members(chance: random.Random, now: datetime) -> list[Member]:
    """The forty people; one membership has lapsed, one badge was lost and replaced, four have no badge yet."""
    made = []
    for number, seed in enumerate(PEOPLE, 1):
        staff = seed.role in STAFF
        age = max(chance.randint(40, 900) + (600 if staff else 0), 870 if staff else 0)
        until = None if staff else now.date() + timedelta(days=chance.randint(25, 360))
        if seed.name == LAPSED:
            until = now.date() - timedelta(days=12)
        cards = [card(chance)] if number <= 36 or seed.name == LAPSED else []
        if seed.name == LOST_BADGE:
            cards.append(card(chance))
        if seed.name in NEWCOMERS:
            age = chance.randint(3, 12)
        made.append(Member(number, seed, now - timedelta(days=age, minutes=chance.randint(0, 600)), until, cards))
    return made


def card(chance: random.Random) -> str:
    """A card number as an NXP card with seven bytes has it."""
    return f"04{chance.getrandbits(40):010X}80"


def grants(chance: random.Random, people: list[Member], now: datetime) -> list[Held]:
    """Who holds what: staff all, newcomers the induction at most; some expire soon, some have, two were withdrawn."""
    held: list[Held] = []
    for person in people:
        for number, certification in enumerate(CERTIFICATIONS, 1):
            if not certification.share:
                continue
            if not _has(chance, person, certification.key, certification.share):
                continue
            days = certification.validity_days
            latest = max(1, (now - person.created_at).days)
            ago = min(latest, chance.randint(HISTORY_DAYS + 4, min(days or 700, 630) - 20))
            granted = now - timedelta(days=ago, minutes=chance.randint(0, 500))
            held.append(
                Held(
                    person.number,
                    number,
                    granted,
                    chance.choice([one for one in teachers(people, certification.key) if one != person.number]),
                    granted + timedelta(days=days) if days else None,
                    max(granted, now - timedelta(days=chance.randint(2, 25))),
                )
            )
    return _with_endings(chance, held, now) + _teaching(people, now)


def teachers(people: list[Member], key: str) -> list[int]:
    """The instructors who teach this certification."""
    by = {one.key for one in CERTIFICATIONS if one.level is Level.INSTRUCTOR and key in one.includes}
    return [one.number for one in people if by & set(TEACHES.get(one.seed.name, ()))]


def _teaching(people: list[Member], now: datetime) -> list[Held]:
    """What makes instructors of the instructors: given by the manager, long ago."""
    manager = next(one.number for one in people if one.seed.role is Role.MANAGER)
    granted = now - timedelta(days=860)
    return [
        Held(one.number, number, granted, manager, None, None)
        for one in people
        for number, certification in enumerate(CERTIFICATIONS, 1)
        if certification.key in TEACHES.get(one.seed.name, ())
    ]


def _has(chance: random.Random, person: Member, key: str, share: float) -> bool:
    lucky = chance.random() < share
    if person.seed.role in STAFF:
        return True
    if person.seed.login:
        return key in LOGIN_HOLDS
    if person.seed.name in NEWCOMERS:
        return key == "induction" and person.seed.name == NEWCOMERS[0]
    if person.seed.name == LAPSED:
        return key in ("induction", "saw")
    return lucky


def _with_endings(chance: random.Random, held: list[Held], now: datetime) -> list[Held]:
    """Makes some of the makers' grants end: soon, already, for want of use, or by withdrawal."""
    staff = {number for number, seed in enumerate(PEOPLE, 1) if seed.role in STAFF or seed.login or seed.name == LAPSED}
    dated = [index for index, one in enumerate(held) if one.valid_until and one.person not in staff]
    free = [index for index, one in enumerate(held) if one.certification == 2 and one.person not in staff]
    chosen = chance.sample(dated, min(9, len(dated) // 3))
    for place, index in enumerate(chosen):
        days = (-20, -6, 4, 9, 13, 21, 26, 12, 18)[place]
        held[index] = _ends_at(held[index], now + timedelta(days=days))
    unused = next((index for index in dated if CERTIFICATIONS[held[index].certification - 1].key == "cnc"), None)
    if unused is not None and unused not in chosen:
        granted = now - timedelta(days=250)
        held[unused] = replace(
            held[unused], granted_at=granted, valid_until=granted + timedelta(days=365), last_used_at=granted
        )
    for index, reason in zip(chance.sample(free, 2), WITHDRAWN, strict=True):
        at, by = now - timedelta(days=chance.randint(5, 20)), held[index].granted_by
        held[index] = replace(held[index], last_used_at=None, revoked_at=at, revoked_by=by, revoked_reason=reason)
    return held


def _ends_at(one: Held, until: datetime) -> Held:
    days = CERTIFICATIONS[one.certification - 1].validity_days or 365
    granted = until - timedelta(days=days)
    return replace(one, granted_at=granted, valid_until=until, last_used_at=max(granted, until - timedelta(days=40)))


WITHDRAWN = (
    "Impression lancée puis laissée sans surveillance à deux reprises",
    "Buse remplacée sans prévenir ; à revoir ensemble",
)
