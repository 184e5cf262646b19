"""Nonsense in an address is ignored or refused with words; it never breaks a page."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core.actor import Role
from tests.factories import make_machine, make_person
from tests.meta.tree import ROOT
from tests.web_helpers import sign_in

NONSENSE = ("9" * 30, "-1", "²", "x'\"<%", "٣", "\x00", "2026-13-45", "99:99", "ä" * 300)
ASKED = re.compile(r'request\.args(?:\.get|\.getlist)?[(\[]"(\w+)"|(?<=\()"(\w+)"(?=[,)])|(?<=, )"(\w+)"(?=[,)])')


def names() -> list[str]:
    """Every word that a page's module might ask an address for; too many do no harm."""
    found: set[str] = set()
    for path in (ROOT / "fablab").glob("*/*.py"):
        text = path.read_text(encoding="utf-8")
        if "request.args" in text:
            found |= {word for match in ASKED.findall(text) for word in match if word}
    return sorted(found)


def pages(app: Flask) -> list[str]:
    """The pages whose address needs nothing."""
    rules = app.url_map.iter_rules()
    skipped = ("/static", "/api/", "/events", "/wall/events")
    return sorted({one.rule for one in rules if "GET" in (one.methods or ()) and not one.arguments} - set(skipped))


@pytest.mark.parametrize("value", NONSENSE)
def test_no_page_breaks(app: Flask, client: FlaskClient, value: str) -> None:
    make_machine()
    sign_in(client, make_person(role=Role.ADMINISTRATOR, password="a hash"))
    asked = dict.fromkeys(names(), value)
    assert {"q", "page", "place", "resource", "day"} <= set(asked)
    broken = []
    for path in pages(app):
        if "events" in path or "stream" in path:
            continue  # they never end
        answer = client.get(path, query_string=asked)
        if answer.status_code >= 500:
            broken.append((path, answer.status_code))
    assert broken == []
