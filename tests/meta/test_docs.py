"""The docs say what is: commands exist, links lead somewhere, examples run."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fablab.cli import fablab
from fablab.devices.readings import BadMessage, Message
from firmware_bridge.decoders import BY_NAME, DECODERS, Decoder
from tests.meta.tree import ROOT, files

PAGES = files("README.md", "docs/*.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
LONG_RUNNING = {"up", "web", "bridge", "jobs", "demo", "simulate", "record"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands_in(page: Path, program: str) -> list[str]:
    """What a page tells people to type: lines of its code blocks and inline code that begin with `program`."""
    text = page.read_text(encoding="utf-8")
    blocks = [line.strip().removeprefix("$ ") for _, body in FENCE.findall(text) for line in body.splitlines()]
    blocks += [line.strip() for line in text.splitlines() if line.startswith("    ")]
    inline = re.findall(r"`([^`\n]+)`", text)
    return [line for line in blocks + inline if line.split(" ")[0] == program]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def unknown_word(words: list[str]) -> str | None:
    """The first word of a `fablab …` line that is neither a command nor an option of it; None when all are."""
    command: click.Command = fablab
    rest = list(words)
    while rest:
        word = rest.pop(0)
        options = {flag: p for p in command.params if isinstance(p, click.Option) for flag in p.opts + p.secondary_opts}
        if word.startswith("-"):
            found = options.get(word.partition("=")[0])
            if found is None and word not in {"--help", "-h"}:
                return word
            if found is not None and not found.is_flag and "=" not in word and rest:
                rest.pop(0)
        elif isinstance(command, click.Group):
            below = command.commands.get(word)
            if below is None:
                return None if word.isupper() or "…" in word else word
            command = below
    return None


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_every_make_command_exists(document: Path) -> None:
    named = {line.split()[1] for line in commands_in(document, "make") if len(line.split()) > 1}
    assert {word for word in named if "=" not in word} <= targets()


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_every_fablab_command_and_option_exists(document: Path) -> None:
    lines = [re.split(r"\s[|#<>&]|\s\\$", line)[0] for line in commands_in(document, "fablab")]
    assert {line: word for line in lines if (word := unknown_word(line.split()[1:]))} == {}


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_every_link_and_picture_leads_somewhere(document: Path) -> None:
    for picture, address in LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in address or address.startswith(("#", "mailto:")):
            assert not picture, f"a picture from elsewhere: {address}"
            continue
        assert (document.parent / address.partition("#")[0]).exists(), address


def test_the_readme_names_the_two_commands_first() -> None:
    named = commands_in(ROOT / "README.md", "make")
    assert [line.split()[1] for line in named[:2]] == ["demo", "test"]


def test_the_makefile_explains_every_target_it_offers() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]  # it stands there
    assert phony - targets() == {"install", "assets"}


DEVICE = "fablab/v1/lab1/laser-1"
SAID = re.findall(rf"^({DEVICE}/\S+) (\{{.*\}})$", (ROOT / "docs/device-builders.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("topic", "payload"), SAID, ids=[topic.removeprefix(DEVICE + "/") for topic, _ in SAID])
def test_the_messages_shown_to_device_builders_are_understood(topic: str, payload: str) -> None:
    assert "/dn/" in topic or len(payload.encode()) <= 480
    message = Message(topic, payload.encode(), 1_780_000_000.0, qos=1, outbound="/dn/" in topic)
    _, readings = BY_NAME["fablab_v1"].decode({}, message, {"base": DEVICE})
    assert readings
    assert not [one for one in readings if isinstance(one, BadMessage)]


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    records = [path.name for path in files("docs/decisions/*.md") if path.name != "README.md"]
    assert [record for record in records if f"]({record})" not in index] == []


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.NAME)
def test_every_dialect_is_described(decoder: Decoder) -> None:
    assert f"| `{decoder.NAME}` |" in (ROOT / "docs/devices.md").read_text(encoding="utf-8")


PASSWORD = "a very long and quiet river"
NEEDS_A_WORLD = {"up", "restore", "broker-config"}
"""Commands that run on, need an empty lab, or are tried where their programs are started."""


@pytest.mark.slow
def test_the_commands_shown_to_administrators_work_in_this_order(tmp_path: Path) -> None:
    blocks = FENCE.findall((ROOT / "docs/administrators.md").read_text("utf-8"))
    lines = [line for kind, body in blocks if kind == "console" for line in body.splitlines()]
    shown = [line.removeprefix("$ ").split() for line in lines if line.startswith("$ fablab")]
    assert shown
    for words in shown:
        if words[1] in NEEDS_A_WORLD:
            continue
        given = PASSWORD + "\n" if words[1] == "init" else None
        extra = ["--password-stdin"] if words[1] == "init" else []
        command = [sys.executable, "-m", "fablab", *words[1:], *extra]
        done = subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=60)
        allowed = {0, 1} if words[1] == "doctor" else {0}
        assert done.returncode in allowed, f"{words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
