"""Calendar files as RFC 5545 wants them, read again by a reader of our own and dateutil's, with hostile texts."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.tz import tzical
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from fablab.notices.calendars import CalendarEvent, Status, clean, feed, invitation, uid

STARTS = datetime(2026, 3, 6, 13, 0, tzinfo=UTC)
CHANGED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text(alphabet='\r\n\t,;:\\"^ \x00\x85\u2028a\ud800Я😀', max_size=80),
    st.sampled_from(["x\r\nEND:VEVENT\r\nBEGIN:VALARM", "Я" * 10_000, "😀" * 2_500, "\\n\\,\\;", 'a"b;c=d:e']),
)


def event(**over: object) -> CalendarEvent:
    values: dict[str, object] = {
        "name": "reservation-12",
        "titles": ({"en": "Laser"},),
        "starts_at": STARTS,
        "ends_at": STARTS + timedelta(hours=2),
        "changed_at": CHANGED,
    }
    return CalendarEvent(**values | over)  # type: ignore[arg-type]  # each test changes fields it knows


def lines(content: bytes) -> list[str]:
    """The unfolded lines of a file that keeps the rules: CRLF ends them, none has more than 75 octets."""
    assert content.endswith(b"\r\n")
    raw = content.split(b"\r\n")[:-1]
    assert all(len(line) <= 75 and b"\r" not in line and b"\n" not in line for line in raw)
    for line in raw:
        line.decode()
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", content)
    return content.decode().replace("\r\n ", "").split("\r\n")[:-1]


def values(content: bytes, name: str) -> list[str]:
    """The unescaped values of a property, without its parameters."""
    found = [line.partition(":")[2] for line in lines(content) if re.match(rf"{name}[;:]", line)]
    plain = {"n": "\n", "N": "\n"}
    return [re.sub(r"\\(.)", lambda m: plain.get(m[1], m[1]), one) for one in found]


@given(title=HOSTILE, note=HOSTILE, place=HOSTILE)
def test_texts_come_back_and_cannot_leave_their_value(words_app: Flask, title: str, note: str, place: str) -> None:
    made = event(titles=({"en": title},), note=note, place={"en": place} if place else {})
    content = feed(title, [made])
    assert values(content, "SUMMARY") == [clean(title) or "Busy"]
    assert values(content, "DESCRIPTION") == ([clean(note)] if note else [])
    assert values(content, "LOCATION") == ([clean(place)] if place else [])
    assert [line for line in lines(content) if line in {"BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM"}] == [
        "BEGIN:VEVENT",
        "END:VEVENT",
    ]


@given(name=HOSTILE)
def test_names_of_people_cannot_leave_their_value(words_app: Flask, name: str) -> None:
    content = invitation(event(), name, "ada@example.org").content
    attendee = [line for line in lines(content) if line.startswith("ATTENDEE")]
    assert len(attendee) == 1
    assert attendee[0].endswith(":mailto:ada@example.org")
    assert lines(content).count("END:VEVENT") == 1


def test_an_invitation_has_what_a_calendar_needs(words_app: Flask) -> None:
    made = invitation(event(sequence=3, path="/reservations"), "Ada", "ada@example.org")
    assert made.method == "REQUEST"
    for name, value in {
        "METHOD": "REQUEST",
        "SEQUENCE": "3",
        "STATUS": "CONFIRMED",
        "DTSTAMP": "20260301T120000Z",
        "ORGANIZER": "mailto:lab@example.org",
        "URL": "https://lab.example.org/reservations",
        "UID": uid("reservation-12"),
    }.items():
        assert values(made.content, name) == [value]
    assert "DTSTART;TZID=Europe/Paris:20260306T140000" in lines(made.content)


def test_a_cancelled_event_has_the_same_uid_and_asks_for_removal(words_app: Flask) -> None:
    before = invitation(event(), "Ada", "ada@example.org")
    after = invitation(event(sequence=1, status=Status.CANCELLED), "Ada", "ada@example.org")
    assert after.method == "CANCEL"
    assert values(after.content, "STATUS") == ["CANCELLED"]
    assert values(after.content, "UID") == values(before.content, "UID")


def test_uids_differ_between_things(words_app: Flask) -> None:
    assert uid("reservation-1") == uid("reservation-1")
    assert len({uid(f"reservation-{number}") for number in range(50)} | {uid("busy-1")}) == 51


@pytest.mark.parametrize("starts_at", [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 21, tzinfo=UTC)])
def test_the_zone_in_the_file_knows_both_clock_changes(words_app: Flask, starts_at: datetime) -> None:
    made = event(starts_at=starts_at, ends_at=starts_at + timedelta(hours=8))
    content = feed("Lab", [made])
    zone = tzical(io.StringIO("\n".join(lines(content)))).get()
    for name, instant in (("DTSTART", made.starts_at), ("DTEND", made.ends_at)):
        local = datetime.strptime(values(content, name)[-1], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the zone follows
        assert local.replace(tzinfo=zone).astimezone(UTC) == instant


def test_an_empty_calendar_is_one(words_app: Flask) -> None:
    found = lines(feed("Lab", []))
    assert found[0] == "BEGIN:VCALENDAR"
    assert found[-1] == "END:VCALENDAR"


def test_an_event_survives_being_kept() -> None:
    made = event(note="n", place={"fr": "Atelier"}, status=Status.TENTATIVE)
    assert CalendarEvent.from_json(made.to_json()) == made
