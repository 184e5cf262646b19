"""The `fablab` command. The composition root: the only file that may import everything; nobody imports it."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from sqlalchemy.exc import OperationalError

from fablab.certifications import cli as certifications
from fablab.core import clock
from fablab.core.app import lab
from fablab.core.config import Config, ConfigError, load_config
from fablab.core.errors import FablabError
from fablab.credentials import cli as credentials
from fablab.devices import cli as devices
from fablab.operations import cli as operations
from fablab.operations.doctor import Finding, Severity, examine
from fablab.people import cli as people
from fablab.run import cli as run
from firmware_bridge import cli as bridge
from firmware_bridge import doctor as broker
from firmware_bridge.simulate import cli as simulators


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration file (default ./config.toml).")
@click.version_option(package_name="fablab")
@click.pass_context
def fablab(context: click.Context, file: Path | None) -> None:
    """Equipment, certifications, reservations and what the machines really did."""
    context.obj = lambda: load_config(file)


fablab.add_command(operations.backup)
fablab.add_command(operations.restore)
devices.device.add_command(bridge.credentials)
fablab.add_command(devices.device)
fablab.add_command(credentials.credentials)
for command in (*people.COMMANDS, *run.COMMANDS, *bridge.COMMANDS, simulators.simulate):
    fablab.add_command(command)


@fablab.group("import")
def imports() -> None:
    """Bulk data from files; a dry run first shows each bad line."""


imports.add_command(certifications.grants)


@fablab.command()
@click.pass_obj
def doctor(load: Callable[[], Config]) -> None:
    """Look at everything the lab stands on and say what to do about what is wrong."""
    config = load()
    with lab(config):
        found = examine(config, clock.now())
    looked = [Finding(one.subject, Severity(one.severity), one.text, one.remedy) for one in broker.examine(config)]
    operations.show([*found, *looked])


def main() -> None:
    """Runs the command; every failure is one sentence on stderr, exit 1; wrong use is exit 2."""
    try:
        fablab(standalone_mode=True)
    except (FablabError, ConfigError) as error:
        click.echo(f"fablab: {error}", err=True)
        sys.exit(1)
    except OperationalError as error:
        click.echo(f"fablab: the database does not answer: {error.orig}", err=True)
        sys.exit(1)
