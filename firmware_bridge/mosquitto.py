"""The Mosquitto configuration of a lab: settings, password file and access list, written by `fablab broker-config DIR`.

Each device has an account of its own and may only speak on its own topics; the server alone writes what devices obey.
The settings and why each is there: docs/decisions/0005-bridge.md.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVER = "fablab-server"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
CONFIGURATION = "mosquitto.conf"
DOCTOR = "fablab-doctor"
DOCTOR_PASSWORD = "doctor.password"
"""An account as a device has one, and nothing more: with it `fablab doctor` proves that devices are kept apart."""

SETTINGS = (
    "allow_anonymous false",
    "persistence true",
    "autosave_interval 60",
    "persistent_client_expiration 7d",
    "queue_qos0_messages true",
    "max_queued_messages 100000",
    "max_queued_bytes 268435456",
    "max_inflight_messages 1000",
    "max_packet_size 1000000",
    "set_tcp_nodelay true",
)
"""What was measured to matter; `fablab doctor` looks for each."""

# Mosquitto's own default. Passwords made by Fablab are random with more than 128 bit, so stretching them adds nothing.
ITERATIONS = 101
SALT_BYTES = 12


@dataclass(frozen=True, slots=True)
class Listener:
    """One port of the broker. `devices`: the user name becomes the client id, so nobody can push another device off."""

    port: int
    address: str = ""
    devices: bool = False
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the broker: its password hash (`$7$…`) and the topics beyond `fablab/v1/<site>/<name>/…`."""

    name: str
    password_hash: str
    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the three files are made of."""

    site: str
    listeners: tuple[Listener, ...]
    accounts: tuple[Account, ...] = ()
    server_write: tuple[str, ...] = field(default=())


def password_hash(password: str, salt: bytes | None = None) -> str:
    """A line's second half for Mosquitto's password file: PBKDF2-SHA512 in the form `$7$iterations$salt$hash`."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def new_password() -> str:
    """A random password of 192 bit for a device or the server."""
    return secrets.token_urlsafe(24)


def device_account(name: str, hashed: str, dialect: str, options: Mapping[str, object]) -> Account:
    """The account of one adopted device: it writes where its dialect speaks and reads where it is commanded."""
    base = str(options.get("base") or "").strip("/")
    if not base or dialect == "fablab_v1" or set(base) & set("+#"):
        return Account(name, hashed)
    if dialect == "tasmota":
        tree = str(options.get("fulltopic") or "%prefix%/%topic%/").replace("%topic%", base).rstrip("/") + "/#"
        said = tuple(tree.replace("%prefix%", prefix) for prefix in ("tele", "stat"))
        return Account(name, hashed, said, (tree.replace("%prefix%", "cmnd"),))
    if dialect == "moonraker":
        return Account(name, hashed, (f"{base}/#",), (f"{base}/moonraker/api/request",))
    return Account(name, hashed, (f"{base}/#",))


def configuration(plan: Plan, folder: Path) -> str:
    """`mosquitto.conf`; all paths in it are absolute, so it can be started from anywhere."""
    lines = [
        "# Written by `fablab broker-config`; made anew each time, so keep your own additions in another file.",
        "per_listener_settings false",
        SETTINGS[0],
        f"password_file {folder / 'passwords'}",
        f"acl_file {folder / 'access.acl'}",
        f"persistence_location {folder / 'data'}/",
        "# Without these a killed broker forgets half an hour, one whose bridge is away loses what devices say, and an",
        "# answer at the badge reader takes 44 ms instead of 2. The packet size is larger than what the bridge takes",
        "# (64 KiB), so that what is too large is seen and counted, not lost unseen.",
        *SETTINGS[1:],
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    for listener in plan.listeners:
        lines += ["", *_listener(listener)]
    return "\n".join(lines) + "\n"


def access_list(plan: Plan) -> str:
    """`access.acl`: deny by default; the pattern rules give a native device its own tree and no other."""
    tree = f"fablab/v1/{plan.site}"
    lines = [
        "# Written by `fablab broker-config`. What is not allowed here is denied.",
        f"user {SERVER}",
        "topic read #",
        f"topic write {tree}/+/dn/#",
        f"topic write {tree}/server/status",
        *(f"topic write {topic}" for topic in plan.server_write),
    ]
    for account in plan.accounts:
        rights = [f"topic write {topic}" for topic in account.write] + [f"topic read {topic}" for topic in account.read]
        if rights:
            lines += ["", f"user {account.name}", *rights]
    lines += [
        "",
        "# Every account, by its own name.",
        f"pattern write {tree}/%u/up/#",
        f"pattern read {tree}/%u/dn/#",
        f"pattern read {tree}/server/status",
    ]
    return "\n".join(lines) + "\n"


def password_file(plan: Plan, server_hash: str) -> str:
    """`passwords`: one `name:hash` a line; raises ValueError for a name that would break the file."""
    rows = [(SERVER, server_hash), *((account.name, account.password_hash) for account in plan.accounts)]
    for name, hashed in rows:
        if not NAME.match(name) or not hashed.startswith("$7$") or set(hashed) & set(":\n"):
            raise ValueError(f"the broker account {name!r} has a name or a password hash that Mosquitto cannot take")
    return "".join(f"{name}:{hashed}\n" for name, hashed in rows)


def write(plan: Plan, folder: Path, server_password: str) -> list[Path]:
    """Write the three files, readable for their owner only, and return their paths.

    All texts are made before the first file is touched: a plan that cannot be written changes nothing.
    """
    folder = folder.resolve()
    texts = {
        CONFIGURATION: configuration(plan, folder),
        "access.acl": access_list(plan),
        "passwords": password_file(plan, password_hash(server_password)),
    }
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        private_file(folder / name, text)
        _give_to_mosquitto(folder / name)
    _give_to_mosquitto(folder / "data")
    return [folder / name for name in texts]


def private_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


def _give_to_mosquitto(path: Path) -> None:
    """Started by root, Mosquitto works as its own user and must be able to read what only the owner may read."""
    if os.geteuid() == 0:
        with contextlib.suppress(LookupError):
            shutil.chown(path, user="mosquitto")


def listeners(
    server_port: int,
    device_port: int,
    tls: tuple[str, str] | None,
    tls_port: int = 8883,
    address: str = "127.0.0.1",
) -> tuple[Listener, ...]:
    """The usual ports: for the server on this machine, for devices, and with TLS where there is a certificate."""
    found: list[Listener] = [Listener(server_port, address)]
    if device_port:
        found.append(Listener(device_port, devices=True))
    if tls is not None:
        found.append(Listener(tls_port, devices=True, cert_file=tls[0], key_file=tls[1]))
    return tuple(found)


def _listener(listener: Listener) -> Iterable[str]:
    yield f"listener {listener.port} {listener.address}".rstrip()
    if listener.devices:
        yield "use_username_as_clientid true"
    if listener.cert_file:
        yield f"certfile {listener.cert_file}"
        yield f"keyfile {listener.key_file}"
        yield "tls_version tlsv1.2"
