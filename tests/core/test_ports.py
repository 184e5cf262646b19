"""Which ports we choose: free ones that no outgoing connection takes meanwhile."""

import socket
from pathlib import Path

import pytest

from fablab.core import ports


def test_a_free_port_lies_below_those_of_outgoing_connections_and_is_another_each_time() -> None:
    chosen = [ports.any_free() for _ in range(50)]
    assert len(set(chosen)) == 50
    first = int(ports.OUTGOING.read_text().split()[0]) if ports.OUTGOING.exists() else 32_768
    assert ports.LOWEST <= min(chosen) <= max(chosen) < first


def test_what_others_hold_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    held = ports.any_free()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", held))
        monkeypatch.setattr(ports, "_COUNT", iter(range(held - ports.LOWEST, 1 << 20)))
        assert ports.any_free() != held


@pytest.mark.parametrize(("told", "fits"), [("1024\t60999\n", True), ("nonsense", False)])
def test_a_machine_without_room_below_gets_any(
    told: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "range").write_text(told)
    monkeypatch.setattr(ports, "OUTGOING", tmp_path / "range")
    assert ports.is_free("127.0.0.1", ports.any_free())
    assert (ports._first_outgoing() == 1024) is fits
