"""Booking over HTTP: one client, eight clients, fifty for one slot, and growth from 20 000 to 200 000 bookings.

The floor is `floor_app`: Flask and SQLAlchemy on SQLite with the same pragmas, filled with the same slots. Both run
under the same server with the same number of threads.
"""

import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import floor_app, lab
from benchmarks.lab import Slot
from benchmarks.measure import Row, Table, percentile
from benchmarks.servers import Client, at_once, serving
from tests import postgres

SMALL, LARGE = 20_000, 200_000
RACERS = 50
FLOOR = "benchmarks.floor_app:create_app()"
OURS = "benchmarks.ours:create()"


@dataclass
class Bookable:
    """A served booking application: where to POST, with which headers, and slots that are still free."""

    port: int
    path: str
    tokens: tuple[str, ...]
    free: Iterator[Slot]

    def client(self, number: int = 0) -> Client:
        """A kept connection of person `number`."""
        token = self.tokens[number % len(self.tokens)] if self.tokens else ""
        return Client(self.port, {"Authorization": f"Bearer {token}"} if token else {})

    def book(self, client: Client, slot: Slot) -> tuple[int, float]:
        """Status and seconds of one booking."""
        resource, starts, ends = slot
        body = {"resource_id": str(resource), "start": starts.isoformat(), "end": ends.isoformat()}
        status, _, seconds = client.ask("POST", self.path, body)
        return status, seconds


@contextmanager
def floor(folder: Path, bookings: int, url: str = "") -> Iterator[Bookable]:
    """The floor application with so many bookings, on SQLite or on the given database."""
    measured = lab.Lab(folder, None, (), lab.whole_hour())  # type: ignore[arg-type]  # only its free slots are asked for
    url = url or f"sqlite:///{folder}/floor.db"
    floor_app.fill(url, lab.slots(bookings, measured.begins), lab.RESOURCES)
    with serving(FLOOR, {"FLOOR_DATABASE": url}) as port:
        yield Bookable(port, "/bookings", (), measured.free_slots())


@contextmanager
def ours(folder: Path, bookings: int, url: str = "") -> Iterator[Bookable]:
    """Fablab with so many bookings, on SQLite or on the given database."""
    measured = lab.make(folder / "lab", bookings, url=url)
    with serving(OURS, {"BENCH_CONFIG": str(measured.file)}) as port:
        yield Bookable(port, "/api/v1/reservations", measured.tokens, measured.free_slots())


def one_client(app: Bookable, times: int) -> list[float]:
    """Seconds of `times` bookings one after the other. Raises RuntimeError when one is not accepted."""
    client = app.client()
    seconds = [_accepted(app.book(client, slot)) for slot in itertools.islice(app.free, times)]
    client.close()
    return seconds[times // 10 :]


def eight_clients(app: Bookable, times: int) -> float:
    """Bookings a second of eight clients together."""
    shares = [list(itertools.islice(app.free, times // 8)) for _ in range(8)]

    def work(number: int) -> None:
        client = app.client(number)
        for slot in shares[number]:
            _accepted(app.book(client, slot))
        client.close()

    return sum(len(share) for share in shares) / at_once(8, work)


def race(app: Bookable, rounds: int) -> tuple[float, set[int], set[int]]:
    """Fifty people for one slot: median seconds of a round, the numbers of winners seen, and all statuses seen."""
    lengths, winners, statuses = [], set(), set()
    for _ in range(rounds):
        slot = next(app.free)
        clients = [app.client(number) for number in range(RACERS)]
        answers: list[int] = []
        lengths.append(at_once(RACERS, _racer(app, clients, slot, answers)))
        winners.add(answers.count(201))
        statuses.update(answers)
        for client in clients:
            client.close()
    return statistics.median(lengths), winners, statuses


def _racer(app: Bookable, clients: list[Client], slot: Slot, answers: list[int]) -> Callable[[int], None]:
    def work(number: int) -> None:
        answers.append(app.book(clients[number], slot)[0])

    return work


def _accepted(answer: tuple[int, float]) -> float:
    status, seconds = answer
    if status != 201:
        raise RuntimeError(f"a free slot was answered with {status}")
    return seconds


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    times, rounds, large = (100, 3, SMALL) if quick else (600, 20, LARGE)
    table = Table(
        "Booking",
        f"One POST of a booking, answered after the commit (synchronous=FULL), among {large} bookings of"
        f" {lab.RESOURCES} machines. Fablab checks identity, certification, hours, rules and overlap and writes"
        " reservation, allocation, event and audit entry; the floor checks the overlap and writes one row.",
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        bare = stack.enter_context(floor(folder, large))
        full = stack.enter_context(ours(folder, large))
        bare_ms, full_ms = one_client(bare, times), one_client(full, times)
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            pair = percentile(bare_ms, share) * 1e3, percentile(full_ms, share) * 1e3
            table.add(Row(f"create, 1 client, {label}", "ms", *pair, goal=5 if share == 0.5 else None))
        rates = eight_clients(bare, times), eight_clients(full, times)
        table.add(Row("create, 8 clients", "/s", *rates, more_is_better=True, exact=rates[1] >= 150))
        bare_s = race(bare, rounds)[0]
        _race(table, full, rounds, bare_s, "SQLite")
    with tempfile.TemporaryDirectory() as name, postgres.server_url() as server:
        databases = postgres.Databases(server, lambda _url: None)
        with floor(Path(name), SMALL, databases.empty()) as bare:
            bare_s = race(bare, rounds)[0]
        with ours(Path(name), SMALL, databases.empty()) as full:
            _race(table, full, rounds, bare_s, "PostgreSQL")
    _growth(table, percentile(full_ms, 0.5), times, quick)
    table.remarks.append("The goal with 8 clients is 150 bookings a second, whatever the floor does.")
    table.remarks.append("Each race stands beside the floor on the same database.")
    return table


def _race(table: Table, app: Bookable, rounds: int, floor_s: float, database: str) -> None:
    seconds, winners, statuses = race(app, rounds)
    table.add(Row(f"{RACERS} for one slot, a round, {database}", "ms", floor_s * 1e3, seconds * 1e3, goal=4))
    exact = winners == {1} and statuses == {201, 409}
    table.add(Row(f"{RACERS} for one slot, winners in {rounds} rounds, {database}", "", 1, max(winners), exact=exact))


def _growth(table: Table, large_s: float, times: int, quick: bool) -> None:
    if quick:
        return
    with tempfile.TemporaryDirectory() as name, ours(Path(name), SMALL) as small:
        small_s = percentile(one_client(small, times), 0.5)
    table.add(Row("create p50, from 20 000 to 200 000 bookings", "ms", small_s * 1e3, large_s * 1e3, goal=1.2))


if __name__ == "__main__":
    run()
