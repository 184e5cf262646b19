"""Missing programs: skipped with one line on a desk, failed in CI."""

import pytest

from tests import tools


def test_find_knows_the_places_an_ordinary_path_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert tools.find("sh") is not None
    assert tools.find("no-such-program") is None


def test_a_missing_program_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed: to dream"):
        tools.require("no-such-program", "to dream")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="to dream"):
        tools.require("no-such-program", "to dream")
