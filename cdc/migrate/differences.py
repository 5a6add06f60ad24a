"""Rows of two sides, compared by key and column on disk: memory stays small, whatever their number and order (I8)."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from struct import Struct
from types import TracebackType
from typing import NamedTuple, Self

CACHE_KIB = 32 * 1024
"""What SQLite holds of its file in memory."""

ROWS_AT_ONCE = 1000

Value = str | None
"""Of a column, in a form that is equal on both sides where the values are."""

Row = tuple[str, Sequence[Value]]
"""A key and its columns."""


class Difference(NamedTuple):
    """`how` is `missing`, `extra`, or `different` in `columns`."""

    key: str
    how: str
    columns: tuple[str, ...] = ()


class Sides:
    """The rows that should be in a table and those that are, of these columns; a digest of each is kept."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._digest = Struct(f"{len(columns)}q")
        self._file = sqlite3.connect("", isolation_level=None)  # a temporary one
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._file.execute(f"PRAGMA {setting}")
        self._file.execute("CREATE TABLE rows (key TEXT PRIMARY KEY, expected BLOB, found BLOB) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def expect(self, rows: Iterable[Row]) -> int:
        """Rows that should be there; of several with one key, the last. Gives how many there were."""
        return self._keep("expected", rows)

    def find(self, rows: Iterable[Row]) -> int:
        """Rows that are there. Gives how many there were."""
        return self._keep("found", rows)

    def differences(self) -> Iterator[Difference]:
        """In order of their keys."""
        unequal = "SELECT key, expected, found FROM rows WHERE expected IS NOT found ORDER BY key"
        with closing(self._file.execute(unequal)) as rows:
            for key, expected, found in rows:
                if found is None:
                    yield Difference(key, "missing")
                elif expected is None:
                    yield Difference(key, "extra")
                else:
                    yield Difference(key, "different", self._unequal(expected, found))

    def _keep(self, side: str, rows: Iterable[Row]) -> int:
        statement = (
            f"INSERT INTO rows (key, {side}) VALUES (?, ?) "  # noqa: S608 - one of two words of our own
            f"ON CONFLICT (key) DO UPDATE SET {side} = excluded.{side}"
        )
        count, rows = 0, iter(rows)
        while several := [(key, self._digest.pack(*map(hash, values))) for key, values in islice(rows, ROWS_AT_ONCE)]:
            self._file.execute("BEGIN")
            self._file.executemany(statement, several)
            self._file.execute("COMMIT")
            count += len(several)
        return count

    def _unequal(self, expected: bytes, found: bytes) -> tuple[str, ...]:
        pairs = zip(self._columns, self._digest.unpack(expected), self._digest.unpack(found), strict=True)
        return tuple(column for column, wanted, there in pairs if wanted != there)
