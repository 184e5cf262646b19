"""The way out of a denial is a link to a page that exists."""

from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask

from fablab.app import create_app
from fablab.core.config import Config
from fablab.core.denials import Denial
from fablab.web.remedies import Remedy, next_trainings_from, remedy


@pytest.fixture
def pages(sqlite_config: Config) -> Flask:
    """The whole application: a link needs its page."""
    return create_app(sqlite_config)


@pytest.mark.parametrize(
    ("code", "params", "url"),
    [
        ("not_certified", {"certification_id": "3"}, "/certifications/3"),
        ("slot_taken", {"resource_id": "7"}, "/resources/7/waiting"),
        ("too_close", {"resource_id": "7"}, "/resources/7/waiting"),
        ("too_long", {"resource_id": "7"}, "/resources/7/rules"),
        ("outside_opening_hours", {"resource_id": "7"}, "/resources/7/rules"),
        ("needs_supervisor", {"resource_id": "7"}, "/resources/7/rules"),
        ("quota_exceeded", {}, "/reservations"),
        ("suspended", {}, "/reservations"),
        ("blocked", {}, "/find"),
        ("resource_out_of_service", {}, "/find"),
    ],
)
def test_it_leads_to_a_page(pages: Flask, code: str, params: dict[str, Any], url: str) -> None:
    with pages.test_request_context():
        found = remedy(Denial(code, params))
        assert found is not None
        assert found.text
        assert found.url == url


@pytest.mark.parametrize("code", ["person_disabled", "in_past", "slot_taken", "not_certified", "too_long"])
def test_there_is_none_where_nothing_is_named_or_only_the_staff_can_help(pages: Flask, code: str) -> None:
    with pages.test_request_context():
        assert remedy(Denial(code)) is None


def test_the_next_training_is_asked_for_what_would_do(pages: Flask) -> None:
    asked: list[list[int]] = []

    def find(certification_ids: Sequence[int]) -> Remedy | None:
        asked.append(list(certification_ids))
        return Remedy("Enrol", "/trainings/5", post="/trainings/5/enrol") if 4 in certification_ids else None

    next_trainings_from(pages, find)
    with pages.test_request_context():
        both = {"certification_id": "3", "alternatives": [{"certification_id": "4", "certification_name": {}}]}
        found = remedy(Denial("not_certified", both))
        assert found is not None
        assert (found.url, found.post) == ("/trainings/5", "/trainings/5/enrol")
        none = remedy(Denial("certification_expired", {"certification_id": "3"}))
        assert none is not None
        assert (none.url, none.post) == ("/certifications/3", "")
        remedy(Denial("certification_suspended", {"certification_id": "4"}))  # a training does not help
    assert asked == [[3, 4], [3]]
