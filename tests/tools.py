"""What the machine brings for tests: programs found, or the test skipped with its reason; in CI it fails instead.

`require("mosquitto", "…")` stands in the fixture that starts the program. At the end of a run one line names every
reason for which tests were skipped, with their number.
"""

import importlib
import os
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

PLACES = "/usr/local/sbin:/usr/sbin:/sbin"  # an ordinary user's PATH often lacks them; Debian keeps mosquitto there
NAMES = {"chromium": ("chromium", "chromium-browser", "google-chrome")}


def in_ci() -> bool:
    """Whether this run has to have everything (CI=true)."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def find(tool: str) -> str | None:
    """The full path of a program, None where the machine has none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), PLACES])
    return next((found for name in NAMES.get(tool, (tool,)) if (found := shutil.which(name, path=path))), None)


def absent(reason: str) -> NoReturn:
    """Ends the running test: skipped with `reason` on a developer's machine, failed in CI."""
    if in_ci():
        pytest.fail(f"{reason}: a machine that proves commits must have it (see .ci/run)", pytrace=False)
    pytest.skip(reason)


def require(tool: str, reason: str) -> str:
    """The full path of a program that the test cannot do without; `reason` says what for."""
    found = find(tool)
    if found is None:
        absent(f"{tool} is not installed: {reason}")
    if tool == "chromium" and not driver_starts():
        absent(f"Playwright's driver does not start (Debian: apt install libatomic1): {reason}")
    return found


@cache
def driver_starts() -> bool:
    """Whether the program that Playwright brings to speak with the browser runs on this machine."""
    playwright = importlib.import_module("playwright")
    node = Path(playwright.__path__[0]) / "driver" / "node"
    return subprocess.run([node, "--version"], capture_output=True, check=False).returncode == 0


def require_module(name: str, reason: str) -> ModuleType:
    """An optional Python package that the test cannot do without; `reason` says what for."""
    try:
        return importlib.import_module(name)
    except ImportError:
        absent(f"the package {name} is not installed: {reason}")


def skipped_groups(reports: list[pytest.TestReport]) -> list[str]:
    """One line for each reason, most frequent first: «12 skipped: mosquitto is not installed: …»."""
    reasons: Counter[str] = Counter()
    for report in reports:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    return [f"{count} skipped: {reason}" for reason, count in reasons.most_common()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was not tested and why."""
    for line in skipped_groups(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line, yellow=True)
