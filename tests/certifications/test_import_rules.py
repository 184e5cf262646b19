"""What a CSV file of past trainings says, and what is wrong with it by itself."""

from datetime import date

import pytest

from fablab.certifications.import_rules import (
    LONGEST,
    MOST_BYTES,
    MOST_LINES,
    Line,
    Unreadable,
    alike,
    day_of,
    lines_of,
)

HEAD = "person,certification,date\n"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-03-31", date(2025, 3, 31)),
        (" 2025-3-1 ", date(2025, 3, 1)),
        ("31.03.2025", date(2025, 3, 31)),
        ("1.3.2025", date(2025, 3, 1)),
        ("31/03/2025", date(2025, 3, 31)),
        ("29.02.2024", date(2024, 2, 29)),
        ("29.02.2025", None),
        ("31/13/2025", None),
        ("03/31/2025", None),
        ("2025/03/31", None),
        ("31-03-2025", None),
        ("31.03.25", None),
        ("2025-03-31T10:00", None),
        ("٣١.٠٣.٢٠٢٥", None),
        ("0000-01-01", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_day_is_read_in_three_ways(text: str, day: date | None) -> None:
    assert day_of(text) == day


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_any_office_are_read(encoding: str, separator: str, end: str) -> None:
    rows = ["Person;Certification;DATE;Instructor;until;note", "Ana Пét;Laser;2025-03-31;Luc;;x"]
    content = (end.join(rows) + end).replace(";", separator).encode(encoding)
    assert lines_of(content) == ([Line(2, "Ana Пét", "Laser", "2025-03-31", "Luc", "", "x")], [])


@pytest.mark.parametrize("header", ["Personne;Habilitation;Date", "Лице;Сертификат;Дата", "date;person;certification"])
def test_columns_are_named_in_any_language_and_order(header: str) -> None:
    place = {"date": 0} if header.startswith("date") else {"date": 2}
    cells = ["a", "b", "c"]
    lines, faults = lines_of(f"{header}\n{';'.join(cells)}".encode())
    assert not faults
    assert lines[0].day == cells[place["date"]]


def test_a_quoted_cell_may_hold_separators_and_lines_and_the_next_line_keeps_its_number() -> None:
    text = 'person,certification,date,note\n"Ada, of the ""Lab""",1,2025-01-01,"two\nlines"\nBo,1,2025-01-01,\n'
    lines, faults = lines_of(text.encode())
    assert not faults
    assert [(one.number, one.person, one.proof) for one in lines] == [
        (2, 'Ada, of the "Lab"', "two lines"),
        (4, "Bo", ""),
    ]


def test_empty_lines_and_empty_cells_at_the_end_are_nothing() -> None:
    lines, faults = lines_of((HEAD + "\n,,\na,b,c,,\n").encode())
    assert not faults
    assert [one.number for one in lines] == [4]


@pytest.mark.parametrize(
    ("content", "number", "code"),
    [
        (b"", 1, "column_missing"),
        (HEAD.encode(), 1, "no_lines"),
        (b"person,date\na,b", 1, "column_missing"),
        (b"person,certification,date,colour\n", 1, "column_unknown"),
        (b"person,name,certification,date\n", 1, "column_twice"),
        (HEAD.encode() + "Bjørn,1,2025-01-01".encode("latin-1"), 2, "not_utf8"),
        (HEAD.encode("utf-16"), 1, "not_utf8"),
        ((HEAD + 'a,b,c\n"never closed,b,c\n').encode(), 3, "quotes"),
        (HEAD.encode() + b"x" * MOST_BYTES, 1, "too_large"),
        ((HEAD + "a,b,c\n" * (MOST_LINES + 1)).encode(), MOST_LINES + 2, "too_many"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(content: bytes, number: int, code: str) -> None:
    with pytest.raises(Unreadable) as raised:
        lines_of(content)
    assert (raised.value.fault.number, raised.value.fault.code) == (number, code)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a,b,c,d", "too_many_cells"),
        (f"a,b,{'c' * (LONGEST + 1)}", "too_long"),
        ("a\x00,b,c", "characters"),
        ("a\u202e,b,c", "characters"),
        ("a\u200b,b,c", "characters"),
    ],
)
def test_a_line_that_is_wrong_by_itself_is_named(row: str, code: str) -> None:
    lines, faults = lines_of((HEAD + "a,b,c\n" + row).encode())
    assert len(lines) == 1
    assert [(one.number, one.code) for one in faults] == [(3, code)]


def test_case_spaces_and_ways_to_write_accents_do_not_count() -> None:
    assert alike("  Jose\u0301  PETROV ") == alike("josé petrov")
    assert alike("Jose") != alike("José")
