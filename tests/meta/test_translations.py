"""The catalogues: every text of programs and templates is there in every language, whole and with its placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from fablab.core import words
from fablab.core.config import LANGUAGES
from tools import catalogues

PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[a-zA-Z%]")
TAG = re.compile(r"<[^<>]+>")
DISPLAY_WIDTH = 24
ON_READERS = ("Not allowed", "Please tap again", "Try again later")


def catalogue(language: str) -> Catalog:
    path = catalogues.TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def messages(known: Catalog) -> list[Message]:
    return [one for one in known if one.id]


def translated(known: Catalog, text: str) -> str:
    found = known.get(text)
    assert found is not None, text
    return str(found.string)


def forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text or "",) if isinstance(text, str | None) else tuple(text)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What programs and templates hold now."""
    folder: Path = tmp_path_factory.mktemp("words")
    template = folder / "messages.pot"
    catalogues.collect(template, folder / "babel.cfg")
    with template.open("rb") as file:
        return read_po(file)


def test_every_offered_language_has_its_catalogue() -> None:
    assert set(catalogues.LANGUAGES) == set(LANGUAGES) - {"en"}


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_no_text_is_forgotten(language: str, extracted: Catalog) -> None:
    found, wanted = ({forms(one.id) for one in messages(of)} for of in (catalogue(language), extracted))
    assert sorted(wanted - found) == [], "run `make i18n`, then translate these"
    assert sorted(found - wanted) == [], "run `make i18n`: these are gone"


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    known = catalogue(language)
    for one in messages(known):
        assert not one.fuzzy, one.id
        assert len(forms(one.string)) == (known.num_plurals if one.pluralizable else 1), one.id
        assert all(form.strip() for form in forms(one.string)), one.id


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_placeholders_and_markup_are_the_same(language: str) -> None:
    for one in messages(catalogue(language)):
        for number, form in enumerate(forms(one.string)):
            english = forms(one.id)[-1:] if number else forms(one.id)
            for pattern in (PLACEHOLDER, TAG) if one.python_format else (TAG,):
                assert sorted(pattern.findall(form)) in [sorted(pattern.findall(text)) for text in english], one.id


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_lines_begin_and_end_alike(language: str) -> None:
    for one in messages(catalogue(language)):
        for form in forms(one.string):
            assert form == form.strip(), one.id
            assert form.endswith(":") == forms(one.id)[0].endswith(":"), one.id


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_denials_fit_a_readers_display(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalogue(language)
    monkeypatch.setattr(words, "gettext", lambda text: translated(known, text))
    shown = [make() for make in words._DISPLAY.values()] + [translated(known, text) for text in ON_READERS]
    assert [text for text in shown if len(text) > DISPLAY_WIDTH] == []


PLAIN_SPACE = re.compile(r" (?:[:;?!»](?!//)|%%)|« ")
"""French sets a no-break space there: a sign must not begin a line."""


def test_french_signs_never_begin_a_line() -> None:
    found = [one.string for one in messages(catalogue("fr")) if PLAIN_SPACE.search(" ".join(forms(one.string)))]
    assert found == []


def test_french_apostrophes_are_printers_ones() -> None:
    texts = [" ".join(forms(one.string)) for one in messages(catalogue("fr"))]
    assert [one for one in texts if re.search(r"[^\W\d_]'[^\W\d_]", one)] == []
