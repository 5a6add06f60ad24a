"""How far the polling of a table has got, and which rows within the lag are not to be sent again.

A row counts as late when it is committed after newer ones. It was given its increment at most the lag before, so it
stands above what the largest increment was so long ago: the *floor*, from which each poll reads. What a poll meets
again, and has not changed, is known by digests. Both are saved, so that a restart neither misses nor repeats a row.
"""

import time
from collections import OrderedDict, deque
from hashlib import blake2s
from typing import Any

from cdc.source.sql.places import Place, given_back, kept

MOST_ROWS = 100_000
"""Remembered of all tables together: also how many of the last rows may be late when a first load begins."""
LEAST_ROWS = 1000
MOST_SAVED = 10_000
"""Digests that a position has at most, for all tables together."""
STEP = 100
DIGEST_BYTES = 8


class Window:
    """Of one table, among so many; `by` is its increment column.

    `most` rows are remembered.
    """

    def __init__(self, by: str, lag: float, tables: int = 1) -> None:
        self._by = by
        self._lag = lag
        self.most = max(LEAST_ROWS, MOST_ROWS // tables)
        self._most_saved = MOST_SAVED // tables
        self._digests: OrderedDict[bytes, bytes] = OrderedDict()
        self._met: set[bytes] = set()
        self._steps: deque[tuple[int, Any]] = deque()
        self._reached: deque[tuple[float, Any]] = deque()
        self._last: Any = None
        self._count = 0
        self._begun = 0.0
        self._resumed = False
        self._version = 0
        self.floor: Any = None
        self.at: Place | None = None

    def begin(self, *, now: float | None = None, resumed: bool = False) -> None:
        """A read in order begins, of the rows above `floor`; one `resumed` goes on with those behind a place."""
        now = time.monotonic() if now is None else now
        self._resumed = resumed
        if not resumed:
            self._met.clear()
            self._steps.clear()
            self._count = 0
        while self._reached and self._reached[0][0] <= self._begun - self._lag:
            self.floor = self._reached.popleft()[1]
        self._begun = now

    def is_new(self, place: Place, row: bytes) -> bool:
        """Whether a row that was read is to be sent: one that is not known, or has changed."""
        self._last, self._count = place.by, self._count + 1
        if self._count % STEP == 0:
            self._steps.append((self._count, place.by))
        who, what = _digest(repr(place.key).encode()), _digest(row)
        self._met.add(who)
        known = self._digests.pop(who, None)
        self._digests[who] = what
        if len(self._digests) > self.most:
            self._narrow()
        self._version += known != what
        return known != what

    def read_to(self, place: Place) -> None:
        """All up to there has been handed on."""
        self.at = place

    def end(self, *, now: float | None = None) -> None:
        """All there was has been read."""
        now = time.monotonic() if now is None else now
        self.at = None
        for who in () if self._resumed else self._digests.keys() - self._met:
            del self._digests[who]
            self._version += 1
        if self._last is not None and (not self._reached or self._reached[-1][1] != self._last):
            self._reached.append((now, self._last))

    @property
    def state(self) -> tuple[int, Any, Place | None]:
        """Another one wherever `saved` gives something else."""
        return self._version, self.floor, self.at

    def saved(self) -> dict[str, Any]:
        """As it is kept in a position; digests only where they are not too many."""
        few = self._digests if len(self._digests) <= self._most_saved else {}
        return {
            "column": self._by,
            "floor": kept(self.floor),
            "at": None if self.at is None else self.at.saved(),
            "seen": b"".join([who + what for who, what in few.items()]),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """From what `saved` gave."""
        self.floor = given_back(saved["floor"])
        self.at = None if saved["at"] is None else Place.restored(saved["at"])
        seen, size = saved["seen"], 2 * DIGEST_BYTES
        for start in range(0, len(seen), size):
            self._digests[seen[start : start + DIGEST_BYTES]] = seen[start + DIGEST_BYTES : start + size]

    def _narrow(self) -> None:
        """Forget the row that was met longest ago; the floor rises above those that are forgotten."""
        forgotten, _ = self._digests.popitem(last=False)
        self._met.discard(forgotten)
        while self._steps and self._steps[0][0] <= self._count - self.most:
            self.floor = self._steps.popleft()[1]
            self._reached.clear()


def _digest(text: bytes) -> bytes:
    return blake2s(text, digest_size=DIGEST_BYTES).digest()
