"""Very many reservations in seconds: the database itself makes them, by one statement for each table.

Each resource has six bookings of 90 minutes on every day, from `AHEAD_DAYS` ahead backwards, as a lab of many years.
All before today are finished. Nothing is stored in the repository; a million takes about eight seconds on SQLite and
forty on PostgreSQL, which keeps an exclusion constraint up with it.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.orm import Session

AHEAD_DAYS = 60
EACH_DAY = 6
FIRST_HOUR = 8
LENGTH = timedelta(minutes=90)
EVERY = timedelta(hours=2)

_NUMBERS = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {count}) SELECT n FROM s)",
    "postgresql": "(SELECT generate_series(0, {count} - 1) AS n)",
}
_INSTANT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', {seconds}, 'unixepoch')",
    "postgresql": "to_timestamp({seconds})",
}


def fill(session: Session, count: int, resources: int, people: int, now: datetime, *, every: int = 1) -> None:
    """`count` reservations with one allocation each, of resources and people with the ids from 1 on, on each `every`th
    day. Into empty tables, inside a transaction."""
    # Here, as the floor takes the rest of this module and must not know Fablab: it would refuse the floor's writes.
    from fablab.reservations import guards
    from fablab.reservations.models import Allocation, Reservation, ReservationState

    connection = session.connection()
    name = connection.dialect.name
    seconds = starts(now, resources, every)
    timed = times(connection, seconds)
    made = _INSTANT[name].format(seconds=int(now.timestamp()))
    over = int((now - LENGTH).timestamp())
    states = f"CASE WHEN {seconds} <= {over} THEN '{ReservationState.FINISHED}'"
    reservation = {"id": "n + 1", "person_id": f"n % {people} + 1", "created_at": made, **timed}
    reservation["state"] = f"{states} ELSE '{ReservationState.BOOKED}' END"
    allocation = {"id": "n + 1", "reservation_id": "n + 1", "resource_id": f"n % {resources} + 1", **timed}
    if name == "sqlite":  # the guard would be asked a million times; what is made here does not overlap
        for guard in ("allocation_overlap_insert", "allocation_overlap_update"):
            connection.exec_driver_sql(f"DROP TRIGGER {guard}")
    for table, given in ((Reservation.__table__, reservation), (Allocation.__table__, allocation)):
        insert(connection, table, given, count)
    if name == "sqlite":
        for statement in guards.SQLITE:
            connection.exec_driver_sql(statement)
    else:
        for of in ("reservation", "allocation"):
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{of}', 'id'), {count})"))


def starts(now: datetime, resources: int, every: int = 1) -> str:
    """SQL: the second at which booking `n` begins, since 1970."""
    today = datetime(now.year, now.month, now.day, FIRST_HOUR, tzinfo=UTC)
    first = int((today + timedelta(days=AHEAD_DAYS)).timestamp())
    nth = f"(n / {resources})"
    return f"({first} - {nth} / {EACH_DAY} * {every * 86400} + {nth} % {EACH_DAY} * {int(EVERY.total_seconds())})"


def times(connection: Connection, starts_at: str) -> dict[str, str]:
    """SQL: the columns of begin and end of a booking that begins at this second."""
    form = _INSTANT[connection.dialect.name]
    ends_at = f"{starts_at} + {int(LENGTH.total_seconds())}"
    return {"starts_at": form.format(seconds=starts_at), "ends_at": form.format(seconds=ends_at)}


def insert(connection: Connection, table: Any, given: dict[str, str], count: int) -> None:
    """`count` rows: the columns of `given` by their SQL over `n`, the others by their defaults."""
    columns = given | _defaults(table, given)
    numbers = _NUMBERS[connection.dialect.name].format(count=count)
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {numbers} s"
    connection.exec_driver_sql(statement.replace("%", "%%") if connection.dialect.name == "postgresql" else statement)


def _defaults(table: Table, given: dict[str, str]) -> dict[str, str]:
    found = {}
    for column in table.columns:
        default: Any = column.default
        if column.name not in given and not column.nullable and default is not None:
            found[column.name] = _literal(default.arg) if default.is_scalar else "'[]'"
    return found


def _literal(value: object) -> str:
    if isinstance(value, bool | int):
        return str(value).upper()
    return f"'{value.value if isinstance(value, Enum) else value}'"
