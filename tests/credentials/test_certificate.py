"""The certificate as PDF: read back in three languages, its code scanned; where none can be made that is said."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pypdfium2
import pytest
import zxingcpp
from flask import Flask

from fablab.certifications.models import Evidence, Grant
from fablab.certifications.rules import Level
from fablab.core.actor import Actor, Role
from fablab.core.errors import NotFound
from fablab.credentials import certificate as maker
from fablab.credentials.grants import Ended
from tests.credentials.conftest import HOME, holder_and_grant
from tests.credentials.test_badges import change
from tests.factories import make_actor, make_certification, make_grant, make_person

STAFF = Actor(None, Role.INSTRUCTOR, "web")
A4 = pytest.approx((841.89, 595.28), abs=0.1)


@contextmanager
def opened(pdf: bytes) -> Iterator[pypdfium2.PdfDocument]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        yield document
    finally:
        document.close()


def text_of(pdf: bytes) -> str:
    """The words of the only page, an A4, in one line."""
    with opened(pdf) as document:
        assert len(document) == 1
        page = document[0]
        assert page.get_size() == A4
        text = page.get_textpage().get_text_bounded()
    return " ".join(text.replace("\u200b", "").replace("\xa0", " ").replace("\ufffe", "").split())


def scanned(pdf: bytes) -> list[str]:
    """What a camera reads on the printed page."""
    with opened(pdf) as document:
        drawn = document[0].render(scale=2, grayscale=True)
        pixels = memoryview(bytearray(ctypes.string_at(drawn.buffer, drawn.stride * drawn.height)))
        image = pixels.cast("B", shape=[drawn.height, drawn.stride])
        return [one.text for one in zxingcpp.read_barcodes(image)]


WORDS = {
    "en": ("Certificate", "Laser CO2", "On one's own", "Granted by", "Training attended and passed", "2026"),
    "fr": ("Laser CO2 (fr)", "Jean Dupont", "2 mars 2026", "1 mars 2027"),
    "bg": ("Laser CO2 (bg)", "Jean Dupont", "2 март 2026", "1 март 2027"),
}


def dated(language: str, now: datetime, **over: object) -> tuple[Grant, bytes]:
    """A certificate of 2 March 2026 in this language, for a year."""
    at = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
    holder = make_person(name="Анна-Мария Çelik Łukasz", language=language)
    teacher = make_person(name="Jean Dupont", role=Role.INSTRUCTOR)
    values = {"granted_at": at, "granted_by_id": teacher.id, "valid_until": at + timedelta(days=364, hours=15)}
    grant = make_grant(holder, make_certification("Laser CO2"), **values | {"evidence": Evidence.TRAINING} | over)
    return grant, maker.certificate(STAFF, grant.id, at + timedelta(days=1))


@pytest.mark.parametrize("language", ["en", "fr", "bg"])
def test_it_reads_in_the_holders_language(sqlite_app: Flask, now: datetime, language: str) -> None:
    grant, pdf = dated(language, now)
    text = text_of(pdf)
    missing = [word for word in WORDS[language] if word.casefold() not in text.casefold()]
    assert missing == [], text
    assert "Анна-Мария Çelik Łukasz" in text
    assert "Test Lab" in text
    assert scanned(pdf) == [f"{HOME}/verify/{grant.public_id}"]


def test_another_language_may_be_asked_for(sqlite_app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    actor = make_actor(holder)
    assert "Laser CO2 (fr)" in text_of(maker.certificate(actor, grant.id, now, "fr"))
    assert "Laser CO2 (fr)" not in text_of(maker.certificate(actor, grant.id, now, "xx"))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence.OBSERVED, "Seen at work by an instructor"),
        (Evidence.TRAINING, "Training attended and passed"),
        (Evidence.QUIZ, "Theory test passed"),
        (Evidence.RECOGNISED, "Learnt elsewhere, recognised by the lab: Card 12 of FabLab Ruse"),
    ],
)
def test_it_says_on_what_it_stands(sqlite_app: Flask, now: datetime, evidence: Evidence, words: str) -> None:
    _holder, grant = holder_and_grant(now, evidence=evidence, proof="Card 12 of FabLab Ruse")
    assert words in text_of(maker.certificate(STAFF, grant.id, now))


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (Level.SUPERVISED, "Under the eyes of an instructor"),
        (Level.AUTONOMOUS, "On one's own"),
        (Level.INSTRUCTOR, "Instructor"),
    ],
)
def test_it_says_what_the_holder_may_do(sqlite_app: Flask, now: datetime, level: Level, words: str) -> None:
    grant = make_grant(make_person(), make_certification(level=level, lapse_after_unused_days=400))
    text = text_of(maker.certificate(STAFF, grant.id, grant.granted_at))
    assert words in text
    assert "Without end, as long as it is used at least once in 400 days" in text
    assert "The lab, as the test was passed" in text, "nobody in particular granted it"


def test_the_longest_words_stay_on_one_page(sqlite_app: Flask, now: datetime) -> None:
    holder = make_person(name="Wolfeschlegelsteinhausenbergerdorff " * 5)
    teacher = make_person(name="Ж" * 200)
    certification = make_certification("x" * 200)
    grant = make_grant(
        holder,
        certification,
        granted_at=now - timedelta(days=1),
        granted_by_id=teacher.id,
        evidence=Evidence.RECOGNISED,
        proof="W" * 500,
    )
    pdf = maker.certificate(STAFF, grant.id, now)
    assert "Wolfeschlegelsteinhausenbergerdorff" in text_of(pdf)
    assert scanned(pdf) == [f"{HOME}/verify/{grant.public_id}"]


def test_what_people_typed_is_never_markup(sqlite_app: Flask, now: datetime) -> None:
    name = '#strong[x] $a$ *b* _c_ `d` \\e "f" // g <h> @i'
    grant = make_grant(make_person(name=name), make_certification("= #sys.inputs"), granted_at=now - timedelta(days=1))
    text = text_of(maker.certificate(STAFF, grant.id, now))
    assert name in text
    assert "= #sys.inputs" in text


def test_it_is_the_same_each_time_and_readable_by_all(sqlite_app: Flask, now: datetime) -> None:
    holder, grant = holder_and_grant(now)
    pdf = maker.certificate(make_actor(holder), grant.id, now)
    assert maker.certificate(STAFF, grant.id, now + timedelta(hours=1)) == pdf
    with opened(pdf) as document:
        assert document.is_tagged()
        assert document.get_metadata_value("Title") == "Certificate – Laser CO2"
        assert document.get_metadata_value("Author") == "Test Lab"


def test_there_is_none_of_what_does_not_hold_or_is_not_ones_own(app: Flask, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    with pytest.raises(NotFound):
        maker.certificate(make_actor(make_person()), grant.id, now)
    change(grant, suspended_at=now)
    with pytest.raises(Ended, match="suspended"):
        maker.certificate(STAFF, grant.id, now)


def test_without_the_typesetter_it_says_so(sqlite_app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    _holder, grant = holder_and_grant(now)
    monkeypatch.setattr(maker, "is_available", lambda: False)
    with pytest.raises(maker.NoTypesetter):
        maker.certificate(STAFF, grant.id, now)
