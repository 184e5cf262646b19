"""The version of the database: upgrade, downgrade, and whether this program and the database fit each other.

Each migration runs in one transaction (DDL included, on both databases), so a killed upgrade leaves the version before
or after it, never half of one; running it again finishes the rest.
"""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import downgrade as alembic_downgrade
from flask_migrate import upgrade as alembic_upgrade

from fablab.core import db
from fablab.core.errors import FablabError


class SchemaError(FablabError):
    """The database does not fit this program; the text says what to do."""


def upgrade(revision: str = "head") -> None:
    """Brings the database to `revision`; nothing happens when it is there already. Raises SchemaError."""
    _refuse_newer(current())
    alembic_upgrade(revision=revision)


def downgrade(revision: str = "-1") -> None:
    """Takes the database back to `revision`, by default one step. Data of dropped tables is lost."""
    _refuse_newer(current())
    alembic_downgrade(revision=revision)


def current() -> str | None:
    """The database's version; None for an empty database."""
    with db.engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The version this program needs."""
    found = _scripts().get_current_head()
    if found is None:
        raise SchemaError("this program brings no migrations: it is not installed completely")
    return found


def check() -> None:
    """Raises SchemaError unless the database has exactly the version this program needs."""
    version = current()
    _refuse_newer(version)
    if version is None:
        raise SchemaError("the database is empty; run `fablab db upgrade`")
    if version != head():
        raise SchemaError(f"the database has version {version}, this program needs {head()}; run `fablab db upgrade`")


def _refuse_newer(version: str | None) -> None:
    if version is not None and version not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaError(
            f"the database has version {version}, which this program does not know: it was used by a newer Fablab;"
            " install that one, or restore a backup from before the upgrade"
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(current_app.extensions["migrate"].directory)
