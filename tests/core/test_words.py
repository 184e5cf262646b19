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
    "limit": "max_minutes_per_day",
    "allowed": 90,
    "used": 60,
    "value": 45,
}
ODD: dict[str, dict[str, Any]] = {
    "off_step": {"value": "2026-03-02T10:07:00+00:00"},
    "training_audience": {"allowed": "school"},
    "training_clash": {"title": texts("Laser for beginners")},
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence_and_fits_the_display(app: Flask, code: str, language: str) -> None:
    with app.test_request_context(), force_locale(language):
        denial = Denial(code, PARAMS | ODD.get(code, {}))
        sentence, display = words.sentence(denial), words.display(denial)
    assert sentence.endswith((".", "!", "dirty"))
    assert "%(" not in sentence
    assert 0 < len(display) <= 24


SENTENCES: list[tuple[str, dict[str, Any], str]] = [
    (
        "quota_exceeded",
        {},
        "At most 1 h 30 a day can be booked; on March 2, 2026 you have 1 hour already.",
    ),
    (
        "quota_exceeded",
        {"limit": "max_minutes_per_week"},
        "At most 1 h 30 a week can be booked; in the week from March 2, 2026 on you have 1 hour already.",
    ),
    (
        "quota_exceeded",
        {"limit": "max_future_count", "allowed": 2},
        "At most 2 coming bookings are allowed; use or cancel one first.",
    ),
    (
        "quota_exceeded",
        {"limit": "max_future_minutes"},
        "At most 1 h 30 can be booked ahead; you have 1 hour already. It frees up as you use or cancel them.",
    ),
    (
        "quota_exceeded",
        {"limit": "gap_minutes"},
        "Between two bookings of yours there must be 1 h 30; you have one from Monday 2 March, 10:00"
        " to Monday 2 March, 11:00.",
    ),
    ("quota_exceeded", {"limit": "unheard of"}, "You have reached the limit of bookings."),
    ("too_soon", {}, "It must be booked at least 1 hour ahead."),
    (
        "too_soon",
        {"earliest": "2026-03-02T10:00:00+00:00"},
        "It must be booked at least 1 hour ahead; the earliest start is now Monday 2 March, 11:00.",
    ),
    (
        "off_step",
        {"allowed": 15, "value": "2026-03-02T09:07:00+00:00"},
        "Bookings begin and end in steps of 15 minutes, counted from midnight; 10:07 is between two of them.",
    ),
    (
        "too_close",
        {"allowed": 15},
        "Between two bookings it needs 15 minutes to be set up and cleaned; it is reserved from"
        " Monday 2 March, 10:00 to Monday 2 March, 11:00.",
    ),
    ("over_capacity", {"allowed": 1, "value": 3}, "It takes at most 1 person, and you are 3."),
    (
        "suspended",
        {"value": 3},
        "3 bookings were not used and not cancelled, so you can book again from Monday 2 March, 11:00 on.",
    ),
    ("blocked", {}, "It is blocked at this time."),
    (
        "blocked",
        {"from": "2026-03-02T09:00:00+00:00", "why": texts("Lens.")},
        "It cannot be used from Monday 2 March, 10:00 to Monday 2 March, 11:00: Lens.",
    ),
    (
        "blocked",
        {"from": "2026-03-02T09:00:00+00:00", "why": {}, "lab": True},
        "The lab is closed from Monday 2 March, 10:00 to Monday 2 March, 11:00.",
    ),
    ("lab_closed", {"why": texts("Easter")}, "The lab is closed on March 2, 2026: Easter."),
    ("lab_closed", {"why": None}, "The lab is closed on March 2, 2026."),
    (
        "needs_supervisor",
        {"allowed": "instructor", "why": "nobody"},
        "This may only be used together with an instructor: book one along.",
    ),
    (
        "needs_supervisor",
        {"allowed": "buddy", "why": "nobody"},
        "This may not be used alone: book it together with somebody who is certified for it.",
    ),
    (
        "needs_supervisor",
        {"allowed": "buddy", "why": "uncertified"},
        "Your buddy must hold the certifications of this machine too, for the whole time.",
    ),
    (
        "needs_supervisor",
        {"allowed": "buddy", "why": "unfit"},
        "Your buddy must be certified for this machine too, and have no other booking then.",
    ),
    (
        "needs_supervisor",
        {"allowed": "instructor", "why": "busy"},
        "Whoever supervises you has another booking at this time. Ask somebody else along.",
    ),
    (
        "resource_out_of_service",
        {"why": "", "resource_name": texts("Saw")},
        "Saw: It is out of service.",
    ),
]


@pytest.mark.parametrize(("code", "over", "expected"), SENTENCES)
def test_a_sentence_says_what_is_wrong_and_what_is_allowed(
    app: Flask, code: str, over: dict[str, Any], expected: str
) -> None:
    with app.test_request_context(), force_locale("en"):
        assert words.sentence(Denial(code, PARAMS | over)) == expected


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
