"""What is kept in the repository: sizes, no machine's paths, no registry's name, clean lock files."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.meta.tree import GENERATED, ROOT, files

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
OURS = ("fablab", "firmware_bridge", "tests", "tools", "benchmarks")

MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:home/(?!pi\b|user\b)\w+|root|work|Users|tmp/\w+\d)/")
REGISTRY = re.compile(r"(?:files\.pythonhosted|pypi\.org|registry\.npmjs|registry\.yarnpkg|npmmirror|\bindex-url\b)")
BINARY = {".png", ".jpg", ".ico", ".woff2", ".gz", ".svg"}


def text_files() -> list[Path]:
    return [path for path in files() if path.suffix not in BINARY and path.name not in GENERATED]


def sources() -> list[Path]:
    """Every hand-written source: migrations are written once and never grow, so their length does not count."""
    wanted = files("*.py", "*.html", "*.mjs", "*.js", "*.css")
    return [path for path in wanted if "migrations/versions" not in path.as_posix()]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", sources(), ids=name)
def test_no_file_outgrows_its_reader(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", [p for p in sources() if p.suffix == ".py"], ids=name)
def test_functions_are_short_and_modules_say_what_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert not long
    assert not tree.body or ast.get_docstring(tree), "a module begins with what it is for"


def test_no_path_of_a_machine_and_no_registry_is_kept() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()[:120]}"
        for path in text_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line) or REGISTRY.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", files("requirements/*.txt"), ids=name)
def test_requirements_are_pinned_hashed_and_name_no_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    pins = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert pins
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ (; .+ )?\\$", line) for line in pins), pins


def test_the_test_set_holds_the_run_set() -> None:
    def pins(file: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / "requirements" / file).read_text(), re.MULTILINE))

    assert pins("run.txt") <= pins("test.txt")


def test_the_npm_lock_names_no_host() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert packages
    assert not [path for path, package in packages.items() if "resolved" in package]
    assert not [path for path, package in packages.items() if not package.get("integrity")]


def test_nothing_unfinished_is_kept() -> None:
    word = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    mine = Path(__file__)
    found = [name(path) for path in text_files() if path != mine and word.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_every_exception_from_lint_and_types_has_its_reason() -> None:
    bare = re.compile(r"(# noqa(: [A-Z0-9, ]+)?|# type: ignore(\[[\w, -]+\])?)\s*$")
    found = [
        f"{name(path)}:{number}"
        for path in files("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert not found
