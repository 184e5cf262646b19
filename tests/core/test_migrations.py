"""The schema: up, down and up again on both databases, with data in it, and equal to the models."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from fablab.core import schema
from fablab.core.app import PACKAGE
from fablab.core.db import Base, db, is_postgresql
from tests import factories as make


def tables() -> set[str]:
    db.session.remove()
    return set(inspect(db.engine).get_table_names())


def test_the_newest_version_equals_the_models(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_up_down_and_up_again_with_data_in_it(app: Flask) -> None:
    person, machine = make.make_person(), make.make_machine()
    make.make_reservation(person, [machine], make.NOW, make.NOW.replace(hour=9))
    full = tables()
    schema.downgrade("base")
    assert tables() == {"alembic_version"}
    assert schema.current() is None
    schema.upgrade()
    assert tables() == full
    assert schema.current() == schema.head()


def test_the_overlap_guard_is_there_after_an_upgrade(app: Flask) -> None:
    query = (
        "SELECT conname FROM pg_constraint WHERE contype = 'x'"
        if is_postgresql()
        else "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    )
    found = set(db.session.scalars(text(query)))
    assert found == (
        {"allocation_overlap"} if is_postgresql() else {"allocation_overlap_insert", "allocation_overlap_update"}
    )


def test_closed_sets_of_words_are_held_by_the_database(app: Flask) -> None:
    person = make.make_person()
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text("UPDATE person SET role = 'king' WHERE id = :id"), {"id": person.id})


def test_an_empty_database_says_what_to_do(app: Flask) -> None:
    schema.downgrade("base")
    with pytest.raises(schema.SchemaError, match="fablab db upgrade"):
        schema.check()


def test_a_database_of_a_newer_version_is_left_alone(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (schema.check, schema.upgrade, schema.downgrade):
        with pytest.raises(schema.SchemaError, match="newer Fablab"):
            act()
    assert schema.current() == "9999"


def test_migrations_are_numbered_in_one_line_and_HEAD_names_the_last() -> None:
    names = sorted(file.stem for file in (PACKAGE / "migrations" / "versions").glob("*.py"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert Path(PACKAGE / "migrations" / "HEAD").read_text().strip() == names[-1]
