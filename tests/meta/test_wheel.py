"""The wheel: everything inside that the program needs, nothing else, and it runs without the checkout."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.meta.tree import ROOT, files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout; the build hook makes what is missing."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    return next(folder.glob("fablab-*.whl"))


@pytest.fixture(scope="module")
def inside(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and, by a path file, the libraries of this one but not its checkout."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True, timeout=120)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def run(environment: Path, folder: Path, *arguments: str, given: str | None = None) -> str:
    """The output of a program of the environment, run in an empty folder. Fails with what it said."""
    clean = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    program = [str(environment / "bin" / arguments[0]), *arguments[1:]]
    done = subprocess.run(program, cwd=folder, env=clean, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_source_file_is_inside(inside: set[str]) -> None:
    sources = {path.relative_to(ROOT).as_posix() for path in files("fablab/*", "firmware_bridge/*")}
    ignored = {name for name in sources if name.endswith(".po")}
    assert sources - ignored - inside == set()


def test_templates_and_the_example_configuration_are_inside(inside: set[str]) -> None:
    expected = {f"fablab/{path.relative_to(ROOT).as_posix()}" for path in files("templates/*")}
    assert expected
    assert (expected | {"fablab/config.example.toml"}) - inside == set()


def test_built_assets_and_words_are_inside(inside: set[str]) -> None:
    assert [name for name in inside if name.startswith("fablab/static/dist/") and name.endswith(".js")]
    assert [name for name in inside if name.startswith("fablab/static/dist/") and name.endswith(".css")]
    catalogues = {path.relative_to(ROOT).with_suffix(".mo").as_posix() for path in files("fablab/translations/*.po")}
    assert catalogues
    assert catalogues - inside == set()


def test_nothing_else_is_inside(inside: set[str]) -> None:
    assert {name.split("/")[0] for name in inside if ".dist-info/" not in name} == {"fablab", "firmware_bridge"}
    assert not [name for name in inside if "__pycache__" in name or name.endswith((".db", ".pyc"))]
    assert [name for name in inside if name.endswith("dist-info/licenses/LICENSE")]


def test_the_installed_program_is_not_the_checkout(environment: Path, tmp_path: Path) -> None:
    code = "import fablab, firmware_bridge, fablab.app as app; print(fablab.__file__); print(app.templates_folder())"
    told = run(environment, tmp_path, "python", "-c", code)
    assert all(line.startswith(str(environment)) for line in told.splitlines()), told
    assert str(ROOT) not in told


def test_it_makes_a_lab_and_serves_it(environment: Path, tmp_path: Path) -> None:
    run(environment, tmp_path, "fablab", "--version")
    run(
        environment, tmp_path, "fablab", "init", "--email", "ada@example.org", "--password-stdin", given=PASSWORD + "\n"
    )
    run(environment, tmp_path, "fablab", "db", "current")
    told = run(environment, tmp_path, "python", "-c", VISIT)
    assert told.split() == ["200", "200", "200"], told


PASSWORD = "a very long and quiet river"
VISIT = """
import re
from fablab.app import create_app
from fablab.core.config import load_config

client = create_app(load_config(None)).test_client()
page = client.get("/sign-in", follow_redirects=True)
print(page.status_code)
for pattern in (r'href="([^"]+[.]css[^"]*)"', r'src="([^"]+[.]js[^"]*)"'):
    print(client.get(re.search(pattern, page.text)[1]).status_code)
"""
