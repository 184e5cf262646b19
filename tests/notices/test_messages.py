"""Every message in every language, without leftovers; its fields survive being kept."""

import re
from html.parser import HTMLParser

import pytest
from flask import Flask

from fablab.core.config import LANGUAGES
from fablab.notices.links import absolute
from fablab.notices.messages import BY_NAME, MESSAGES, Message, from_params, to_params
from fablab.notices.rendering import Rendered, render
from tests.notices.examples import EXAMPLES, HOSTILE

NAME = "Zoë <b>Ångström</b>"
LEFTOVERS = re.compile(
    r"\{\{ (?!7\*7)|\{%|%\((?!name\)s)|\bNone\b|Undefined|\bTrue\b|\bFalse\b|datetime|  |\bm\.|LazyString"
)

EVERY = pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: f"{one.name()}-{EXAMPLES.index(one)}")
IN_EVERY_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


class Page(HTMLParser):
    """Reads HTML: its text, tags in balance, what would be fetched."""

    EMPTY = frozenset({"meta", "hr", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "title" not in self.open:
            self.words.append(" ".join(data.split()))


def test_there_is_an_example_of_every_message() -> None:
    assert {type(example) for example in EXAMPLES} == set(MESSAGES) == set(BY_NAME.values())
    assert len(BY_NAME) == len(MESSAGES)


@EVERY
def test_the_fields_survive_being_kept(message: Message) -> None:
    assert from_params(message.name(), to_params(message)) == message


@EVERY
def test_the_key_fits_and_the_link_is_one_of_the_labs(message: Message) -> None:
    assert 0 < len(message.key) <= 120
    assert message.path.startswith("/")


@IN_EVERY_LANGUAGE
@EVERY
def test_the_words_are_whole(words_app: Flask, message: Message, language: str) -> None:
    words = render(message, language, NAME)
    for text in (words.subject, words.text, " ".join(Page(words.html).words)):
        assert not LEFTOVERS.search(text)
        assert text.strip()
    assert "\n" not in words.subject
    assert not words.subject.endswith((".", ":", ","))
    assert len(words.subject) <= 160
    assert "\n\n\n" not in words.text
    assert words.text.count(absolute(message.path)) >= 1
    assert words.text.splitlines()[-1].endswith("/account/notices")


@IN_EVERY_LANGUAGE
@EVERY
def test_the_html_is_plain_and_fetches_nothing(words_app: Flask, message: Message, language: str) -> None:
    html = render(message, language, NAME).html
    page = Page(html)
    assert not page.tags & {"img", "script", "style", "link", "iframe", "form", "b", "b&a"}
    assert not page.attributes & {"src", "style", "background", "onclick"}
    assert all(link.startswith("https://lab.example.org/") for link in page.links)
    assert f'<html lang="{language}">' in html


@EVERY
def test_text_and_html_say_the_same(words_app: Flask, message: Message) -> None:
    words = render(message, "en", NAME)
    said = " ".join(words.text.split())
    for piece in Page(words.html).words:
        assert piece.removesuffix(":") in said, piece


def test_times_are_in_the_labs_zone_and_the_persons_language(words_app: Flask) -> None:
    def when(language: str) -> str:
        return next(line for line in render(EXAMPLES[0], language).text.splitlines() if "2026" in line)

    assert "Friday 6 March 2026, 14:00–16:00" in when("en")
    assert "vendredi 6 mars 2026, 14:00–16:00" in when("fr")
    assert "петък 6 март 2026, 14:00–16:00" in when("bg")


def test_names_are_in_the_persons_language(words_app: Flask) -> None:
    subjects: dict[str, Rendered] = {language: render(EXAMPLES[0], language) for language in LANGUAGES}
    assert "Découpe laser" in subjects["fr"].subject
    assert "Лазер" in subjects["bg"].subject


def test_texts_of_people_stay_texts(words_app: Flask) -> None:
    for message in EXAMPLES:
        words = render(message, "en", NAME)
        assert "<script" not in words.html
        assert "49" not in words.html.replace("1449", "")
        assert "\r" not in words.subject
    assert "{{ 7*7 }}" in HOSTILE
