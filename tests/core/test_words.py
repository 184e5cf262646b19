"""Every denial has a sentence, whole in every language, and fits a reader's display."""

from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from fablab.core import words
from fablab.core.app import create_core_app
from fablab.core.config import LANGUAGES
from fablab.core.denials import CODES, Denial
from tests.conftest import make_config
from tests.factories import texts


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Words need no database: one app for all."""
    return create_core_app(make_config(tmp_path_factory.mktemp("words")))


PARAMS: dict[str, Any] = {
    "certification_id": "1",
    "certification_name": texts("Laser basics"),
    "since": "2026-03-02T12:00:00+01:00",
    "why": "The lens is dirty",
    "hours": ["09:00–12:30", "14:00–19:00"],
    "on": "2026-03-02T12:00:00+01:00",
    "starts_at": "2026-03-02T09:00:00+00:00",
    "ends_at": "2026-03-02T10:00:00+00:00",
    "min_minutes": 15,
    "max_minutes": 90,
    "notice_minutes": 60,
    "horizon_days": 30,
    "until": "2026-03-02T10:00:00+00:00",
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence_and_fits_the_display(app: Flask, code: str, language: str) -> None:
    with app.test_request_context(), force_locale(language):
        denial = Denial(code, PARAMS)
        sentence, display = words.sentence(denial), words.display(denial)
    assert sentence.endswith((".", "!", "dirty"))
    assert "%(" not in sentence
    assert 0 < len(display) <= 24


def test_times_in_a_sentence_are_the_labs(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        sentence = words.sentence(Denial("slot_taken", PARAMS))
    assert "10:00" in sentence
    assert "11:00" in sentence


@pytest.mark.parametrize(
    ("texts_given", "language", "expected"),
    [
        pytest.param({"en": "Laser", "fr": "Découpeuse"}, "fr", "Découpeuse", id="the wanted language"),
        pytest.param({"en": "Laser", "fr": "Découpeuse"}, "bg", "Découpeuse", id="else the lab's own"),
        pytest.param({"bg": "Лазер"}, "en", "Лазер", id="else any"),
        pytest.param({"en": "", "fr": "Découpeuse"}, "en", "Découpeuse", id="an empty one counts as missing"),
        pytest.param({}, "en", "", id="none"),
        pytest.param(None, "en", "", id="null"),
    ],
)
def test_a_text_is_shown_in_the_best_language(
    app: Flask, texts_given: dict[str, str] | None, language: str, expected: str
) -> None:
    with app.test_request_context(), force_locale(language):
        assert words.text(texts_given) == expected


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Denial("nonsense")


@pytest.mark.parametrize(
    ("minutes", "expected"), [(1, "1 minute"), (45, "45 minutes"), (60, "1 hour"), (90, "1 h 30"), (480, "8 hours")]
)
def test_lengths_read_naturally(app: Flask, minutes: int, expected: str) -> None:
    with app.test_request_context(), force_locale("en"):
        assert words.length(minutes) == expected
