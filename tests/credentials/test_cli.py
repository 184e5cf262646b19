"""`fablab credentials …`, as an administrator or anybody with a file types it."""

import json
import socket
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from fablab.cli import fablab
from fablab.core.config import Config
from fablab.core.errors import FablabError
from fablab.credentials import badges, keys
from tests.credentials.conftest import holder_and_grant
from tests.credentials.test_badges import STAFF, change


@pytest.fixture
def lab(sqlite_app: Flask, sqlite_config: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a lab whose configuration the commands find."""
    folder = sqlite_config.base_dir
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FABLAB_DATABASE__URL", sqlite_config.database_url)
    monkeypatch.setenv("FABLAB_WEB__BASE_URL", "https://lab.example.org")
    return folder


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(fablab, ["credentials", *words], input=given)


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def refused(result: Result) -> str:
    """The one sentence that `main` shows for it."""
    assert isinstance(result.exception, FablabError)
    return str(result.exception)


def test_keys_are_listed_replaced_and_distrusted(lab: Path, now: datetime) -> None:
    assert "no key yet" in said(run("keys"))
    first = said(run("rotate")).split()[0]
    second = said(run("rotate")).split()[0]
    lines = said(run("keys")).splitlines()
    assert (second in lines[0], "signs" in lines[0]) == (True, True)
    assert (first in lines[1], "verifies; replaced" in lines[1]) == (True, True)
    assert len(json.loads(said(run("keys", "--jwks")))["keys"]) == 2
    assert run("distrust", first, given="n\n").exit_code == 1
    assert "is distrusted" in said(run("distrust", first, given="y\n"))
    assert "distrusted since" in said(run("keys")).splitlines()[1]
    assert len(json.loads(said(run("keys", "--jwks")))["keys"]) == 1
    assert "already" in refused(run("distrust", first, "--yes"))
    assert "has no key" in refused(run("distrust", "nothing", "--yes"))


def test_the_lab_verifies_a_badge_with_the_reason(lab: Path, now: datetime) -> None:
    _holder, grant = holder_and_grant(now)
    Path("badge.jwt").write_text(badges.signed_badge(STAFF, grant.id, now))
    text = said(run("verify", "badge.jwt"))
    assert "Laser CO2, issued by Test Lab" in text
    assert "Valid, and not withdrawn as of" in text
    assert "Valid" in said(run("verify", "-", given=Path("badge.jwt").read_text()))
    change(grant, revoked_at=now)
    assert refused(run("verify", "badge.jwt")).startswith(f"not valid: it was withdrawn on {now:%Y-%m-%d}")


def test_anybody_verifies_with_saved_files_and_nothing_else(
    lab: Path, now: datetime, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _holder, grant = holder_and_grant(now)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "badge.jwt").write_text(badges.signed_badge(STAFF, grant.id, now) + "\n")
    (elsewhere / "keys.json").write_text(json.dumps(keys.jwks()))
    (elsewhere / "good.jwt").write_text(badges.status_list(1, now))
    change(grant, suspended_at=now)
    (elsewhere / "bad.jwt").write_text(badges.status_list(1, now))
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("FABLAB_DATABASE__URL", "sqlite:////nowhere/at/all.db")
    monkeypatch.setattr(socket, "socket", None)
    offline = ("verify", "badge.jwt", "--keys", "keys.json")
    assert "Whether it was withdrawn is not known" in said(run(*offline))
    assert "not withdrawn as of" in said(run(*offline, "--status", "good.jwt"))
    assert "withdrawn, lapsed or suspended" in refused(run(*offline, "--status", "good.jwt", "--status", "bad.jwt"))
    (elsewhere / "keys.json").write_text('{"keys": []}')
    assert "forged, or distrusted since" in refused(run(*offline))


def test_wrong_files_are_said(lab: Path) -> None:
    Path("x.jwt").write_bytes(b"\xff\xfe")
    Path("y.jwt").write_text("no badge")
    Path("z.json").write_text("[]")
    assert "cannot be read" in refused(run("verify", "x.jwt"))
    assert "cannot be read" in refused(run("verify", "nothing.jwt"))
    assert "no signed badge" in refused(run("verify", "y.jwt"))
    assert "not a JWK Set" in refused(run("verify", "y.jwt", "--keys", "z.json"))
    assert "not a JWK Set" in refused(run("verify", "y.jwt", "--keys", "y.jwt"))
    assert run("verify", "y.jwt", "--status", "y.jwt").exit_code == 2
