"""Commands: `fablab init`, `db`, `person`, `badge`, `token`: the lab's database, its people and their keys."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import click

from fablab.core import clock, schema
from fablab.core.actor import Role, system
from fablab.core.app import lab
from fablab.core.config import DEFAULT_FILE, Config, load_config
from fablab.core.example import example
from fablab.people import badges, service, setup, tokens

Load = Callable[[], Config]
ROLES = click.Choice([role.value for role in Role])


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@click.command()
@click.option("--email", required=True, help="The first administrator's address.")
@click.option("--name", default="Administrator", show_default=True, help="The first administrator's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@click.pass_context
def init(context: click.Context, email: str, name: str, password_stdin: bool) -> None:
    """Begin a lab: a commented configuration, a secret key, the database, the first administrator.

    What is there already is kept, so it may be run again.
    """
    file: Path = context.find_root().params.get("file") or DEFAULT_FILE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o640)
        file.write_text(example(), encoding="utf-8")
        click.echo(f"{file}: written.")
    config = load_config(file)
    write_secret_key(config)
    with lab(config):
        schema.upgrade()
        if not setup.is_needed():
            click.echo("There is an administrator already.")
            return
        values = {"name": name, "email": email, "role": Role.ADMINISTRATOR}
        service.add(system("cli"), values, clock.now(), password=_password(password_stdin))
        click.echo(f"{email} is the first administrator. Start the lab with `fablab up`.")


def write_secret_key(config: Config) -> None:
    """A new secret key, readable for the lab's own account alone, unless there is one."""
    file = config.path(config.web.secret_key_file)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48), encoding="ascii")
        click.echo(f"{file}: written. Keep a copy: without it no badge is known any more.")


@click.group()
def db() -> None:
    """The database's tables: bring them to this version, take them back, look."""


@db.command("upgrade")
@click.pass_obj
def upgrade(load: Load) -> None:
    """Bring the database to the version that this program needs."""
    with lab(load()):
        schema.upgrade()
        click.echo(f"The database has version {schema.current()}.")


@db.command("downgrade")
@click.argument("revision", default="-1")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def downgrade(load: Load, revision: str, yes: bool) -> None:
    """Take the database back one version, or to REVISION. Data of dropped tables is lost."""
    if not yes:
        click.confirm("Data of dropped tables is lost. Go on?", abort=True, err=True)
    with lab(load()):
        schema.downgrade(revision)
        click.echo(f"The database has version {schema.current() or 'none'}.")


@db.command("current")
@click.pass_obj
def current(load: Load) -> None:
    """Show the database's version and the one this program needs."""
    with lab(load()):
        click.echo(f"{schema.current() or 'none'} (needed: {schema.head()})")


@click.group()
def person() -> None:
    """People of the lab."""


@person.command("add")
@click.argument("name")
@click.option("--email", help="Address to sign in with.")
@click.option("--role", type=ROLES, default=Role.MAKER.value, show_default=True)
@click.option("--language", help="One of the lab's languages.")
@click.option("--member-until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the membership.")
@click.option("--organisation", default="", help="Where the person comes from.")
@click.option("--password", "ask", is_flag=True, help="Ask for a password.")
@click.option("--password-stdin", is_flag=True, help="Read a password from standard input.")
@click.pass_obj
def add_person(
    load: Load,
    name: str,
    email: str | None,
    role: str,
    language: str | None,
    member_until: date | None,
    organisation: str,
    ask: bool,
    password_stdin: bool,
) -> None:
    """Add somebody called NAME; prints the new id."""
    values: dict[str, object] = {"name": name, "email": email, "role": role, "organisation": organisation}
    if language:
        values["language"] = language
    if member_until:
        values["member_until"] = date(member_until.year, member_until.month, member_until.day)
    with lab(load()):
        password = _password(password_stdin) if ask or password_stdin else None
        click.echo(service.add(system("cli"), values, clock.now(), password=password).id)


@person.command("list")
@click.option("--search", default="", help="Words in name, address or organisation.")
@click.option("--role", type=ROLES)
@click.pass_obj
def list_people(load: Load, search: str, role: str | None) -> None:
    """Show the people of the lab."""
    config = load()
    with lab(config):
        today = clock.now().astimezone(config.lab.zone).date()
        query = service.people_query(search=search, role=Role(role) if role else None, today=today)
        number: int | None = 1
        while number is not None:
            page = service.page_of_people(query, number)
            for one in page.people:
                until = "no end" if one.member_until is None else str(one.member_until)
                state = until if one.active else "disabled"
                click.echo(f"{one.id:5} {one.role.value:14} {state:11} {one.email or '-':32} {one.name}")
            number = page.older


@person.command("disable")
@click.argument("who", metavar="ID|EMAIL")
@click.pass_obj
def disable_person(load: Load, who: str) -> None:
    """No signing in and no machine from now on."""
    with lab(load()):
        found = service.disable(system("cli"), _person_id(who), clock.now())
        click.echo(f"{found.name} is disabled.")


@click.group()
def badge() -> None:
    """Badges of people."""


@badge.command("add")
@click.argument("who", metavar="ID|EMAIL")
@click.argument("uid", metavar="NUMBER")
@click.option("--label", default="", help="What it looks like.")
@click.pass_obj
def add_badge(load: Load, who: str, uid: str, label: str) -> None:
    """Give a badge by its NUMBER in hex; prints the new badge's id."""
    with lab(load()):
        click.echo(badges.add(system("cli"), _person_id(who), uid, label, clock.now()).id)


@badge.command("revoke")
@click.argument("uid", metavar="NUMBER")
@click.option("--reason", required=True, help="Why, such as lost.")
@click.pass_obj
def revoke_badge(load: Load, uid: str, reason: str) -> None:
    """Withdraw the badge with this NUMBER, at once and for good."""
    with lab(load()):
        badges.revoke(system("cli"), badges.badge_by_uid(uid).id, reason, clock.now())
        click.echo("The badge is withdrawn.")


@click.group()
def token() -> None:
    """Keys for programs."""


@token.command("create")
@click.argument("who", metavar="ID|EMAIL")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, default=("read",), type=click.Choice(list(tokens.SCOPES)))
@click.option("--days", type=click.IntRange(1, 3650), help="How long it works; without: no end.")
@click.pass_obj
def create_token(load: Load, who: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token called NAME for somebody; it is printed once and never shown again."""
    now = clock.now()
    with lab(load()):
        until = None if days is None else now + timedelta(days=days)
        _made, text = tokens.create(system("cli"), _person_id(who), name, scopes, until, now)
        click.echo(text)


@token.command("list")
@click.pass_obj
def list_tokens(load: Load) -> None:
    """Show all tokens, without their text."""
    with lab(load()):
        for one in tokens.all_tokens():
            until = "no end" if one.expires_at is None else f"{one.expires_at:%Y-%m-%d}"
            state = until if one.revoked_at is None else "withdrawn"
            click.echo(f"{one.id:5} {state:11} {','.join(one.scopes):18} {one.person.name:24} {one.name}")


@token.command("revoke")
@click.argument("token_id", type=int, metavar="ID")
@click.pass_obj
def revoke_token(load: Load, token_id: int) -> None:
    """Withdraw a token at once."""
    with lab(load()):
        found = tokens.revoke(system("cli"), token_id, clock.now())
        click.echo(f"The token {found.name} is withdrawn.")


def _person_id(who: str) -> int:
    return int(who) if who.isascii() and who.isdigit() else service.person_by_email(who).id


COMMANDS = (init, db, person, badge, token)
