"""Public holidays of a country or region in a year, with their names in the lab's languages. Reads no database.

The days come from the `holidays` library; which languages a name is known in differs by country.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from babel import Locale
from holidays import HolidayBase, country_holidays, list_localized_countries, list_supported_countries

from fablab.core.db import Texts
from fablab.core.errors import Invalid

FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday; `name` by language, as far as it is known in the lab's."""

    day: date
    name: Texts


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a country with holidays of its own; `code` as the library takes it."""

    code: str
    name: str


@lru_cache(maxsize=8)
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """The countries whose holidays are known: ISO 3166 code and name in `language`, by name."""
    names = Locale.parse(language).territories
    known = [(code, names[code]) for code in _countries() if code in names]
    return tuple(sorted(known, key=lambda item: item[1]))


def regions(country: str) -> list[Region]:
    """The regions of a country that differ, by name; empty where none does. Raises Invalid for an unknown country."""
    _check_country(country)
    by_code: dict[str, str] = {}
    for alias, code in _class(country).subdivisions_aliases.items():
        if len(alias) > len(by_code.get(code, "")):
            by_code[code] = alias
    usual = set(_days(country, None, 2025))
    found = [
        Region(code, by_code.get(code, code))
        for code in _class(country).subdivisions
        if set(_days(country, code, 2025)) != usual
    ]
    return sorted(found, key=lambda one: one.name)


def holidays_of(country: str, region: str | None, year: int, languages: Sequence[str]) -> list[Holiday]:
    """The public holidays of a year, ascending; days in lieu too. `languages` are those of the lab, its own first.

    Raises Invalid for an unknown country or region or a year that is too far away.
    """
    _check_country(country)
    region = region or None
    if region is not None and region not in _class(country).subdivisions:
        raise Invalid({"region": "must be one of " + ", ".join(_class(country).subdivisions)})
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid({"year": f"must be between {FIRST_YEAR} and {LAST_YEAR}"})
    named = {code: _days(country, region, year, spoken) for code, spoken in _spoken(country, languages).items()}
    if not named:
        named = {languages[0]: _days(country, region, year)}
    days = sorted({day for found in named.values() for day in found})
    return [Holiday(day, {code: found[day] for code, found in named.items() if day in found}) for day in days]


def guess(timezone: str) -> str:
    """The country that a time zone is in, of those whose holidays are known; France where none is."""
    return _BY_ZONE.get(timezone, "FR")


_BY_ZONE = {
    "Europe/Paris": "FR",
    "Europe/Sofia": "BG",
    "Europe/Brussels": "BE",
    "Europe/Luxembourg": "LU",
    "Europe/Zurich": "CH",
    "Europe/Berlin": "DE",
    "Europe/Madrid": "ES",
    "Europe/Rome": "IT",
    "Europe/Lisbon": "PT",
    "Europe/London": "GB",
    "Europe/Dublin": "IE",
    "Europe/Amsterdam": "NL",
    "Europe/Vienna": "AT",
    "America/Toronto": "CA",
    "America/Montreal": "CA",
    "America/New_York": "US",
}


def _spoken(country: str, languages: Sequence[str]) -> dict[str, str]:
    """The lab's languages in which the country's holidays have names → the library's code of each."""
    known = _localized().get(country, [])
    found = {}
    for code in languages:
        spoken = next((one for one in known if one == code or one.startswith(f"{code}_")), None)
        if spoken is not None:
            found[code] = spoken
    return found


def _days(country: str, region: str | None, year: int, language: str | None = None) -> dict[date, str]:
    found = country_holidays(country, subdiv=region, years=year, language=language)
    return {day: name for day, name in found.items() if day.year == year}


def _check_country(country: str) -> None:
    if country not in _countries():
        raise Invalid({"country": "must be the ISO 3166 code of a country, such as FR or BG"})


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    return frozenset(code for code in list_supported_countries(include_aliases=False) if len(code) == 2)


@lru_cache(maxsize=1)
def _localized() -> dict[str, list[str]]:
    return dict(list_localized_countries())


@lru_cache(maxsize=32)
def _class(country: str) -> HolidayBase:
    return country_holidays(country)
