"""Past trainings in a CSV file: what its lines say, and what is wrong with them by themselves. Pure."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 20_000
LONGEST = 500
EARLIEST = date(1990, 1, 1)
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Kinds of characters that no name has."""

COLUMNS: Mapping[str, frozenset[str]] = {
    "person": frozenset(
        {"person", "name", "email", "e-mail", "personne", "nom", "courriel", "adresse e-mail", "лице", "име", "имейл"}
    ),
    "certification": frozenset(
        {"certification", "habilitation", "formation", "сертификат", "сертификация", "обучение"}
    ),
    "date": frozenset({"date", "day", "le", "jour", "дата", "ден"}),
    "instructor": frozenset({"instructor", "trainer", "formateur", "formatrice", "encadrant", "инструктор"}),
    "until": frozenset({"until", "valid until", "jusqu'au", "jusqu’au", "valable jusqu'au", "до", "валидно до"}),
    "proof": frozenset({"proof", "note", "preuve", "remarque", "доказателство", "бележка"}),
}
"""The columns by what may stand in the first line, whatever the case; the first three must be there."""

NEEDED = ("person", "certification", "date")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file as text, by its number in the file (the header is 1)."""

    number: int
    person: str
    certification: str
    day: str
    instructor: str = ""
    until: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line: a `code` of the faults that `import_words` knows, with what was found and what is
    allowed."""

    number: int
    code: str
    value: str = ""
    allowed: str = ""


class Unreadable(Exception):
    """The file as a whole cannot be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def lines_of(content: bytes) -> tuple[list[Line], list[Fault]]:
    """The lines of a file, and those that are no lines of six columns. UTF-8 with or without mark, separated by comma,
    semicolon or tabulator as the first line is. Raises Unreadable."""
    rows = _rows(_text(content))
    number, header = next(rows, (1, []))
    columns = _columns(header)
    lines: list[Line] = []
    faults: list[Fault] = []
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(lines) + len(faults) >= MOST_LINES:
            raise Unreadable(Fault(number, "too_many", allowed=str(MOST_LINES)))
        fault = _fault(number, row, len(header))
        if fault:
            faults.append(fault)
            continue
        lines.append(Line(number, *(_cell(row, columns.get(name)) for name in COLUMNS)))
    if not lines and not faults:
        raise Unreadable(Fault(number, "no_lines"))
    return lines, faults


def day_of(text: str) -> date | None:
    """A day as 2026-03-31, 31.03.2026 or 31/03/2026; None for anything else."""
    for separator, order in (("-", (0, 1, 2)), (".", (2, 1, 0)), ("/", (2, 1, 0))):
        parts = text.strip().split(separator)
        if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
            year, month, day = (parts[place] for place in order)
            if len(year) != 4 or len(month) > 2 or len(day) > 2:
                return None
            try:
                return date(int(year), int(month), int(day))
            except ValueError:
                return None
    return None


def alike(text: str) -> str:
    """A name as it is compared: case, kinds of spaces and how accents are written do not count."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Unreadable(Fault(1, "too_large", allowed=str(MOST_BYTES // 1024 // 1024)))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(Fault(content.count(b"\n", 0, error.start) + 1, "not_utf8")) from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with the number of the line in which each begins. Raises Unreadable for an open quotation mark."""
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error:
            raise Unreadable(Fault(begin, "quotes")) from None
        if row is None:
            return
        yield begin, row


def _columns(header: Sequence[str]) -> dict[str, int]:
    """The place of each column. Raises Unreadable where one is missing, there twice or not known."""
    found: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = next((name for name, words in COLUMNS.items() if alike(cell) in words), None)
        if name is None:
            raise Unreadable(Fault(1, "column_unknown", cell.strip()[:80], ", ".join(COLUMNS)))
        if name in found:
            raise Unreadable(Fault(1, "column_twice", cell.strip()[:80]))
        found[name] = place
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise Unreadable(Fault(1, "column_missing", ", ".join(missing), ", ".join(COLUMNS)))
    return found


def _fault(number: int, row: Sequence[str], columns: int) -> Fault | None:
    if len(row) > columns and any(cell.strip() for cell in row[columns:]):
        return Fault(number, "too_many_cells", str(len(row)), str(columns))
    if any(len(cell) > LONGEST for cell in row):
        return Fault(number, "too_long", allowed=str(LONGEST))
    letters = {letter for cell in row for letter in cell} - set("\t\r\n")
    if any(unicodedata.category(letter) in UNSEEN for letter in letters):
        return Fault(number, "characters")
    return None


def _cell(row: Sequence[str], place: int | None) -> str:
    return " ".join(row[place].split()) if place is not None and place < len(row) else ""
