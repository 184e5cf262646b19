"""Backup and restore: the whole lab in one file, written while it runs, read back on either database.

The file is a zip with `manifest.json` (format, schema version, row counts), one `tables/NAME.jsonl` for each table, the
configuration, the secret key (badge numbers cannot be recognised without it) and the photos. It is as confidential as
the lab itself and is written for its owner only. All rows come from one snapshot of the database, so they fit each
other; a lab moves from SQLite to PostgreSQL by a restore.
"""

import base64
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Date, Integer, LargeBinary, Table, func, insert, select, text

from fablab.core import schema
from fablab.core.config import Config
from fablab.core.db import WRITER, Base, UtcDateTime, engine, is_postgresql
from fablab.core.errors import FablabError

FORMAT = 1
BATCH = 1000
PHOTOS = Path("var/photos")

Progress = Callable[[str, int], None]
"""Called after each table with its name and number of rows."""


class BackupError(FablabError):
    """A backup cannot be written or read; the text says why. Nothing was changed."""


def backup(config: Config, file: Path, progress: Progress = lambda _name, _rows: None) -> dict[str, int]:
    """Writes the lab to `file`, which must not exist yet; gives the number of rows by table. Raises BackupError."""
    schema.check()
    partial = file.with_name(f"{file.name}.partial")
    if file.exists():
        raise BackupError(f"{file} exists already; choose another name or remove it first")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            open(handle, "wb") as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            counts = _write(config, archive, progress)
        partial.rename(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be written ({error.strerror})") from None
    finally:
        partial.unlink(missing_ok=True)
    return counts


def restore(config: Config, file: Path, progress: Progress = lambda _name, _rows: None) -> dict[str, int]:
    """Reads `file` into the configured database, which must be empty of data; gives the number of rows by table.

    Everything is restored or nothing. An empty machine first needs `bring_secret_key`. The secret key and the photos
    are put in place; an existing configuration stays, because it says where this very database is. Raises BackupError.
    """
    with _opened(file) as archive:
        broken = archive.testzip()
        if broken:
            raise BackupError(f"{file} is damaged at {broken}")
        counts = _read(archive, _manifest(file, archive), progress)
        _restore_files(config, archive)
        return counts


def bring_secret_key(config: Config, file: Path) -> None:
    """Puts the backup's secret key in place where there is none yet: no app starts without one. Raises BackupError."""
    if not config.path(config.web.secret_key_file).exists():
        with _opened(file) as archive:
            _restore_key(config, archive)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise BackupError(f"{file} cannot be read as a backup ({error})") from None


def _write(config: Config, archive: zipfile.ZipFile, progress: Progress) -> dict[str, int]:
    counts = {}
    with engine().connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ") if is_postgresql() else plain
        with connection.begin():
            for table in Base.metadata.sorted_tables:
                with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as out:
                    counts[table.name] = sum(1 for line in _lines(connection, table) if out.write(line))
                progress(table.name, counts[table.name])
    archive.writestr("manifest.json", json.dumps({"format": FORMAT, "schema": schema.current(), "rows": counts}))
    archive.writestr("files/secret_key", config.path(config.web.secret_key_file).read_bytes())
    for photo in sorted(config.path(PHOTOS).glob("*")):
        archive.write(photo, f"files/photos/{photo.name}")
    return counts


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    for row in connection.execute(query).mappings():
        yield json.dumps(dict(row), default=_to_json, ensure_ascii=False).encode() + b"\n"


def _to_json(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"no form in a backup for {type(value)}")


def _manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    except (KeyError, ValueError):
        raise BackupError(f"{file} is no backup of a lab: it has no manifest") from None
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{file} has the backup format {manifest.get('format')}; this program reads {FORMAT}")
    if manifest["schema"] != schema.head():
        raise BackupError(
            f"{file} is of schema version {manifest['schema']}, this program has {schema.head()};"
            " restore it with the Fablab that wrote it, then upgrade"
        )
    return manifest


def _read(archive: zipfile.ZipFile, manifest: dict[str, Any], progress: Progress) -> dict[str, int]:
    schema.upgrade()
    counts = {}
    with engine().connect().execution_options(**{WRITER: True}) as connection, connection.begin():
        _refuse_data(connection)
        for table in Base.metadata.sorted_tables:
            with archive.open(f"tables/{table.name}.jsonl") as lines:
                counts[table.name] = _insert(connection, table, lines)
            if is_postgresql():
                _continue_ids(connection, table)
            progress(table.name, counts[table.name])
        if counts != manifest["rows"]:
            raise BackupError("the backup holds other numbers of rows than its manifest says; nothing was restored")
    return counts


def _refuse_data(connection: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        if connection.scalar(select(func.count()).select_from(select(table).limit(1).subquery())):
            raise BackupError(f"the database is not empty ({table.name} has rows); restore into an empty one")


def _insert(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    rows: Iterator[dict[str, Any]] = (_from_json(table, json.loads(line)) for line in lines)
    if any(key.column.table is table for key in table.foreign_keys):
        rows = iter(_parents_first(list(rows)))
    count = 0
    while batch := list(islice(rows, BATCH)):
        connection.execute(insert(table), batch)
        count += len(batch)
    return count


def _parents_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a tree (`id`, `parent_id`) in an order in which each parent stands before its children."""
    parents = {row["id"]: row["parent_id"] for row in rows}

    def depth(ident: int | None) -> int:
        return 0 if ident is None else 1 + depth(parents[ident])

    return sorted(rows, key=lambda row: depth(row["id"]))


def _from_json(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    for column in table.columns:
        value = row[column.name]
        if value is None:
            continue
        if isinstance(column.type, UtcDateTime):
            row[column.name] = datetime.fromisoformat(value)
        elif isinstance(column.type, Date):
            row[column.name] = date.fromisoformat(value)
        elif isinstance(column.type, LargeBinary):
            row[column.name] = base64.b64decode(value)
    return row


def _continue_ids(connection: Connection, table: Table) -> None:
    column = table.primary_key.columns[0]
    if isinstance(column.type, Integer):
        statement = "SELECT setval(pg_get_serial_sequence(:name, :column), (SELECT max({id}) FROM {table}) + 1, false)"
        quoted = connection.dialect.identifier_preparer.quote(table.name)
        names = {"name": quoted, "column": column.name}
        if connection.scalar(select(func.max(column))) is not None:
            connection.execute(text(statement.format(id=column.name, table=quoted)), names)


def _restore_key(config: Config, archive: zipfile.ZipFile) -> None:
    key = config.path(config.web.secret_key_file)
    key.parent.mkdir(parents=True, exist_ok=True)
    key.touch(mode=0o600)
    key.write_bytes(archive.read("files/secret_key"))


def _restore_files(config: Config, archive: zipfile.ZipFile) -> None:
    _restore_key(config, archive)
    photos = [name for name in archive.namelist() if name.startswith("files/photos/")]
    for name in photos:
        target = config.path(PHOTOS) / Path(name).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(name))
