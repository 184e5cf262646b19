"""The two brokers as we configure them: who may connect, who may speak where, and what survives."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge import broker as embedded_broker
from firmware_bridge import mosquitto as files
from tests.bridge.conftest import Client, LiveBroker, until


def test_the_embedded_broker_listens_on_loopback_only_and_keeps_its_passwords_private(embedded: LiveBroker) -> None:
    listening = [
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"
    ]
    ports = {f"{port:04X}" for port in (embedded.endpoint.port, embedded.endpoint.port_v5)}
    assert {place.split(":")[0] for place in listening if place.split(":")[1] in ports} == {"0100007F"}
    for file in ("broker.toml", "accounts.json"):
        assert stat.S_IMODE((embedded.folder / file).stat().st_mode) == 0o600


def test_passwords_stay_from_one_start_to_the_next_and_a_taken_port_is_replaced(embedded: LiveBroker) -> None:
    again = embedded_broker.prepare(embedded.folder, embedded.endpoint.port)
    assert again.server_password == embedded.endpoint.password
    assert again.port != embedded.endpoint.port
    assert embedded_broker.read(embedded.folder) == again


def test_the_embedded_broker_ends_with_its_parent(tmp_path: Path) -> None:
    told = embedded_broker.prepare(tmp_path, 0)
    code = (
        "import os, sys, pathlib; from firmware_bridge import broker;"
        f"child = broker.start(broker.read(pathlib.Path({str(tmp_path)!r}))); print(child.pid, flush=True); os._exit(9)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert out.returncode == 9, out.stderr
    until(lambda: not Path(f"/proc/{int(out.stdout)}/cmdline").exists(), what="the broker has ended")
    with pytest.raises(embedded_broker.BrokerError, match="did not answer"):
        embedded_broker.wait_ready(told, timeout=0.2)


def test_a_port_that_is_taken_before_the_broker_listens_is_replaced(
    broker_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = embedded_broker.prepare
    chosen: list[embedded_broker.Embedded] = []
    with socket.socket() as connection:

        def and_take_it(folder: Path, port: int) -> embedded_broker.Embedded:
            told = prepare(folder, port)
            if not chosen:
                connection.bind(("127.0.0.1", told.port))  # as an outgoing connection does: it does not listen
            chosen.append(told)
            return told

        monkeypatch.setattr(embedded_broker, "prepare", and_take_it)
        told, child = embedded_broker.start_anywhere(broker_folder)
        embedded_broker.stop(child)
    assert [one.port for one in chosen] == [chosen[0].port, told.port]
    assert told.port != chosen[0].port
    assert told.users == chosen[0].users


def test_no_account_no_entry(broker: LiveBroker) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="laser-1")
    client.username_pw_set("laser-1", "wrong")
    client.connect("127.0.0.1", broker.device_port)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        client.loop(0.05)
        assert not client.is_connected()


@pytest.mark.broker
def test_a_device_account_can_neither_write_nor_read_what_is_anothers(mosquitto: LiveBroker) -> None:
    with (
        Client(mosquitto, "test-server", server=True) as server,
        Client(mosquitto, "laser-1") as laser,
        Client(mosquitto, "laser-2", v5=True) as spy,
    ):
        server.listen("#")
        spy.listen("fablab/v1/lab1/laser-1/dn/#")
        spy.listen("fablab/v1/lab1/laser-1/up/#")
        spy.listen("#")
        laser.listen("fablab/v1/lab1/laser-1/dn/#")
        for foreign in (
            "fablab/v1/lab1/laser-2/up/tap",
            "fablab/v1/lab1/laser-1/dn/lease",
            "fablab/v1/lab1/laser-2/dn/lease",
            "fablab/v1/lab1/server/status",
            "fablab/v1/lab2/laser-1/up/ev",
            "tele/plug/SENSOR",
        ):
            laser.say(foreign)
        laser.say("fablab/v1/lab1/laser-1/up/ev", "mine")
        server.say("fablab/v1/lab1/laser-1/dn/lease", "yours")
        until(lambda: laser.heard and len(server.heard) >= 2, what="what is allowed arrives")
        time.sleep(0.2)
        assert laser.heard == [("fablab/v1/lab1/laser-1/dn/lease", b"yours")]
        assert spy.heard == []
        assert set(server.heard) == {
            ("fablab/v1/lab1/laser-1/up/ev", b"mine"),
            ("fablab/v1/lab1/laser-1/dn/lease", b"yours"),
        }


@pytest.mark.broker
def test_nobody_can_push_another_device_off(mosquitto: LiveBroker) -> None:
    with Client(mosquitto, "laser-1") as laser:
        thief = paho.Client(CallbackAPIVersion.VERSION2, client_id="laser-1")
        thief.username_pw_set(*mosquitto.account("laser-2"))
        thief.connect("127.0.0.1", mosquitto.device_port)
        thief.loop_start()
        until(thief.is_connected, what="the other device connects under its own name")
        time.sleep(0.2)
        assert laser.client.is_connected()
        thief.disconnect()
        thief.loop_stop()


def test_the_written_configuration_has_every_setting_that_was_measured_to_matter(tmp_path: Path) -> None:
    plan = files.Plan("lab1", files.listeners(1884, 1883, ("/tls/cert.pem", "/tls/key.pem")))
    written = files.write(plan, tmp_path, "secret")
    lines = written[0].read_text().splitlines()
    for setting in (
        "allow_anonymous false",
        "persistence true",
        "autosave_interval 60",
        "queue_qos0_messages true",
        "max_queued_messages 100000",
        "max_queued_bytes 268435456",
        "max_inflight_messages 1000",
        "max_packet_size 1000000",
        "persistent_client_expiration 7d",
        "set_tcp_nodelay true",
        "listener 1884 127.0.0.1",
        "listener 8883",
        "certfile /tls/cert.pem",
    ):
        assert setting in lines
    assert lines.count("use_username_as_clientid true") == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written)
    assert "secret" not in "".join(path.read_text() for path in written)


def test_a_device_gets_the_topics_of_its_dialect_and_no_others() -> None:
    plug = files.device_account("device-7", "$7$x", "tasmota", {"base": "plug_saw", "fulltopic": "%prefix%/%topic%/"})
    assert plug.write == ("tele/plug_saw/#", "stat/plug_saw/#")
    assert plug.read == ("cmnd/plug_saw/#",)
    printer = files.device_account("device-8", "$7$x", "octoprint", {"base": "octoPrint/"})
    assert (printer.write, printer.read) == (("octoPrint/#",), ())
    assert files.device_account("laser-1", "$7$x", "fablab_v1", {"base": "fablab/v1/lab1/laser-1"}).write == ()
    assert files.device_account("device-9", "$7$x", "octoprint", {"base": "+"}).write == ()


def test_a_name_that_would_break_the_password_file_changes_nothing(tmp_path: Path) -> None:
    plan = files.Plan("lab1", (), (files.Account("a:b\nroot", files.password_hash("x")),))
    with pytest.raises(ValueError, match="a:b"):
        files.write(plan, tmp_path, "secret")
    assert list(tmp_path.iterdir()) == []
