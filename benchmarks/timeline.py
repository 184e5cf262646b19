"""A week of a hundred machines among a million reservations: the timeline as a page and over REST, and how a seek for
what is taken grows from a thousand reservations to a million.

The floor is a bare app with as many bookings that lists the same week as JSON: one indexed query, one loop.
"""

import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import booking, floor_app, lab, page
from benchmarks.measure import Row, Table, percentile
from benchmarks.servers import serving
from fablab.core.db import db
from fablab.reservations.gather import first_taken

MACHINES, MANY, FEW = 100, 1_000_000, 1_000
LONGEST_MS = 300


def seeks(measured: lab.Lab, times: int) -> list[float]:
    """Seconds of so many seeks for the first booking that ends after an instant, at many machines and instants."""
    found = []
    with measured.app().app_context():
        for number in range(times + times // 10):
            at = measured.begins + timedelta(hours=number % 1000)
            begun = time.perf_counter()
            first_taken([number % MACHINES + 1], at)
            found.append(time.perf_counter() - begun)
            db.session.rollback()
        db.engine.dispose()
    return found[times // 10 :]


def run(quick: bool = False) -> Table:
    """Measures and gives the table."""
    many, times = (50_000, 20) if quick else (MANY, 60)
    table = Table(
        "Timeline",
        f"{MACHINES} machines and {many} reservations, six a day at each, years behind and two months ahead. The floor"
        " is a bare app with as many bookings that lists a week of them as JSON.",
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        measured = lab.make(folder / "lab", many, years_of=MACHINES, password=True)
        bare_url = f"sqlite:///{folder}/floor.db"
        floor_app.fill_years(bare_url, many, MACHINES, measured.begins)
        bare = stack.enter_context(serving(booking.FLOOR, {"FLOOR_DATABASE": bare_url}))
        port = stack.enter_context(serving(booking.OURS, {"BENCH_CONFIG": str(measured.file)}))
        cookie, token = page.signed_in(port, measured), {"Authorization": f"Bearer {measured.tokens[0]}"}
        week = f"from={_shown(measured.begins)}&to={_shown(measured.begins + timedelta(days=7))}"
        one = f"/api/v1/reservations?limit=100&resource_id=1&{week}"
        for what, floor, path, headers in (
            ("one machine's week over REST", "/bookings", one, token),
            ("all machines' week over REST", "/week", f"/api/v1/calendar?{week}", token),
            ("the timeline's page of a week", "/week", "/timeline?view=week", cookie),
        ):
            pair = page.one_client(bare, {}, floor, times) * 1e3, page.one_client(port, headers, path, times) * 1e3
            if path.startswith("/timeline"):
                table.add(Row(f"{what}, p50", "ms", *pair, exact=pair[1] <= LONGEST_MS))
            else:
                table.add(Row(f"{what}, p50", "ms", *pair, goal=5))
        few = seeks(lab.make(folder / "few", FEW, years_of=MACHINES), 20 * times)
        full = seeks(measured, 20 * times)
    for share, label, goal in ((0.5, "p50", 2.5), (0.99, "p99", 4)):
        pair = percentile(few, share) * 1e3, percentile(full, share) * 1e3
        table.add(Row(f"what is taken, from {FEW} to {many} reservations, {label}", "ms", *pair, goal=goal))
    table.remarks.append(f"The goal of the timeline's page is {LONGEST_MS} ms, whatever the floor does.")
    return table


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    run()
