"""Commands of the bridge: `bridge`, `broker-config`, `record`, `replay` and `device credentials`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from fablab.core import clock
from fablab.core.actor import system
from fablab.core.app import create_core_app, lab
from fablab.core.config import Config
from fablab.core.errors import FablabError
from fablab.devices import service as devices
from fablab.devices.models import Device, DeviceState
from firmware_bridge import mosquitto, mqtt
from firmware_bridge import record as recording
from firmware_bridge import replay as replaying
from firmware_bridge.bridge import Bridge
from firmware_bridge.broker import BrokerError
from firmware_bridge.derive import derive_command

Load = Callable[[], Config]
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


class BridgeError(FablabError):
    """The bridge or its broker cannot do what was asked; the text says why and what to do."""


def serve(config: Config) -> None:
    """Run the bridge in this process until SIGTERM or Ctrl-C."""
    try:
        bridge = Bridge(create_core_app(config))
    except BrokerError as error:
        raise BridgeError(str(error)) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bridge.stop())
    bridge.run()


@click.command("bridge")
@click.pass_obj
def bridge_command(load: Load) -> None:
    """Listen to the devices: store what they say, answer badge readers."""
    serve(load())


@click.command("broker-config")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--server-port", type=click.IntRange(1, 65535), help="Port for Fablab itself (default: mqtt.port).")
@click.option("--device-port", type=click.IntRange(0, 65535), help="Port for devices without TLS; 0 for none.")
@click.option("--tls-port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="Port with TLS.")
@click.option("--cert", type=click.Path(path_type=Path, exists=True), help="Certificate for the TLS port.")
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="Key of the certificate.")
@click.pass_obj
def broker_config(
    load: Load,
    folder: Path,
    server_port: int | None,
    device_port: int | None,
    tls_port: int,
    cert: Path | None,
    key: Path | None,
) -> None:
    """Write a Mosquitto configuration, password file and access list for this lab into DIR."""
    if (cert is None) != (key is None):
        raise click.UsageError("--cert and --key belong together")
    config = load()
    server = server_port or (1884 if config.mqtt.embedded else config.mqtt.port)
    plain = (1884 if server == 1883 else 1883) if device_port is None else device_port
    tls = (str(cert.resolve()), str(key.resolve())) if cert and key else None
    with lab(config):
        adopted = devices.list_devices(DeviceState.ADOPTED)
        accounts = tuple(_account(device) for device in adopted if device.password_hash)
    address = "127.0.0.1" if config.mqtt.host in LOOPBACK else ""
    password_file, password = _server_password(config, folder)
    doctor = mosquitto.Account(mosquitto.DOCTOR, mosquitto.password_hash(_doctor_password(folder)))
    ports = mosquitto.listeners(server, plain, tls, tls_port, address)
    plan = mosquitto.Plan(config.mqtt.site, ports, (*accounts, doctor))
    for path in mosquitto.write(plan, folder, password):
        click.echo(f"written: {path}")
    click.echo(f"{len(accounts)} device accounts. Start the broker: mosquitto -c {folder.resolve() / 'mosquitto.conf'}")
    click.echo(
        f'In config.toml: [mqtt] embedded = false, host = "{config.mqtt.host or "127.0.0.1"}", port = {server}, '
        f'username = "{mosquitto.SERVER}", password_file = "{password_file}"'
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--topic", default="#", show_default=True, metavar="FILTER", help="What to record.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End after so long (default: at Ctrl-C).")
@click.pass_obj
def record(load: Load, file: Path, topic: str, minutes: float | None) -> None:
    """Write what the broker says into FILE, secrets scrubbed."""
    config = load()
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _: ended.append(caught))
    with lab(config):
        try:
            endpoint = mqtt.endpoints(config)[0]
            seconds = None if minutes is None else minutes * 60
            count = recording.record(endpoint, file, topic, seconds, lambda: bool(ended))
        except BrokerError as error:
            raise BridgeError(str(error)) from None
    click.echo(f"{count} messages in {file}")


@click.command()
@click.option("--device", "device_id", type=int, help="Only this device (default: all adopted ones).")
@click.option("--since", type=click.DateTime(), help="Only sessions that began after this (the lab's time).")
@click.option("--apply", "write", is_flag=True, help="Make the changes; without it they are only shown.")
@click.pass_obj
def replay(load: Load, device_id: int | None, since: datetime | None, write: bool) -> None:
    """Derive usage again from the journal and show what would change."""
    config = load()
    now = clock.now()
    start = None if since is None else since.replace(tzinfo=config.lab.zone)
    with lab(config):
        chosen = [devices.get_device(device_id)] if device_id else devices.list_devices(DeviceState.ADOPTED)
        found = [one for device in chosen for one in replaying.differences(device, now, start)]
        for one in found:
            click.echo(_told(one))
        if write and found:
            replaying.apply(system("cli"), found, now)
        verb = "changed" if write else "would change (--apply does it)"
        click.echo(f"{len(found)} sessions {verb}, {len(chosen)} devices looked at")


@click.command()
@click.argument("device_id", type=int, metavar="ID")
@click.pass_obj
def credentials(load: Load, device_id: int) -> None:
    """Give a device a new account on the broker and show its password, once."""
    config = load()
    password = mosquitto.new_password()
    with lab(config):
        device = devices.set_password(system("cli"), device_id, mosquitto.password_hash(password), clock.now())
        click.echo(f"user:     {devices.account_name(device)}")
        click.echo(f"password: {password}")
    click.echo("It is shown only now. Run `fablab broker-config DIR` and reload Mosquitto for it to count.")


COMMANDS = (bridge_command, broker_config, derive_command, record, replay)


def _account(device: Device) -> mosquitto.Account:
    options = {**device.options, "base": device.base}
    return mosquitto.device_account(devices.account_name(device), device.password_hash or "", device.dialect, options)


def _server_password(config: Config, folder: Path) -> tuple[Path, str]:
    """The password of Fablab's own account, and the file it is in: the configured one, else one in `folder`."""
    file = config.path(config.mqtt.password_file) if config.mqtt.password_file else folder.resolve() / "server.password"
    try:
        return file, file.read_text().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        password = mosquitto.new_password()
        mosquitto.private_file(file, password + "\n")
        return file, password
    except OSError as error:
        raise BridgeError(f"mqtt.password_file: cannot read {file} ({error.strerror})") from None


def _doctor_password(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    password = mosquitto.new_password()
    mosquitto.private_file(folder.resolve() / mosquitto.DOCTOR_PASSWORD, password + "\n")
    return password


def _told(one: replaying.Difference) -> str:
    value = one.derived
    start = one.stored.started_at if one.stored is not None else None
    if value is not None:
        start = replaying.recording.instant(value.start_at)
    changed = f" ({', '.join(one.fields)})" if one.fields else ""
    when = f"{start:%Y-%m-%d %H:%M:%S} UTC" if start else ""
    return f"{one.kind:8} {one.device.name}: {when}{changed}"
