"""A lab to measure: fifty certified machines, forty people, and as many bookings as asked for, behind and ahead.

Ahead, the second half of every hour is booked, so the first halves are free: every booking that is measured stands
between two others. The same slots fill the floor's database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import text

from benchmarks import bulk
from fablab.app import create_app
from fablab.certifications.models import Certification, Grant, Requirement, RequirementTerm
from fablab.core import schema
from fablab.core.actor import Role
from fablab.core.app import create_core_app
from fablab.core.config import Config, load_config
from fablab.core.db import bulk_insert, db, is_postgresql, transaction
from fablab.people.models import ApiToken, Person
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.resources.models import Kind, Resource

RESOURCES = 50
PEOPLE = 40
AHEAD_SHARE = 0.3
HALF = timedelta(minutes=30)
HOUR = timedelta(hours=1)
BATCH = 10_000

_CONFIG = """\
[lab]
name = "Bench Lab"
languages = ["en", "fr", "bg"]
closed_days = []
[lab.opening_hours]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]
[web]
secret_key_file = "secret_key"
threads = {threads}
[database]
url = "{url}"
[mqtt]
{mqtt}
"""

Slot = tuple[int, datetime, datetime]


@dataclass(frozen=True)
class Lab:
    """Where the lab is and how its tokens are: one for each person, all with the scope `book`."""

    folder: Path
    config: Config
    tokens: tuple[str, ...]
    begins: datetime
    password: str = ""

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"

    def app(self) -> Flask:
        """The whole application, in this process."""
        return create_app(self.config)

    def free_slots(self) -> Iterator[Slot]:
        """Slots that are still free, one machine after the other: the first halves of the hours ahead."""
        for hour in range(2, 24 * 50):
            for resource in range(1, RESOURCES + 1):
                starts = self.begins + hour * HOUR
                yield resource, starts, starts + HALF


def whole_hour() -> datetime:
    """The last full hour."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def slots(bookings: int, begins: datetime) -> list[Slot]:
    """`bookings` slots over all machines: 30 % ahead at every half hour, the rest behind, back to back."""
    each = bookings // RESOURCES
    ahead = int(each * AHEAD_SHARE)
    made = []
    for resource in range(1, RESOURCES + 1):
        made += [(resource, begins + n * HOUR + HALF, begins + n * HOUR + HOUR) for n in range(ahead)]
        made += [(resource, begins - (n + 1) * HALF, begins - n * HALF) for n in range(each - ahead)]
    return made


def make(
    folder: Path,
    bookings: int,
    *,
    url: str = "",
    mqtt: str = "embedded = true",
    password: bool = False,
    threads: int = 96,
    years_of: int = 0,
) -> Lab:
    """Makes the lab in an empty folder, on SQLite there or on the given database.

    With `years_of`, a number of machines, the bookings are those of `bulk.py` on so many.

    `mqtt` is that section's text; `password` gives everybody one to sign in with; `threads` are the web server's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret_key").write_text(token_urlsafe(48))
    (folder / "config.toml").write_text(
        _CONFIG.format(url=url or f"sqlite:///{folder}/lab.db", mqtt=mqtt, threads=threads)
    )
    lab = Lab(
        folder,
        load_config(folder / "config.toml"),
        tuple(token_urlsafe(32) for _ in range(PEOPLE)),
        whole_hour(),
        token_urlsafe(16) if password else "",
    )
    with create_core_app(lab.config).app_context():
        schema.upgrade()
        _fill(lab, bookings, years_of)
        if is_postgresql():
            _count_on()
        db.engine.dispose()
    return lab


def _fill(lab: Lab, bookings: int, years_of: int) -> None:
    with transaction():
        _people_and_machines(lab, years_of or RESOURCES)
    if not years_of:
        _reservations(slots(bookings, lab.begins), lab.begins)
        return
    with transaction() as session:
        bulk.fill(session, bookings, years_of, PEOPLE, lab.begins)


def _people_and_machines(lab: Lab, count: int) -> None:
    now = lab.begins
    people = range(1, PEOPLE + 1)
    password = PasswordHasher().hash(lab.password) if lab.password else None
    bulk_insert(
        Person,
        [
            {
                "id": n,
                "name": f"Person {n}",
                "email": f"person{n}@example.org",
                "password": password,
                "session_key": token_urlsafe(16),
                "role": Role.ADMINISTRATOR if n == PEOPLE else Role.MAKER,
                "language": "en",
                "created_at": now,
            }
            for n in people
        ],
    )
    tokens = [(n, sha256(token.encode()).hexdigest()) for n, token in enumerate(lab.tokens, 1)]
    bulk_insert(
        ApiToken,
        [
            {"person_id": n, "name": "bench", "token_hash": digest, "scopes": ["read", "book"], "created_at": now}
            for n, digest in tokens
        ],
    )
    name = {"en": "Machine safety", "fr": "Sécurité", "bg": "Безопасност"}
    bulk_insert(Certification, [{"id": 1, "name": name, "description": name, "created_at": now}])
    granted = now - timedelta(days=30)
    bulk_insert(
        Grant,
        [{"person_id": n, "certification_id": 1, "public_id": f"bench-{n}", "granted_at": granted} for n in people],
    )
    machines = range(1, count + 1)
    bulk_insert(Resource, [_machine(n, now) for n in machines])
    asked = {"certification": 1}
    bulk_insert(Requirement, [{"id": n, "resource_id": n, "expression": asked} for n in machines])
    bulk_insert(RequirementTerm, [{"requirement_id": n, "certification_id": 1} for n in machines])


def _machine(number: int, now: datetime) -> dict[str, object]:
    texts = {"en": f"Machine {number}", "fr": f"Machine {number}", "bg": f"Машина {number}"}
    return {"id": number, "kind": Kind.MACHINE, "name": texts, "description": texts, "created_at": now}


def _reservations(wanted: list[Slot], now: datetime) -> None:
    for first in range(0, len(wanted), BATCH):
        part = list(enumerate(wanted[first : first + BATCH], first + 1))
        with transaction():
            bulk_insert(
                Reservation,
                [
                    {
                        "id": n,
                        "person_id": n % PEOPLE + 1,
                        "created_at": now,
                        "state": ReservationState.BOOKED,
                        "starts_at": starts,
                        "ends_at": ends,
                    }
                    for n, (_, starts, ends) in part
                ],
            )
            bulk_insert(
                Allocation,
                [
                    {"reservation_id": n, "resource_id": resource, "starts_at": starts, "ends_at": ends, "live": True}
                    for n, (resource, starts, ends) in part
                ],
            )


def _count_on() -> None:
    """PostgreSQL counts ids beside the table: tell it where the rows with numbers of their own end."""
    with transaction() as session:
        for table in ("person", "certification", "resource", "reservation"):
            session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
            )
