"""Commands: `fablab credentials keys`, `rotate`, `distrust`, `verify`: the lab's signing keys, and what they signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fablab.core import clock
from fablab.core.actor import system
from fablab.core.app import lab
from fablab.core.config import Config
from fablab.core.errors import FablabError
from fablab.credentials import keys as keeper
from fablab.credentials import verifying
from fablab.credentials.checking import check
from fablab.credentials.models import IssuerKey

Load = Callable[[], Config]
FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


class NotValid(FablabError):
    """What was verified does not hold."""


@click.group()
def credentials() -> None:
    """Signed certificates (Open Badges): the lab's keys, and what they signed."""


@credentials.command()
@click.option("--jwks", is_flag=True, help="Print the public keys as a JWK Set, to verify elsewhere.")
@click.pass_obj
def keys(load: Load, jwks: bool) -> None:
    """Show the lab's keys: which one signs, which still verify, which are distrusted."""
    with lab(load()):
        if jwks:
            click.echo(json.dumps(keeper.jwks(), indent=2))
            return
        known = keeper.all_keys()
        if not known:
            click.echo("There is no key yet; the first signed certificate makes one.")
        for one in known:
            click.echo(f"{one.kid}  made {one.created_at:%Y-%m-%d %H:%M}  {_state(one)}")


def _state(key: IssuerKey) -> str:
    if key.distrusted_at is not None:
        return f"distrusted since {key.distrusted_at:%Y-%m-%d %H:%M}: nothing it signed is valid"
    if key.retired_at is not None:
        return f"verifies; replaced {key.retired_at:%Y-%m-%d %H:%M}"
    return "signs"


@credentials.command()
@click.pass_obj
def rotate(load: Load) -> None:
    """Let a new key sign from now on; what earlier ones signed stays valid."""
    with lab(load()):
        made = keeper.rotate(system("cli"), clock.now())
        click.echo(f"{made.kid} signs from now on. What earlier keys signed stays valid.")


@credentials.command()
@click.argument("kid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def distrust(load: Load, kid: str, yes: bool) -> None:
    """Declare everything that the key KID ever signed invalid: its private part may have leaked."""
    if not yes:
        click.confirm(
            "Every certificate this key signed becomes invalid and must be downloaded anew. Go on?", abort=True
        )
    with lab(load()):
        found = keeper.distrust(system("cli"), kid, clock.now())
        click.echo(f"{found.kid} is distrusted. Holders download their badges anew; another key signs them.")


@credentials.command()
@click.argument("file", type=FILE)
@click.option(
    "--keys", "jwks", type=FILE, help="The lab's public keys (JWK Set) in a file; without, those of this lab."
)
@click.option("--status", "lists", type=FILE, multiple=True, help="A saved status list; may be given several times.")
@click.pass_obj
def verify(load: Load, file: Path, jwks: Path | None, lists: tuple[Path, ...]) -> None:
    """Verify a signed badge in FILE (a .jwt, or - for standard input).

    With --keys it needs neither the lab nor a network. Whether the badge was withdrawn stands in a status list: give
    the one you saved. Ends with 0 when the badge holds, with 1 when it does not.
    """
    if lists and jwks is None:
        raise click.UsageError("--status goes with --keys; without keys the lab itself is asked.")
    token, saved = _read(file), [_read(one) for one in lists]
    if jwks is None:
        with lab(load()):
            verdict = check(token, clock.now())
    else:
        verdict = verifying.verify(token, _key_set(jwks), clock.now(), lists=saved)
    _tell(verdict)


def _tell(verdict: verifying.Verdict) -> None:
    said = verdict.credential
    if said:
        issuer, subject = said.get("issuer"), said.get("credentialSubject")
        name = issuer.get("name", "") if isinstance(issuer, dict) else issuer
        holder = subject.get("id", "") if isinstance(subject, dict) else ""
        click.echo(f"{said.get('name', '')}, issued by {name}\nfrom {said.get('validFrom')}{_until(said)}\n{holder}")
    if not verdict.holds:
        raise NotValid(f"not valid: {verdict.sentence}.")
    if verdict.listed is None:
        click.echo(f"The signature and the dates are right. Whether it was withdrawn is not known: {verdict.unlisted}.")
    else:
        click.echo(f"Valid, and not withdrawn as of {verdict.listed:%Y-%m-%d %H:%M} UTC.")


def _until(said: Any) -> str:
    return f" until {said['validUntil']}" if "validUntil" in said else ", without end"


def _read(file: Path) -> str:
    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            return opened.read(1_000_000)
    except (OSError, UnicodeDecodeError) as error:
        raise NotValid(f"{file}: cannot be read ({error})") from None


def _key_set(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(file))
    except ValueError as error:
        raise NotValid(f"{file}: not a JWK Set ({error})") from None
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise NotValid(f"{file}: not a JWK Set (it has no list of keys)")
    return found
