"""A week of fifty and of a hundred machines among a million reservations: the timeline as a page and over REST, and how
a seek for what is taken grows from a thousand reservations to a million.

The floor is a bare app with as many bookings that lists the same week as JSON: one indexed query, one loop.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import booking, floor_app, lab, page
from benchmarks.measure import Row, Table, percentile
from benchmarks.servers import serving
from fablab.core.db import db
from fablab.reservations.gather import first_taken

FIFTY, HUNDRED = 50, 100
MANY, FEW = 1_000_000, 1_000
LONGEST_MS = 300


@dataclass(frozen=True)
class Pair:
    """A lab that is served, and the floor with as many bookings."""

    measured: lab.Lab
    port: int
    bare: int
    times: int

    def p50(self, floor: str, path: str, headers: dict[str, str]) -> tuple[float, float]:
        """Milliseconds of a path of the floor and of one of ours."""
        ask = page.one_client
        return ask(self.bare, {}, floor, self.times) * 1e3, ask(self.port, headers, path, self.times) * 1e3

    @property
    def token(self) -> dict[str, str]:
        """The header of a maker's token."""
        return {"Authorization": f"Bearer {self.measured.tokens[0]}"}

    @property
    def week(self) -> str:
        """The coming seven days, as the API takes them."""
        return f"from={_shown(self.measured.begins)}&to={_shown(self.measured.begins + timedelta(days=7))}"


@contextmanager
def pair(folder: Path, machines: int, many: int, times: int) -> Iterator[Pair]:
    """Makes and serves both in an empty folder."""
    measured = lab.make(folder / "lab", many, years_of=machines, password=True)
    url = f"sqlite:///{folder}/floor.db"
    floor_app.fill_years(url, many, machines, measured.begins)
    with ExitStack() as stack:
        bare = stack.enter_context(serving(booking.FLOOR, {"FLOOR_DATABASE": url}))
        port = stack.enter_context(serving(booking.OURS, {"BENCH_CONFIG": str(measured.file)}))
        yield Pair(measured, port, bare, times)


def seeks(measured: lab.Lab, times: int) -> list[float]:
    """Seconds of so many seeks for the first booking that ends after an instant, at many machines and instants."""
    found = []
    with measured.app().app_context():
        for number in range(times + times // 10):
            at = measured.begins + timedelta(hours=number % 1000)
            begun = time.perf_counter()
            first_taken([number % HUNDRED + 1], at)
            found.append(time.perf_counter() - begun)
            db.session.rollback()
        db.engine.dispose()
    return found[times // 10 :]


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    many, times = (50_000, 20) if quick else (MANY, 60)
    table = Table(
        "Timeline",
        f"{FIFTY} and {HUNDRED} machines, each among {many} reservations, six a day at each machine, years behind and"
        " two months ahead. The floor is a bare app with as many bookings that lists a week of them as JSON.",
    )
    with tempfile.TemporaryDirectory() as name, pair(Path(name), FIFTY, many, times) as fifty:
        one = f"/api/v1/reservations?limit=100&resource_id=1&{fifty.week}"
        table.add(Row("one machine's week over REST, p50", "ms", *fifty.p50("/bookings", one, fifty.token), goal=5))
        _weeks(table, fifty, FIFTY)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with pair(folder, HUNDRED, many, times) as hundred:
            _weeks(table, hundred, HUNDRED)
        few = seeks(lab.make(folder / "few", FEW, years_of=HUNDRED), 20 * times)
        full = seeks(hundred.measured, 20 * times)
    for share, label, goal in ((0.5, "p50", 2.5), (0.99, "p99", 4)):
        both = percentile(few, share) * 1e3, percentile(full, share) * 1e3
        table.add(Row(f"what is taken, from {FEW} to {many} reservations, {label}", "ms", *both, goal=goal))
    table.remarks.append(f"The goal of the timeline's page is {LONGEST_MS} ms, whatever the floor does.")
    return table


def _weeks(table: Table, measured: Pair, machines: int) -> None:
    both = measured.p50("/week", f"/api/v1/calendar?{measured.week}", measured.token)
    table.add(Row(f"the week of {machines} machines over REST, p50", "ms", *both, goal=5))
    cookie = page.signed_in(measured.port, measured.measured)
    both = measured.p50("/week", "/timeline?view=week", cookie)
    table.add(Row(f"the page of a week of {machines} machines, p50", "ms", *both, exact=both[1] <= LONGEST_MS))


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    run()
