"""What the doctor sees on a broker: one that is as it should be, and the faults that matter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fablab.cli import fablab
from fablab.core import ports
from fablab.core.config import Config
from firmware_bridge import broker as embedded_broker
from firmware_bridge import doctor
from tests.bridge.conftest import LiveBroker
from tests.tools import require

pytestmark = pytest.mark.broker


class Written:
    """A broker whose files `fablab broker-config` wrote."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.folder = folder
        self.port = ports.any_free()
        self._program = require("mosquitto", "the doctor's view of the broker of real labs")
        self._child: subprocess.Popen[bytes] | None = None
        file = config.base_dir / "command.toml"
        file.write_text(f"[database]\nurl = {json.dumps(config.database.url)}\n")
        where = ("--server-port", str(self.port), "--device-port", str(ports.any_free()))
        result = CliRunner().invoke(fablab, ["--config", str(file), "broker-config", str(folder), *where])
        assert result.exit_code == 0, result.output
        assert f"port = {self.port}" in result.output
        mqtt = {"embedded": False, "host": "127.0.0.1", "port": self.port, "password_file": folder / "server.password"}
        self.config = config.with_changes(mqtt=mqtt)

    def start(self) -> None:
        """Run it with the files as they are now."""
        command = [self._program, "-c", str(self.folder / "mosquitto.conf")]
        self._child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        embedded_broker.wait_ready(embedded_broker.Embedded(Path(), self.port, self.port, {}), self._child)

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            embedded_broker.stop(self._child)
            self._child = None

    def findings(self) -> list[tuple[str, str]]:
        """Severity and text of what the doctor finds."""
        return [(look.severity, look.text) for look in doctor.examine(self.config)]


@pytest.fixture
def written(sqlite_config: Config, broker_folder: Path) -> Iterator[Written]:
    made = Written(sqlite_config, broker_folder)
    yield made
    made.stop()


def test_a_broker_as_it_should_be(written: Written) -> None:
    written.start()
    assert [severity for severity, _ in written.findings()] == ["ok", "ok", "ok"]


def test_a_broker_that_is_not_there(written: Written) -> None:
    severity, text = written.findings()[0]
    assert severity == "problem"
    assert "does not answer" in text


def test_a_wrong_password(written: Written) -> None:
    written.start()
    (written.folder / "server.password").write_text("wrong")
    severity, text = written.findings()[0]
    assert severity == "problem"
    assert "refuses" in text


def test_a_missing_setting_and_an_open_access_list_are_found(written: Written) -> None:
    file = written.folder / "mosquitto.conf"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(("acl_file", "autosave"))]
    file.write_text("\n".join(lines))
    written.start()
    found = written.findings()
    assert ("problem", "its configuration lacks: autosave_interval 60") in found
    assert ("problem", "a device can speak as another one") in found


def test_the_embedded_broker_is_named_for_what_it_is(sqlite_config: Config, embedded: LiveBroker) -> None:
    assert doctor.examine(sqlite_config)[0].severity == "problem", "it was never started here"
    home = embedded_broker.home(sqlite_config)
    home.mkdir(parents=True)
    (home / "accounts.json").write_bytes((embedded.folder / "accounts.json").read_bytes())
    assert [look.severity for look in doctor.examine(sqlite_config)] == ["ok", "warning"]
