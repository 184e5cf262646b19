"""The templates as files: each is used, none carries scripts or styles of its own, all parse."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

from tests.meta.tree import ROOT, files

FOLDER = ROOT / "templates"
TEMPLATES = [path.relative_to(FOLDER).as_posix() for path in files("templates/*")]
FROM_LIBRARIES = ("security/",)
"""Folders whose templates a library opens by name."""

INLINE = {
    "a script of its own": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE),
    "a style of its own": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "a handler in an attribute": re.compile(r"\son[a-z]+\s*=|\shx-on", re.IGNORECASE),
    "something from elsewhere": re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"'](?:https?:)?//", re.I),
    "unescaped text": re.compile(r"\|\s*safe\b"),
}
STATEMENT = re.compile(r"{%.*?%}", re.DOTALL)
DATA_BLOCK = re.compile(r"<script[^>]*type=[\"']application/json[\"'][^>]*>", re.IGNORECASE)


def html(name: str) -> str:
    """A template's markup: without its statements and the data that it hands to scripts."""
    return STATEMENT.sub("", DATA_BLOCK.sub("", (FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_markup_only(name: str) -> None:
    found = [what for what, pattern in INLINE.items() if pattern.search(html(name))]
    assert not found


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_parses(name: str) -> None:
    Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse((FOLDER / name).read_text(encoding="utf-8"))


def test_every_template_is_used() -> None:
    sources = [path for path in files("fablab/*.py", "firmware_bridge/*.py", "templates/*") if path.is_file()]
    texts = {path: path.read_text(encoding="utf-8") for path in sources}
    unused = [name for name in TEMPLATES if not name.startswith(FROM_LIBRARIES) and not is_named(name, texts)]
    assert not unused


def is_named(name: str, texts: dict[Path, str]) -> bool:
    """Whether another file names the template; mails go by their name without ending, errors by their status."""
    own = FOLDER / name
    wanted = {name, name.split(".")[0] if name.startswith("mail/") else name}
    if name.startswith("errors/"):
        wanted.add("errors/{")
    return any(word in text for path, text in texts.items() if path != own for word in wanted)
