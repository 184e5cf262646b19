"""Commands that keep a lab safe: `fablab backup`, `fablab restore`, and how `fablab doctor` prints what it found."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from fablab.core.app import create_core_app
from fablab.core.config import Config
from fablab.operations import backup as backups
from fablab.operations.doctor import Finding, Severity


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(load: Callable[[], Config], file: Path) -> None:
    """Write the whole lab into FILE while it runs."""
    config = load()
    with create_core_app(config).app_context(), _progress("Writing") as step:
        counts = backups.backup(config, file, step)
    size = file.stat().st_size / 1e6
    click.echo(f"{sum(counts.values())} rows in {file} ({size:.1f} MB). Keep it as confidential as the lab itself.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def restore(load: Callable[[], Config], file: Path) -> None:
    """Read FILE into the configured database, which must be empty."""
    config = load()
    backups.bring_secret_key(config, file)
    with create_core_app(config).app_context(), _progress("Reading") as step:
        counts = backups.restore(config, file, step)
    click.echo(f"{sum(counts.values())} rows restored from {file}.")


_MARKS = {Severity.OK: ("✓", "green"), Severity.WARNING: ("!", "yellow"), Severity.PROBLEM: ("✗", "red")}


def show(findings: Iterable[Finding]) -> None:
    """Prints findings, one a line, what to do about each below it. Exits with 1 when one of them is a problem."""
    found = list(findings)
    for one in found:
        mark, colour = _MARKS[one.severity]
        click.secho(f"{mark} {one.subject}: {one.text}", fg=colour)
        if one.remedy:
            click.echo(f"  → {one.remedy}")
    if any(one.severity == Severity.PROBLEM for one in found):
        sys.exit(1)


@contextmanager
def _progress(verb: str) -> Iterator[backups.Progress]:
    with Status(f"{verb} …", console=Console(stderr=True)) as status:
        yield lambda table, rows: status.update(f"{verb} … {table}: {rows} rows")
