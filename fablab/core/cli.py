"""`fablab db`: the version of the database."""

from collections.abc import Callable

import click

from fablab.core import schema
from fablab.core.app import lab
from fablab.core.config import Config

Load = Callable[[], Config]


@click.group("db")
def database() -> None:
    """The version of the database."""


@database.command()
@click.pass_obj
def upgrade(load: Load) -> None:
    """Bring the database to the version this program needs; nothing happens when it is there."""
    with lab(load()):
        before = schema.current()
        schema.upgrade()
        click.echo(f"The database has version {schema.current()}{_was(before)}.")


@database.command()
@click.argument("revision", default="-1")
@click.option("--yes", is_flag=True, help="Do not ask: data of tables that go is lost.")
@click.pass_obj
def downgrade(load: Load, revision: str, yes: bool) -> None:
    """Take the database back by one step, or to REVISION."""
    if not yes:
        click.confirm("Data of tables that go is lost. Go on?", abort=True)
    with lab(load()):
        before = schema.current()
        schema.downgrade(revision)
        click.echo(f"The database has version {schema.current() or 'none'}{_was(before)}.")


@database.command()
@click.pass_obj
def current(load: Load) -> None:
    """Say which version the database has, and which one this program needs."""
    with lab(load()):
        click.echo(f"The database has version {schema.current() or 'none'}; this program needs {schema.head()}.")


def _was(before: str | None) -> str:
    return f" (before: {before or 'none'})" if before != schema.current() else ""
