"""Whatever the OpenAPI document allows or forbids: no answer is a fault of ours, and each is one it names."""

from collections.abc import Iterator

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from fablab.app import create_app
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.core.db import db
from fablab.people import tokens
from tests.conftest import forget_the_request_before
from tests.factories import make_actor, make_person

pytestmark = pytest.mark.slow
STREAMS = "/api/v1/events"
"""It never ends by itself."""


@pytest.fixture
def lab_app(sqlite_config: Config) -> Iterator[Flask]:
    """The application on SQLite, within its context."""
    application = create_app(sqlite_config)
    application.before_request_funcs.setdefault(None, []).insert(0, forget_the_request_before)
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()


def test_no_answer_is_a_fault_of_ours(lab_app: Flask) -> None:
    person = make_person(role=Role.ADMINISTRATOR)
    make_person(role=Role.ADMINISTRATOR)
    _, text = tokens.create(make_actor(person), person.id, "test", ["admin"], None, clock.now())
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", lab_app).exclude(path=STREAMS)

    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # an Err is a fault of the document: the test fails

        @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {text}"}, checks=[not_a_server_error])

        ask()
