"""The first start: while a lab has no administrator, whoever has the one-time code of its folder becomes the first."""

import hmac
import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from fablab.core import audit
from fablab.core.actor import Role, system
from fablab.core.config import Config
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Invalid
from fablab.people import service
from fablab.people.models import Person


def is_needed() -> bool:
    """True while there is nobody who could administer the lab."""
    query = select(Person.id).where(Person.role == Role.ADMINISTRATOR, Person.active, Person.password.is_not(None))
    return db.session.scalar(query.limit(1)) is None


def code_file(config: Config) -> Path:
    """Where the code is, readable for the lab's own account alone."""
    return config.path(config.web.secret_key_file).parent / "setup_code"


def code(config: Config) -> str:
    """The code; made and written down when there is none yet."""
    file = code_file(config)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(f"{secrets.randbelow(10**9):09d}\n", encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def first_administrator(config: Config, given: str, name: str, email: str, password: str, now: datetime) -> Person:
    """Makes the first administrator. Raises Invalid (fields `code`, `name`, `email`, `password`), Conflict when there
    is one already."""
    if not is_needed():
        raise Conflict("The lab has an administrator already.")
    typed = "".join(given.split())
    if not hmac.compare_digest(typed.encode(), code(config).encode()):
        raise Invalid({"code": "is not the code of this lab"})
    with transaction():
        if not is_needed():
            raise Conflict("The lab has an administrator already.")
        values = {"name": name, "email": email, "role": Role.ADMINISTRATOR}
        person = service.add(system("web"), values, now, password=password)
        audit.record(system("web"), "lab.set_up", person, now)
    code_file(config).unlink(missing_ok=True)
    return person
