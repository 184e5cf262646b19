"""Pages and lists: the wall, a machine, and a list of the API, against a bare app's page and list of a hundred rows."""

import re
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import booking, lab
from benchmarks.measure import Row, Table, percentile
from benchmarks.servers import Client, at_once, serving

BOOKINGS = 20_000


def one_client(port: int, headers: Mapping[str, str], path: str, times: int) -> float:
    """Median seconds of `times` requests one after the other. Raises RuntimeError on another answer than 200."""
    client = Client(port, dict(headers))
    seconds = [_ok(client, path) for _ in range(times)]
    client.close()
    return percentile(seconds[times // 10 :], 0.5)


def eight_clients(port: int, headers: Mapping[str, str], path: str, times: int) -> float:
    """Requests a second of eight connections together."""

    def work(_number: int) -> None:
        client = Client(port, dict(headers))
        for _ in range(times // 8):
            _ok(client, path)
        client.close()

    return times // 8 * 8 / at_once(8, work)


def _ok(client: Client, path: str) -> float:
    status, _, seconds = client.ask("GET", path)
    if status != 200:
        raise RuntimeError(f"{path} was answered with {status}")
    return seconds


def signed_in(port: int, measured: lab.Lab) -> dict[str, str]:
    """The cookie of a maker's session, made as a browser makes it."""
    client = Client(port, {})
    _, page, cookies = client.visit("GET", "/sign-in")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {
        "email": "person1@example.org",
        "password": measured.password,
        "csrf_token": token[1].decode() if token else "",
    }
    status, _, cookies = client.visit("POST", "/sign-in", form, cookies)
    client.close()
    if status not in (302, 303):
        raise RuntimeError(f"signing in was answered with {status}")
    return {"Cookie": cookies}


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    times = 80 if quick else 240
    table = Table(
        "Pages",
        f"{lab.RESOURCES} machines, {BOOKINGS} bookings. The floors are a bare app's page and JSON list of a hundred"
        " bookings of one machine: one indexed query, one loop.",
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bare = stack.enter_context(booking.floor(Path(name), BOOKINGS)).port
        measured = lab.make(Path(name) / "lab", BOOKINGS, password=True)
        port = stack.enter_context(serving(booking.OURS, {"BENCH_CONFIG": str(measured.file)}))
        cookie, token = signed_in(port, measured), {"Authorization": f"Bearer {measured.tokens[0]}"}
        listing = f"/api/v1/reservations?limit=100&from={measured.begins:%Y-%m-%dT%H:%M:%SZ}&resource_id=1"
        for what, floor, path, headers, goal in (
            ("API list of 100 reservations", "/bookings", listing, token, 0.5),
            ("the wall with 50 machines", "/page", "/wall", cookie, 0.4),
            ("a machine with its days", "/page", "/resources/1", cookie, 0.4),
        ):
            singles = one_client(bare, {}, floor, times) * 1e3, one_client(port, headers, path, times) * 1e3
            table.add(Row(f"{what}, 1 client, p50", "ms", *singles))
            rates = eight_clients(bare, {}, floor, times), eight_clients(port, headers, path, times)
            table.add(Row(f"{what}, 8 clients", "/s", *rates, goal=goal, more_is_better=True))
    table.remarks.append(
        "The wall and a machine's page hold many times the markup, dates and texts of the floor's table."
    )
    return table


if __name__ == "__main__":
    run()
