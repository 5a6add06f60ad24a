"""`--dry-run`: how much there is, the first rows as they would be written, and what would be refused."""

from collections.abc import Iterator, Sequence

import orjson

from cdc.migrate.tally import Tally
from cdc.migrate.values import shown
from cdc.models.table import Column, Table
from cdc.sink.sql.rows import Row, Values

FIRST = 3
"""Documents whose rows are shown."""


class Rehearsal:
    """Implements `Told`."""

    def __init__(self, table: Table, tally: Tally) -> None:
        self._tables = [(name, columns) for name, columns, _ in table.tables]
        self._tally = tally
        self._first: list[Row] = []

    def write(self, row: Row) -> None:
        if len(self._first) < FIRST:
            self._first.append(row)
        self._tally.write(row)

    def delete(self, key: Values) -> None:
        self._tally.delete(key)

    def refuse(self, reason: str, key: Values | None = None) -> None:
        del key
        self._tally.refuse(reason)

    def lines(self) -> Iterator[str]:
        """The first rows, each as a line of JSON, and the numbers."""
        for row in self._first:
            for (name, columns), rows in zip(self._tables, ((row.values,), *row.children), strict=True):
                yield from (_line(name, columns, values) for values in rows)
        yield from self._tally.lines("to write")


def _line(table: str, columns: Sequence[Column], values: Values) -> str:
    row = {column.name: shown(column.type, value) for column, value in zip(columns, values, strict=True)}
    return orjson.dumps({"table": table, "row": row}).decode()
