"""The ring of journal records in a native device's flash: kept until acknowledged, also through a reboot."""

from __future__ import annotations

from typing import Any

Entry = dict[str, Any]


class Ring:
    """Records in the order they were written, at most `size`; an overflow drops ticks first, then the oldest."""

    def __init__(self, size: int = 512) -> None:
        self.size = size
        self.kept: list[Entry] = []
        self.newest = 0
        self._boot = ""

    def new_life(self, boot: str) -> None:
        """A reboot: numbering starts again, the old records stay."""
        self._boot, self.newest = boot, 0

    def next_seq(self) -> int:
        """The number of the next record of this boot."""
        return self.newest + 1

    def keep(self, entry: Entry) -> Entry:
        """Store a record before it is published; when the ring is full the oldest tick goes, else the oldest record."""
        self.newest = entry["seq"]
        self.kept.append(entry)
        while len(self.kept) > self.size:
            del self.kept[next((index for index, one in enumerate(self.kept) if one["e"] == "tick"), 0)]
        return entry

    def forget(self, boot: str, seq: int) -> None:
        """Acknowledged: all records of that boot up to `seq` are in the lab's database."""
        self.kept = [entry for entry in self.kept if entry["boot"] != boot or entry["seq"] > seq]

    def holds(self, entry: Entry) -> bool:
        """True until it was acknowledged."""
        return any(one is entry for one in self.kept)

    def waiting(self, but_newest: bool = False) -> list[Entry]:
        """What is not acknowledged, oldest first; `but_newest`: without the one just published."""
        return self.kept[: -1 if but_newest else None]

    def between(self, boot: object, first: object, last: object) -> list[Entry]:
        """The kept records of a boot from `first` to `last`, both included."""
        low = first if isinstance(first, int) else 0
        high = last if isinstance(last, int) else self.newest
        return [entry for entry in self.kept if entry["boot"] == boot and low <= entry["seq"] <= high]
