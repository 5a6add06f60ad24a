"""Rows of two sides, compared by key and column on disk: memory stays small, whatever their number and order (I8)."""

import sqlite3
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Literal, NamedTuple

CACHE_KIB = 16 * 1024
"""What SQLite holds of its file in memory."""

PENDING = 1000

Value = str | None
"""Of a column, in a form that is equal on both sides where the values are."""

Side = Literal["expected", "found"]


class Difference(NamedTuple):
    """`how` is `missing`, `extra`, `stale`, or `different`; `why` a reason, the columns, or how many rows there are."""

    key: str
    how: str
    why: str | None = None


class Sides:
    """What should be in a table and what is, under keys, in these columns; only a digest of it is kept."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._digest = Struct(f"{len(columns)}q")
        self._pending: dict[str, tuple[bytes | None, int, str | None]] = {}
        self._side: Side = "expected"
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a temporary file
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._file.execute(f"PRAGMA {setting}")
        self._file.execute(
            "CREATE TABLE rows (key TEXT PRIMARY KEY, expected BLOB, found BLOB, reason TEXT, "
            "expected_rows INTEGER NOT NULL DEFAULT 0, found_rows INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def keep(self, side: Side, key: str, values: Sequence[Value] | None, rows: int = 1) -> None:
        """On that side stands this now, in so many rows, in place of what stood there; None where there is nothing."""
        digest = None if values is None else self._digest.pack(*map(hash, values))
        self._stand(side, key, digest, 0 if values is None else rows)

    def refuse(self, key: str, reason: str) -> None:
        """What is expected there now cannot be had, for that reason; what is found is of an earlier state."""
        self._stand("expected", key, None, 0, reason)

    def explain(self, key: str, reason: str) -> None:
        """Why nothing was found under that key, where something was expected."""
        self._flush()
        self._file.execute("UPDATE rows SET reason = ? WHERE key = ? AND found ISNULL", (reason, key))

    def rows(self, side: Side) -> int:
        """How many there are on that side."""
        self._flush()
        (count,) = self._file.execute(f"SELECT coalesce(sum({side}_rows), 0) FROM rows").fetchone()  # noqa: S608 - a word of ours
        return int(count)

    def differences(self) -> Iterator[Difference]:
        """In order of their keys."""
        self._flush()
        unequal = (
            "SELECT key, expected, found, expected_rows, found_rows, reason FROM rows "
            "WHERE expected IS NOT found ORDER BY key"
        )
        for key, expected, found, wanted, there, reason in self._file.execute(unequal):
            if found is None:
                yield Difference(key, "missing", reason)
            elif expected is None:
                yield Difference(key, "extra" if reason is None else "stale", reason)
            elif wanted != there:
                yield Difference(key, "different", f"{there} rows, not {wanted}")
            else:
                yield Difference(key, "different", self._unequal(expected, found))

    def _stand(self, side: Side, key: str, digest: bytes | None, rows: int, reason: str | None = None) -> None:
        if side != self._side or len(self._pending) >= PENDING:
            self._flush()
        self._side = side
        self._pending[key] = digest, rows, reason

    def _flush(self) -> None:
        statement = (
            f"INSERT INTO rows (key, {self._side}, {self._side}_rows, reason) VALUES (?, ?, ?, ?) "  # noqa: S608 - a word of ours
            f"ON CONFLICT (key) DO UPDATE SET {self._side} = excluded.{self._side}, "
            f"{self._side}_rows = excluded.{self._side}_rows{', reason = excluded.reason' * (self._side == 'expected')}"
        )
        self._file.execute("BEGIN")
        self._file.executemany(statement, [(key, *kept) for key, kept in self._pending.items()])
        self._file.execute("COMMIT")
        self._pending.clear()

    def _unequal(self, expected: bytes, found: bytes) -> str:
        pairs = zip(self._columns, self._digest.unpack(expected), self._digest.unpack(found), strict=True)
        return ", ".join(column for column, wanted, there in pairs if wanted != there)
