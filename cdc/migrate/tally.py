"""What a migration has done so far, in numbers."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from cdc.events import Position
from cdc.pipeline import CursorStore
from cdc.sink.sql.rows import Row, Values

MOST_REASONS = 200
"""Reasons that are told apart; names of a document's own may stand in them (I8)."""

OTHERS = "other reasons"


@dataclass(slots=True)
class _Counts:
    documents: int
    deletes: int
    rows: dict[str, int]
    refused: Counter[str]


class Tally:
    """Implements `Told`: documents, rows of each of the `tables`, and what was refused for which reason.

    What was counted since a position was saved is counted again by the next attempt: `back` forgets it.
    """

    def __init__(self, tables: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._now = _Counts(0, 0, dict.fromkeys(tables, 0), Counter())
        self._kept = deepcopy(self._now)

    def write(self, row: Row) -> None:
        with self._lock:
            self._now.documents += 1
            for table, rows in zip(self._now.rows, ((row,), *row.children), strict=True):
                self._now.rows[table] += len(rows)

    def delete(self, key: Values) -> None:
        del key
        with self._lock:
            self._now.deletes += 1

    def refuse(self, reason: str, key: Values | None = None) -> None:
        del key
        with self._lock:
            known = reason in self._now.refused or len(self._now.refused) < MOST_REASONS
            self._now.documents += 1
            self._now.refused[reason if known else OTHERS] += 1

    @property
    def refused(self) -> int:
        return self._now.refused.total()

    def keep(self) -> None:
        """What is counted so far stays."""
        with self._lock:
            self._kept = deepcopy(self._now)

    def back(self) -> None:
        with self._lock:
            self._now = deepcopy(self._kept)

    def lines(self, verb: str, rows: Mapping[str, int] | None = None) -> Iterator[str]:
        """The summary; `verb` is what was done with the rows, of which there may be another count."""
        done = self._now
        deletes = f", {_counted(done.deletes, 'delete')}" if done.deletes else ""
        yield f"{_counted(done.documents, 'document')} read{deletes}"
        rows = done.rows if rows is None else rows
        name, width = max(map(len, rows), default=0), _width(rows)
        for table, count in rows.items():
            yield f"  {table:{name}}  {count:>{width},}  row{'' if count == 1 else 's'} {verb}"
        if done.refused:
            yield f"{_counted(self.refused, 'document')} refused"
            width = _width(done.refused)
            for reason, documents in done.refused.most_common():
                yield f"  {documents:>{width},}  {reason}"


class Counted:
    """Implements `pipeline.CursorStore`: what was counted up to a position is kept with it."""

    def __init__(self, store: CursorStore, tally: Tally) -> None:
        self._store = store
        self._tally = tally

    def load(self) -> Position | None:
        self._tally.back()
        return self._store.load()

    def save(self, position: Position) -> None:
        self._store.save(position)
        self._tally.keep()


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _width(counts: Mapping[str, int]) -> int:
    return max((len(f"{count:,}") for count in counts.values()), default=0)
