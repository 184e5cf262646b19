"""Importing past trainings by page and by command: look first, then confirm; nothing by halves."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from fablab.certifications.import_rules import MOST_BYTES
from fablab.certifications.models import Grant
from fablab.certifications.routes_importing import _packed, _unpacked
from fablab.cli import fablab
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db
from tests.factories import make_certification, make_person
from tests.web_helpers import post, sign_in

GOOD = b"person;certification;date\nada@example.org;Laser;31.03.2025\n"
BAD = GOOD + b"nobody@example.org;Laser;31.03.2025\n"


@pytest.fixture
def office(client: FlaskClient) -> FlaskClient:
    """The browser of a manager, in a lab with Ada and a laser."""
    make_person(name="Ada Lovelace", email="ada@example.org")
    make_certification("Laser")
    return sign_in(client, make_person(role=Role.MANAGER))


def upload(office: FlaskClient, content: bytes) -> TestResponse:
    return post(office, "/certifications/import", {"file": (io.BytesIO(content), "trainings.csv")})


def confirm(office: FlaskClient, packed: str) -> TestResponse:
    address = "/certifications/import/confirm"
    return post(office, address, {"packed": packed}, page="/certifications/import")


def count() -> int:
    return db.session.scalar(select(func.count(Grant.id))) or 0


def test_the_page_says_what_the_file_looks_like(office: FlaskClient) -> None:
    assert "31.03.2025" in office.get("/certifications/import").text
    assert 'href="/certifications/import"' in office.get("/certifications").text


def test_looking_changes_nothing_and_confirming_notes_all_once(office: FlaskClient) -> None:
    looked = upload(office, GOOD)
    assert looked.status_code == 200
    assert "1 certification would be noted" in looked.text
    assert "Ada Lovelace" in looked.text
    assert count() == 0
    for known in (0, 1):
        done = confirm(office, _packed(GOOD))
        assert done.status_code == 303
        assert count() == 1
        assert ("known already" in office.get(done.location).text) is bool(known)
    assert "adds nothing" in upload(office, GOOD).text


def test_each_bad_line_is_named_and_there_is_no_way_on(office: FlaskClient) -> None:
    looked = upload(office, BAD)
    assert "Line 3" in looked.text
    assert "nobody@example.org" in looked.text
    assert "/certifications/import/confirm" not in looked.text
    assert confirm(office, _packed(BAD)).status_code == 409
    assert count() == 0


@pytest.mark.parametrize("packed", ["", "!", "AAAA", "x" * 50])
def test_what_is_no_file_of_ours_is_asked_for_again(office: FlaskClient, packed: str) -> None:
    assert confirm(office, packed).status_code == 422
    assert upload(office, b"").status_code == 422


def test_a_packed_file_unpacks_to_no_more_than_a_file_may_have() -> None:
    assert len(_unpacked(_packed(b"x" * (MOST_BYTES * 3)))) == MOST_BYTES + 1


def run(file: Path, *more: str) -> Result:
    return CliRunner().invoke(fablab, ["import", "grants", str(file), *more])


@pytest.fixture
def command(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file for the command, and the lab that it finds, with Ada and a laser."""
    monkeypatch.chdir(config.base_dir)
    monkeypatch.setenv("FABLAB_DATABASE__URL", config.database_url)
    make_person(name="Ada Lovelace", email="ada@example.org")
    make_certification("Laser")
    return config.base_dir / "trainings.csv"


def test_the_command_shows_first_then_notes(command: Path) -> None:
    command.write_bytes(GOOD)
    looked = run(command, "--dry-run")
    assert looked.exit_code == 0, looked.output
    assert "line 2: Ada Lovelace" in looked.output
    assert count() == 0
    db.session.rollback()
    done = run(command)
    assert "1 certification is noted." in done.output
    assert count() == 1


def test_the_command_names_each_bad_line_and_fails(command: Path) -> None:
    command.write_bytes(BAD)
    for more in ((), ("--dry-run",)):
        found = run(command, *more)
        assert found.exit_code == 1
        assert "line 3: Nobody is called" in found.output
        assert str(found.exception) == "1 line is wrong; nothing was imported."
    assert count() == 0
