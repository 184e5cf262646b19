"""The menu offers a page to whom the page itself is open, and nothing to visitors."""

from collections.abc import Callable

import pytest
from flask import Flask, g

from fablab.core.actor import Actor, Role
from fablab.web import navigation
from fablab.web.access import access

Paths = Callable[[Role | None, str], list[str]]


@pytest.fixture
def paths(app: Flask) -> Paths:
    """The paths of the menu for a role, asked from a page."""
    app.config["TESTING"] = True

    def ask(role: Role | None, page: str) -> list[str]:
        with app.test_request_context(page):
            g.actor = None if role is None else Actor(person_id=1, role=role, via="web")
            return [entry.path for entry in navigation.entries() if page == "/" or entry.here]

    return ask


def test_a_visitor_is_offered_nothing(paths: Paths) -> None:
    assert paths(None, "/") == []


def test_makers_are_offered_the_wall(paths: Paths) -> None:
    assert "/wall" in paths(Role.MAKER, "/")


def test_staff_are_offered_at_least_what_makers_are(paths: Paths) -> None:
    offered = [set(paths(role, "/")) for role in Role]
    assert offered == sorted(offered, key=len)
    assert all(less <= more for less, more in zip(offered, offered[1:], strict=False))


def test_the_entry_of_the_page_one_is_on_is_marked(paths: Paths) -> None:
    assert paths(Role.MAKER, "/wall") == ["/wall"]


def test_an_entry_follows_what_its_page_declares(app: Flask, monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    monkeypatch.setattr(navigation, "ENTRIES", (("/only-managers", "Only managers", "tool", Role.MAKER),))

    @access(Role.MANAGER)
    def page() -> str:
        return ""

    app.add_url_rule("/only-managers", "only_managers", page)
    assert paths(Role.INSTRUCTOR, "/") == []
    assert paths(Role.MANAGER, "/") == ["/only-managers"]
