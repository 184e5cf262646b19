"""The commands about people, each as somebody types it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fablab.cli import fablab
from fablab.core.app import lab
from fablab.core.config import load_config
from fablab.core.db import db
from fablab.core.errors import FablabError
from fablab.people import signin
from fablab.people.models import Badge, Person
from tests.people.test_signin import NOW, PASSWORD


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lab" / "config.toml"


def run(file: Path, *arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(fablab, ["--config", str(file), *arguments], input=given)


def begin(file: Path) -> Result:
    return run(file, "init", "--email", "Grace@example.org", "--password-stdin", given=PASSWORD + "\n")


def test_init_makes_a_lab_with_an_administrator(file: Path) -> None:
    assert begin(file).exit_code == 0
    config = load_config(file)
    key = config.path(config.web.secret_key_file)
    assert oct(key.stat().st_mode & 0o777) == "0o600"
    with lab(config):
        assert signin.sign_in("grace@example.org", PASSWORD, "::1", NOW) is not None


def test_init_again_keeps_everything(file: Path) -> None:
    begin(file)
    before = file.read_text(), load_config(file).secret_key
    again = begin(file)
    assert again.exit_code == 0
    assert "already" in again.output
    assert (file.read_text(), load_config(file).secret_key) == before


def test_init_refuses_a_weak_password(file: Path) -> None:
    made = run(file, "init", "--email", "grace@example.org", "--password-stdin", given="short\n")
    assert isinstance(made.exception, FablabError)


def test_people_badges_and_tokens(file: Path) -> None:
    begin(file)
    ident = run(
        file, "person", "add", "Ada", "--email", "ada@example.org", "--member-until", "2026-12-31"
    ).output.strip()
    assert ident.isdigit()
    assert "2026-12-31" in run(file, "person", "list", "--search", "ada").output
    assert run(file, "badge", "add", "ada@example.org", "04:a1:b2:c3", "--label", "blue").exit_code == 0
    assert run(file, "badge", "revoke", "04A1B2C3", "--reason", "lost").exit_code == 0
    text = run(file, "token", "create", ident, "sign of the door", "--scope", "book").output.strip()
    assert text.startswith("fablab_")
    listed = run(file, "token", "list").output
    assert "sign of the door" in listed
    assert text not in listed
    assert run(file, "token", "revoke", "1").exit_code == 0
    assert "withdrawn" in run(file, "token", "list").output
    assert run(file, "person", "disable", ident).exit_code == 0
    with lab(load_config(file)):
        assert not db.session.get_one(Person, int(ident)).active
        badge = db.session.query(Badge).one()
        assert badge.revoked_reason == "lost"
        assert "04A1B2C3" not in badge.uid_hash


@pytest.mark.parametrize(
    "arguments",
    [
        ("person", "add", "Ada", "--email", "no address"),
        ("person", "disable", "99"),
        ("person", "disable", "nobody@example.org"),
        ("person", "disable", "grace@example.org"),
        ("badge", "add", "1", "not hex"),
        ("badge", "revoke", "04A1B2C3", "--reason", "lost"),
        ("token", "revoke", "99"),
    ],
)
def test_what_cannot_be_done_is_a_refusal(file: Path, arguments: tuple[str, ...]) -> None:
    begin(file)
    assert isinstance(run(file, *arguments).exception, FablabError)


def test_db_commands(file: Path) -> None:
    begin(file)
    assert "needed" in run(file, "db", "current").output
    assert run(file, "db", "downgrade", "base", "--yes").exit_code == 0
    assert run(file, "db", "current").output.startswith("none")
    assert run(file, "db", "upgrade").exit_code == 0


def test_nothing_is_written_beside_the_configuration(file: Path, tmp_path: Path) -> None:
    begin(file)
    assert sorted(os.listdir(tmp_path)) == ["lab"]
