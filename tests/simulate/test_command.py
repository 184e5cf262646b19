"""`fablab simulate`: one device on any broker, and what it says about wrong use."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fablab.core.config import load_config
from firmware_bridge import broker as embedded
from firmware_bridge.simulate.cli import SimulateError, simulate

pytest.importorskip("iotcore")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[embedded.Embedded]:
    prepared = embedded.prepare(tmp_path / "var" / "broker", port=0)
    child = embedded.start(prepared)
    yield prepared
    embedded.stop(child)


def run(folder: Path, *arguments: str) -> tuple[int, str, BaseException | None]:
    (folder / "config.toml").write_text("[lab]\n")
    answer = CliRunner().invoke(simulate, arguments, obj=lambda: load_config(folder / "config.toml"))
    return answer.exit_code, answer.output, answer.exception


def test_it_speaks_on_the_labs_own_broker(tmp_path: Path, told: embedded.Embedded) -> None:
    code, said, _ = run(tmp_path, "fablab_v1", "--name", "laser-9", "--minutes", "0.02")
    assert code == 0
    assert "laser-9 speaks fablab_v1 under fablab/v1/lab1/laser-9" in said


def test_it_speaks_on_another_broker(tmp_path: Path, told: embedded.Embedded) -> None:
    password = tmp_path / "password"
    password.write_text(told.device_password + "\n")
    where = ("--host", embedded.HOST, "--port", str(told.port), "--username", embedded.DEVICES)
    code, said, _ = run(tmp_path, "tasmota", *where, "--password-file", str(password), "--minutes", "0.02")
    assert (code, "sim-tasmota speaks tasmota" in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("octoprint", "--load", "laser"), "--load does not go with"),
        (("tasmota", "--outcome", "failed"), "--outcome does not go with"),
        (("moonraker", "--outcome", "melted"), "'melted' is none of completed"),
        (("toaster",), "toaster"),
        (("octoprint", "--speed", "0"), "--speed"),
    ],
)
def test_wrong_use_is_named(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    code, said, _ = run(tmp_path, *arguments)
    assert code == 2
    assert word in said


def test_a_broker_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    _, _, error = run(tmp_path, "octoprint", "--host", "127.0.0.1", "--port", "1")
    assert isinstance(error, SimulateError)
    assert str(error) == "no broker answers on 127.0.0.1 port 1: Connection refused"
    _, _, error = run(tmp_path, "octoprint")
    assert isinstance(error, SimulateError)
    assert "run `fablab up` first" in str(error)
    assert json.dumps(str(error)).count("\\n") == 0
