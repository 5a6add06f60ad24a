"""`--dry-run`: how much there is, the first rows as they would be written, and what would be refused."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from cdc.migrate.tally import Tally
from cdc.migrate.values import shown
from cdc.models.table import Column, Table
from cdc.sink.sql.rows import Row, Values

FIRST = 3
"""Documents whose rows are shown."""


class Rehearsal:
    """Implements `mapped.Taker`."""

    def __init__(self, table: Table, tally: Tally) -> None:
        self._tables = [(name, columns) for name, columns, _ in table.tables]
        self._tally = tally
        self._shown: list[bytes] = []

    def write(self, row: Row) -> None:
        first = self._tally.documents < FIRST
        self._tally.documents += 1
        for (name, columns), rows in zip(self._tables, ((row.values,), *row.children), strict=True):
            self._tally.rows[name] += len(rows)
            if first:
                self._shown += [_line(name, columns, values) for values in rows]

    def delete(self, key: Values) -> None:
        del key
        self._tally.deletes += 1

    def refuse(self, reason: str) -> None:
        self._tally.documents += 1
        self._tally.refuse(reason)

    def lines(self) -> Iterator[str]:
        """The first rows, each as a line of JSON, and the numbers."""
        yield from (line.decode() for line in self._shown)
        yield from self._tally.lines("to write")


def _line(table: str, columns: tuple[Column, ...], values: Values) -> bytes:
    row: Mapping[str, Any] = {
        column.name: shown(column.type, value) for column, value in zip(columns, values, strict=True)
    }
    return orjson.dumps({"table": table, "row": row})
