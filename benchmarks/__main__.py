"""Runs the benchmarks and writes docs/performance.md: `make bench`, or `python -m benchmarks ingest page`.

--quick   a short run to see that all is well; writes nothing
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import booking, decision, ingest, page, stream, timeline
from benchmarks.measure import Table, machine

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BENCHMARKS: dict[str, Callable[[bool], Table]] = {
    "ingest": ingest.run,
    "decision": decision.run,
    "booking": booking.run,
    "page": page.run,
    "timeline": timeline.run,
    "stream": stream.run,
}
INTRODUCTION = """# How fast it is

Written by `make bench`; do not edit. Absolute figures depend on the machine and wander by a factor of two, so each
stands beside its floor — the least that the same libraries need for the same work — measured in the same run.
A goal bounds the ratio between the two.

Measured on {day} on {machine}. Everything (servers, brokers, clients) shared these cores.

"""


def main(arguments: list[str]) -> int:
    """Runs the named benchmarks, all by default; 1 when a goal was missed, 2 for an unknown name."""
    quick = "--quick" in arguments
    names = [name for name in arguments if not name.startswith("-")] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    print(f"On {machine()}:")
    tables = []
    for name in names:
        print(f"{name}:", flush=True)
        tables.append(BENCHMARKS[name](quick))
    if names == list(BENCHMARKS) and not quick:
        REPORT.write_text(report(tables), encoding="utf-8")
        print("Wrote docs/performance.md")
    missed = [row.what for table in tables for row in table.rows if row.met is False]
    print(f"Goals missed: {', '.join(missed)}." if missed else "All goals met.")
    return 1 if missed else 0


def report(tables: list[Table]) -> str:
    """docs/performance.md."""
    head = INTRODUCTION.format(day=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine())
    return head + "\n".join(table.markdown() for table in tables)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
