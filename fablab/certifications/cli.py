"""The command `fablab import grants`: past trainings from a CSV file."""

from collections.abc import Callable
from pathlib import Path

import click
from flask_babel import force_locale

from fablab.certifications import importing
from fablab.certifications.import_rules import MOST_BYTES
from fablab.certifications.import_words import fault_words, summary_words
from fablab.certifications.importing import Faulty, Plan
from fablab.core import clock
from fablab.core.actor import system
from fablab.core.app import lab
from fablab.core.config import Config
from fablab.core.words import text


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only show what would be noted, and each bad line.")
@click.pass_obj
def grants(load: Callable[[], Config], file: Path, dry_run: bool) -> None:
    """Note past trainings from the CSV file FILE as certifications: all of them, or none where a line is wrong.

    Columns, named in the first line: person (e-mail address or exact name), certification (name or number), date, and
    as you like instructor, until, proof. The same file twice adds nothing.
    """
    with file.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    with lab(load()), force_locale("en"):
        actor, now = system("cli"), clock.now()
        plan = importing.check(actor, content, now)
        _show(plan, made=dry_run)
        if plan.faults:
            raise Faulty(plan)
        if dry_run:
            click.echo("Nothing was changed. Without --dry-run they are noted.")
            return
        done = importing.apply(actor, content, now)
        click.echo(summary_words(len(done.made), done.known))


def _show(plan: Plan, *, made: bool) -> None:
    for fault in plan.faults:
        click.echo(f"line {fault.number}: {fault_words(fault)}")
    for one in plan.made if made else ():
        until = f", until {one.valid_until:%Y-%m-%d %H:%M} UTC" if one.valid_until else ""
        over = " (over by now)" if one.ended_at else ""
        click.echo(f"line {one.line}: {one.person}, {text(one.certification.name)}, {one.day}{until}{over}")
    if made:
        click.echo(f"{len(plan.made)} to be noted, {plan.known} known already, {len(plan.faults)} faults.")
