"""Commands: `fablab device list`, `adopt`, `forget`. (`credentials` is the bridge's, which knows the broker.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from fablab.core import clock
from fablab.core.actor import system
from fablab.core.app import lab
from fablab.core.config import Config
from fablab.devices import service

Load = Callable[[], Config]


@click.group()
def device() -> None:
    """Devices on the broker."""


@device.command("list")
@click.pass_obj
def list_command(load: Load) -> None:
    """Show all devices: seen, adopted, ignored."""
    with lab(load()):
        for one in service.list_devices():
            seen = f"{one.last_seen_at:%Y-%m-%d %H:%M}" if one.last_seen_at else "never heard"
            bound = f"resource {one.resource_id}" if one.resource_id else "-"
            click.echo(
                f"{one.id:4} {one.state.value:10} {one.dialect:10} {one.base:32} {bound:12} {seen:16} {one.name}"
            )


@device.command()
@click.argument("device_id", type=int, required=False, metavar="[ID]")
@click.option("--dialect", type=click.Choice(service.DIALECTS), help="For a device that was not seen yet.")
@click.option("--base", help="Its topic root, such as plug_laser or fablab/v1/lab1/laser-1.")
@click.option("--resource", "resource_id", type=int, help="The resource it belongs to.")
@click.option("--name", help="What people call it.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=JSON", help='Such as power=\'{"on_w": 60, "off_w": 40}\'.'
)
@click.pass_obj
def adopt(
    load: Load,
    device_id: int | None,
    dialect: str | None,
    base: str | None,
    resource_id: int | None,
    name: str | None,
    options: tuple[str, ...],
) -> None:
    """Begin to listen to a device: one from `device list` by its ID, or any by dialect and topic root."""
    if (device_id is None) == (dialect is None or base is None):
        raise click.UsageError("give either the ID of a device, or --dialect and --base")
    chosen = dict(_option(one) for one in options)
    now = clock.now()
    with lab(load()):
        if device_id is None:
            device_id = service.add_device(system("cli"), dialect or "", base or "", now, name=name or "").id
        found = service.adopt(system("cli"), device_id, now, resource_id=resource_id, name=name, options=chosen)
        click.echo(f"{found.name} is adopted as device {found.id}.")


@device.command()
@click.argument("device_id", type=int, metavar="ID")
@click.option("--ignore", is_flag=True, help="Do not offer it again when it is heard.")
@click.pass_obj
def forget(load: Load, device_id: int, ignore: bool) -> None:
    """Stop listening to a device; its journal and usage stay."""
    with lab(load()):
        found = service.forget(system("cli"), device_id, clock.now(), ignore=ignore)
        click.echo(f"{found.name} is forgotten.")


def _option(told: str) -> tuple[str, Any]:
    name, equals, value = told.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{told!r} is not KEY=VALUE", param_hint="--option")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
