"""`fablab simulate DIALECT`: one simulated device on any broker, to try a lab's set-up without the machine."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fablab.core.config import Config
from fablab.core.errors import FablabError
from firmware_bridge import broker as embedded
from firmware_bridge.simulate import loads, moonraker, octoprint, plan
from firmware_bridge.simulate.runner import Broker, Runner

DIALECTS = {"octoprint": "octoprint", "moonraker": "moonraker", "tasmota": "tasmota", "fablab_v1": "fablab_v1"}
BASES = {"octoprint": "octoPrint/{}/", "moonraker": "{}", "tasmota": "{}", "fablab_v1": "fablab/v1/{site}/{}"}
PRINTERS = ("octoprint", "moonraker")


class SimulateError(FablabError):
    """The device cannot be simulated so; the text says why."""


@click.command()
@click.argument("dialect", type=click.Choice(list(DIALECTS)))
@click.option("--name", default="", help="What the device is called on the broker (default: sim-DIALECT).")
@click.option("--base", default="", help="Root of its topics (default: as the dialect has it, with the name).")
@click.option("--host", default="", help="Broker to connect to (default: the lab's own).")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port (default: 1883, or the lab's own).")
@click.option("--username", default="", help="User on the broker (default: the device's name).")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its password.")
@click.option("--ca-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Switches TLS on.")
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(1, 6000), help="How fast stories pass.")
@click.option("--seed", default=1, show_default=True, help="Another number tells another story.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="End by itself after so long.")
@click.option("--outcome", "story", multiple=True, help="Printers: what the coming prints come to, in turn.")
@click.option("--load", type=click.Choice(sorted(loads.LOADS)), help="Machine behind a plug or a reader.")
@click.option("--card", "cards", multiple=True, help="Readers: a card that is presented; may be given again.")
@click.option("--joins", is_flag=True, help="It is in the middle of something when it starts.")
@click.pass_obj
def simulate(load_config: Callable[[], Config], /, dialect: str, **told: Any) -> None:
    """Play one device that speaks DIALECT, until Ctrl-C."""
    site = load_config().mqtt.site
    name = told["name"] or f"sim-{dialect.replace('_', '-')}"
    base = told["base"] or BASES[dialect].format(name, site=site)
    kind, options = _options(dialect, told)
    try:
        device = plan.make(kind, name, told["seed"], told["speed"], {"base": base, **options})
    except plan.PlanError as error:
        raise SimulateError(str(error)) from None
    broker = _broker(load_config, told)
    _require(broker)
    runner = Runner([device], broker)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, runner.stop)
    minutes = told["minutes"]
    click.echo(f"{name} speaks {dialect} under {base}; Ctrl-C ends it.")
    runner.run(None if minutes is None else minutes * 60)


def _require(broker: Broker) -> None:
    """Raises SimulateError when nothing listens there."""
    try:
        socket.create_connection((broker.host, broker.port), timeout=5).close()
    except OSError as error:
        reason = error.strerror or error
        raise SimulateError(f"no broker answers on {broker.host} port {broker.port}: {reason}") from None


def _options(dialect: str, told: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of device and its own options; wrong combinations are a wrong use."""
    options: dict[str, Any] = {}
    kind = "tasmota-reader" if dialect == "tasmota" and told["cards"] else dialect
    for option, key, fits in (
        ("--outcome", "story", dialect in PRINTERS),
        ("--load", "load", kind in ("tasmota", "fablab_v1")),
        ("--card", "cards", kind in ("tasmota-reader", "fablab_v1")),
        ("--joins", "joins", dialect in PRINTERS or kind == "tasmota"),
    ):
        if told[key] and not fits:
            raise click.UsageError(f"{option} does not go with this kind of device")
        if told[key]:
            options[key] = told[key]
    known = moonraker.OUTCOMES if dialect == "moonraker" else octoprint.OUTCOMES
    if strange := set(told["story"]) - set(known):
        raise click.UsageError(f"--outcome {strange.pop()!r} is none of {', '.join(known)}")
    return kind, options


def _broker(load_config: Callable[[], Config], told: dict[str, Any]) -> Broker:
    """Where to connect: as told, else the lab's own broker."""
    file = told["password_file"]
    password = file.read_text().strip() if file is not None else ""
    if told["host"]:
        return Broker(told["host"], told["port"] or 1883, told["username"], password, ca_file=told["ca_file"])
    config = load_config()
    if not config.mqtt.embedded:
        port = told["port"] or config.mqtt.port
        return Broker(
            config.mqtt.host, port, told["username"], password, ca_file=told["ca_file"] or config.mqtt.ca_file
        )
    try:
        own = embedded.read(embedded.home(config))
    except embedded.BrokerError as error:
        raise SimulateError(str(error)) from None
    user = told["username"] or embedded.DEVICES
    return Broker(embedded.HOST, told["port"] or own.port, user, password or own.users.get(user, ""))
