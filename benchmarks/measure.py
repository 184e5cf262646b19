"""Timing and tables. Every figure stands beside its floor of the same run; what counts is the ratio."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BLOCKS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `goal` bounds the ratio ours/floor: at most for times, at least for rates (`more_is_better`).

    `exact` overrides the ratio where the goal is a fact (exactly one winner, nothing lost).
    """

    what: str
    unit: str
    floor: float
    ours: float
    goal: float | None = None
    more_is_better: bool = False
    exact: bool | None = None

    @property
    def ratio(self) -> float:
        """ours / floor; infinity where the floor is nothing."""
        return self.ours / self.floor if self.floor else float("inf")

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.exact is not None:
            return self.exact
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.more_is_better else self.ratio <= self.goal

    def cells(self) -> list[str]:
        """The row as people read it."""
        sign = "≥" if self.more_is_better else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:g} ×"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        ratio = f"{self.ratio:.2f} ×" if self.ratio != float("inf") else "–"
        return [
            self.what,
            f"{_short(self.floor)} {self.unit}",
            f"{_short(self.ours)} {self.unit}",
            ratio,
            goal,
            verdict,
        ]


@dataclass
class Table:
    """A titled set of rows with a sentence on how it was measured."""

    title: str
    note: str
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    HEAD = ("what", "floor", "Fablab", "ratio", "goal", "")

    def add(self, row: Row) -> None:
        """Adds a row and shows it at once."""
        self.rows.append(row)
        print("  " + " · ".join(cell for cell in row.cells() if cell), flush=True)

    def markdown(self) -> str:
        """The table for docs/performance.md."""
        lines = [f"## {self.title}", "", self.note, "", _line(self.HEAD), _line(["---"] * len(self.HEAD))]
        lines += [_line(row.cells()) for row in self.rows]
        lines += ["", *(f"- {remark}" for remark in self.remarks)] if self.remarks else []
        return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def microseconds(call: Callable[[], object], times: int) -> float:
    """Median over seven blocks of the mean time of one call, in µs; one block before them warms up."""
    blocks = []
    for _ in range(BLOCKS + 1):
        begun = time.perf_counter()
        for _ in range(times):
            call()
        blocks.append((time.perf_counter() - begun) / times * 1e6)
    return statistics.median(blocks[1:])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; 0.0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def machine() -> str:
    """The kind of machine in one sentence: processors, memory, system, Python."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (
        f"{cores} cores of {_processor()}, {memory:.0f} GiB, {system},"
        f" {platform.python_implementation()} {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
