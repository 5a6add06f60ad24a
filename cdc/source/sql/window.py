"""How far the polling of a table has got, and which rows within the lag are not to be sent again.

A row counts as late when it is committed after newer ones. It was given its increment at most the lag before, so it
stands above what the largest increment was so long ago: the *floor*, from which each poll reads. What a poll meets
again, and has not changed, is known by digests. All that is saved, so that a restart neither misses nor repeats a row.
"""

import math
from collections import OrderedDict, deque
from hashlib import blake2s
from typing import Any

from cdc.source.sql.places import Place, given_back, kept

MOST_ROWS = 100_000
"""Remembered of all tables together."""
LEAST_ROWS = 1000
MOST_SAVED = 10_000
"""Digests that a position has at most, for all tables together: also how many of the last rows may be late when a table
is read for the first time."""
STEP = 100
MOMENTS = 16
"""Within the lag, of which it is kept what the largest increment was."""
CLOCK_SECONDS = 1.0
"""By which two runs may read the server's clock differently."""
DIGEST_BYTES = 8


class Window:
    """Of one table, among so many; `by` is its increment column. Times are the server's, in seconds.

    `at_first` rows are remembered while the table is read for the first time.
    """

    def __init__(self, by: str, lag: float, tables: int = 1) -> None:
        self._by = by
        self._lag = lag
        self._most_saved = MOST_SAVED // tables
        self._most_polled = max(LEAST_ROWS, MOST_ROWS // tables)
        self.at_first = max(LEAST_ROWS, self._most_saved)
        self._most = self._most_polled
        self._digests: OrderedDict[bytes, bytes] = OrderedDict()
        self._met: set[bytes] = set()
        self._steps: deque[tuple[int, Any]] = deque()
        self._reached: deque[tuple[float, Any]] = deque()
        self._last: Any = None
        self._count = 0
        self._begun = self._complete = -math.inf
        self._resumed = self._narrowed = False
        self._version = 0
        self.floor: Any = None
        self.at: Place | None = None

    def begin(self, now: float, *, resumed: bool = False, first: bool = False) -> None:
        """A read in order begins; one `resumed` goes on behind a place, and the `first` knows no row.

        The floor rises to what was reached so long ago that a whole read since then has met all that was late for it.
        """
        self._resumed = resumed
        self._most = self.at_first if first else self._most_polled
        if not resumed:
            self._met.clear()
            self._steps.clear()
            self._count, self._narrowed = 0, False
        while self._reached and self._reached[0][0] <= self._complete - self._lag - CLOCK_SECONDS:
            self.floor = self._reached.popleft()[1]
        self._begun = now

    @property
    def bounds(self) -> tuple[Any, Place | None]:
        """The increment above which, or the place behind which a poll reads: the floor may have risen to that."""
        return (self.floor, None) if self.at is None else (None, self.at)

    def is_new(self, place: Place, row: bytes) -> bool:
        """Whether a row that was read is to be sent: one that is not known, or has changed."""
        self._last, self._count = place.by, self._count + 1
        if self._count % STEP == 0:
            self._steps.append((self._count, place.by))
        who, what = _digest(repr(place.key).encode()), _digest(row)
        self._met.add(who)
        known = self._digests.pop(who, None)
        self._digests[who] = what
        if len(self._digests) > self._most:
            self._narrow()
        self._version += known != what
        return known != what

    def read_to(self, place: Place) -> None:
        """All up to there has been handed on."""
        self.at = place

    def end(self, now: float) -> None:
        """All there was has been read."""
        self.at = None
        self._version += 1
        if not self._resumed:
            self._complete = self._begun
            for who in self._digests.keys() - self._met:
                del self._digests[who]
        since, reached = self._reached[-1] if self._reached else (-math.inf, None)
        if self._last is not None and self._last != reached and now - since >= self._lag / MOMENTS:
            self._reached.append((now, self._last))

    @property
    def crowded(self) -> bool:
        """Whether more rows have the last increment than are remembered: one that is given it later is not read."""
        return self._narrowed and self._last in {None, self.floor}

    def pass_by(self, floor: Any) -> None:  # noqa: ANN401 - of any type
        """What is up to there is not remembered."""
        self.floor, self._narrowed = floor, True
        self._reached.clear()

    @property
    def state(self) -> tuple[int, Any, Place | None]:
        """Another one wherever `saved` gives something else."""
        return self._version, self.floor, self.at

    def saved(self) -> dict[str, Any]:
        """As it is kept in a position; digests only where they are not too many."""
        few = len(self._digests) <= self._most_saved
        return {
            "column": self._by,
            "floor": kept(self.floor),
            "at": None if self.at is None else self.at.saved(),
            "complete": self._complete,
            "reached": [[since, kept(by)] for since, by in self._reached],
            "seen": b"".join([who + what for who, what in self._digests.items()]) if few else b"",
            "count": self._count if few else 0,
            "steps": [[count, kept(by)] for count, by in self._steps if few],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """From what `saved` gave."""
        self.floor = given_back(saved["floor"])
        self.at = None if saved["at"] is None else Place.restored(saved["at"])
        self._complete = saved["complete"]
        self._reached.extend((since, given_back(by)) for since, by in saved["reached"])
        seen, size = saved["seen"], 2 * DIGEST_BYTES
        for start in range(0, len(seen), size):
            self._digests[seen[start : start + DIGEST_BYTES]] = seen[start + DIGEST_BYTES : start + size]
        self._count = saved["count"]
        self._steps.extend((count, given_back(by)) for count, by in saved["steps"])

    def _narrow(self) -> None:
        """Forget the row that was met longest ago; the floor rises above those that are forgotten."""
        forgotten, _ = self._digests.popitem(last=False)
        self._met.discard(forgotten)
        while self._steps and self._steps[0][0] <= self._count - self._most:
            self.pass_by(self._steps.popleft()[1])


def _digest(text: bytes) -> bytes:
    return blake2s(text, digest_size=DIGEST_BYTES).digest()
