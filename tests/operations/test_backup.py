"""A lab backed up while it runs and read back, on the same and on the other database."""

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from fablab.core import audit, events
from fablab.core.actor import system
from fablab.core.app import create_core_app
from fablab.core.config import Config, load_config
from fablab.core.db import Base, db, transaction
from fablab.devices.models import Journal
from fablab.operations import backup
from fablab.operations.backup import BackupError
from tests import factories as make
from tests import postgres
from tests.conftest import SECRET, make_config

HOUR = timedelta(hours=1)


def fill() -> None:
    root = make.make_place("Lab")
    inner = make.make_place("Room", parent_id=root.id)
    outer = make.make_place("Building")
    with transaction():
        root.parent_id = outer.id  # a parent with a higher id than its child
    person, machine = make.make_person(), make.make_machine(place_id=inner.id)
    make.make_grant(person, make.make_certification())
    for hour in range(5):
        make.make_reservation(person, [machine], make.NOW + hour * HOUR, make.NOW + (hour + 1) * HOUR)
    device = make.make_device(machine)
    make.save(Journal(device_id=device.id, received_at=make.NOW, topic="tele/x/LWT", payload=b"\x00\xffOnline"))
    with transaction():
        events.append("resource.status", make.NOW, resource_id=str(machine.id))
        audit.record(system("cli"), "resource.changed", machine, make.NOW, before=None, after={"état": "été"})


def everything() -> dict[str, list[tuple[object, ...]]]:
    db.session.remove()
    with db.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


@contextmanager
def another_lab(config: Config) -> Iterator[None]:
    with create_core_app(config).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """An empty lab on the other kind of database than a test's own, or on the same, as asked."""
    folder = tmp_path / "target"
    if request.param == "sqlite":
        yield make_config(folder, database={"url": f"sqlite:///{folder}/var/lab.db"})
        return
    databases: postgres.Databases = request.getfixturevalue("postgres_databases")
    url = databases.empty()
    yield make_config(folder, database={"url": url})
    databases.drop(url)


both = pytest.mark.parametrize(
    "target", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@both
def test_a_restored_lab_is_the_same_lab_and_goes_on(app: Flask, config: Config, target: Config, tmp_path: Path) -> None:
    fill()
    (tmp_path / "var/photos").mkdir()
    (tmp_path / "var/photos/laser.jpg").write_bytes(b"picture")
    before = everything()
    counts = backup.backup(config, tmp_path / "lab.zip")
    assert counts == {name: len(rows) for name, rows in before.items()}
    (target.base_dir / "var/secret_key").write_text("another key that will be replaced by the restored one")
    with another_lab(target):
        assert backup.restore(target, tmp_path / "lab.zip") == counts
        assert everything() == before
        assert audit.verify() is None
        make.make_person()  # ids go on behind the restored ones
        newest = events.newest_id()
        with transaction():
            events.append("resource.status", make.NOW)
        assert events.newest_id() > newest
    assert (target.base_dir / "var/secret_key").read_text() == SECRET
    assert (target.base_dir / "var/photos/laser.jpg").read_bytes() == b"picture"


def test_a_backup_is_for_its_owner_only(app: Flask, config: Config, tmp_path: Path) -> None:
    backup.backup(config, tmp_path / "lab.zip")
    assert (tmp_path / "lab.zip").stat().st_mode & 0o077 == 0


def test_a_backup_taken_while_people_book_is_of_one_instant(app: Flask, config: Config, tmp_path: Path) -> None:
    booked, enough = threading.Event(), threading.Event()

    def keep_booking() -> None:
        with app.app_context():
            person, machine = make.make_person(), make.make_machine()
            for hour in range(10_000):
                make.make_reservation(person, [machine], make.NOW + hour * HOUR, make.NOW + (hour + 1) * HOUR)
                booked.set()
                if enough.is_set():
                    break
            db.session.remove()

    writer = threading.Thread(target=keep_booking)
    writer.start()
    assert booked.wait(10)
    counts = [backup.backup(config, tmp_path / f"lab{number}.zip") for number in range(5)]
    enough.set()
    writer.join()
    assert all(one["reservation"] == one["allocation"] for one in counts)
    assert [one["reservation"] for one in counts] == sorted(one["reservation"] for one in counts)
    assert counts[0]["reservation"] > 0


def test_a_backup_never_replaces_a_file(app: Flask, config: Config, tmp_path: Path) -> None:
    (tmp_path / "lab.zip").write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        backup.backup(config, tmp_path / "lab.zip")
    assert (tmp_path / "lab.zip").read_text() == "precious"


def test_a_lab_with_data_is_never_overwritten(app: Flask, config: Config, tmp_path: Path) -> None:
    fill()
    backup.backup(config, tmp_path / "lab.zip")
    before = everything()
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(config, tmp_path / "lab.zip")
    assert everything() == before


def rewrite(source: Path, target: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda good, bad: bad.write_bytes(good.read_bytes()[:200]), "cannot be read", id="cut off"),
        pytest.param(lambda good, bad: bad.write_text("no zip"), "cannot be read", id="no zip"),
        pytest.param(lambda good, bad: None, "cannot be read", id="no file"),
        pytest.param(lambda good, bad: rewrite(good, bad, "manifest.json", b"{}"), "format", id="no manifest"),
        pytest.param(
            lambda good, bad: rewrite(
                good, bad, "manifest.json", json.dumps({"format": 1, "schema": "9999", "rows": {}}).encode()
            ),
            "schema version 9999",
            id="of another version",
        ),
        pytest.param(lambda good, bad: rewrite(good, bad, "tables/place.jsonl", b""), "rows", id="a table emptied"),
    ],
)
def test_a_bad_backup_changes_nothing(app: Flask, config: Config, tmp_path: Path, spoil: object, message: str) -> None:
    make.make_place()
    backup.backup(config, tmp_path / "good.zip")
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM place"))
    assert callable(spoil)
    spoil(tmp_path / "good.zip", tmp_path / "bad.zip")
    with pytest.raises(BackupError, match=message):
        backup.restore(config, tmp_path / "bad.zip")
    assert all(not rows for rows in everything().values())


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fablab", "--config", str(folder / "config.toml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, check=False)


def test_an_empty_machine_is_restored_with_one_command(sqlite_config: Config, tmp_path: Path) -> None:
    with another_lab(sqlite_config):
        fill()
        before = everything()
        backup.backup(sqlite_config, tmp_path / "lab.zip")
    machine = tmp_path / "machine"
    machine.mkdir()
    (machine / "config.toml").write_text("")
    done = run(machine, "restore", str(tmp_path / "lab.zip"))
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert (machine / "var/secret_key").stat().st_mode & 0o077 == 0
    with another_lab(load_config(machine / "config.toml")):
        assert everything() == before
    again = run(machine, "restore", str(tmp_path / "lab.zip"))
    assert again.returncode == 1
    assert again.stderr.strip().endswith("restore into an empty one")
    assert len(again.stderr.strip().splitlines()) == 1
