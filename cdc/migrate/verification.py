"""Whether the tables hold what the collection says: every document through the mapping, against every row.

A document is compared as its row, and for each child table as the rows of its items in their order.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnClause, ColumnElement, Connection

from cdc.migrate.differences import Sides, Value
from cdc.migrate.mapped import key_of
from cdc.migrate.tally import Tally
from cdc.migrate.values import form
from cdc.models.table import Column, Json, Table
from cdc.sink.sql.rows import Row, Rows, Values

MOST_NAMED = 1000
"""Differences of a table that are told one by one."""


class Part:
    """One table of the mapping; `own` columns, the first, are the document's key, and `keys` the row's."""

    def __init__(self, name: str, columns: Sequence[Column], keys: int, own: int) -> None:
        self.name = name
        self._columns = columns
        self._keys = keys
        self._own = own
        self._forms = [form(column.type) for column in columns]
        self.sides = Sides([column.name for column in columns])

    def expect(self, key: Values, rows: Sequence[Values]) -> None:
        """What the document of that key becomes, in place of what it became before."""
        self.sides.keep("expected", self.key(key), self._together(rows), len(rows))

    def find(self, connection: Connection) -> None:
        """All rows that the table has, read one after another."""
        columns: list[ColumnClause[Any]] = [sqlalchemy.column(column.name) for column in self._columns]
        query = sqlalchemy.select(*self._read(columns, connection)).select_from(sqlalchemy.table(self.name, *columns))
        found = connection.execution_options(yield_per=1000).execute(query.order_by(*columns[: self._keys]))
        for key, rows in groupby(found, lambda row: tuple(row[: self._own])):
            several = [tuple(row) for row in rows]
            self.sides.keep("found", self.key(key), self._together(several), len(several))

    def _read(self, columns: Sequence[ColumnClause[Any]], connection: Connection) -> Iterator[ColumnElement[Any]]:
        """PostgreSQL's JSON as text: its driver would make values of it, which do not tell one from another."""
        cast = connection.dialect.name == "postgresql"
        for found, column in zip(columns, self._columns, strict=True):
            yield sqlalchemy.cast(found, sqlalchemy.Text) if cast and isinstance(column.type, Json) else found

    def key(self, values: Values) -> str:
        """A document's key, as it is told; one text for each."""
        parts = [text(value) for text, value in zip(self._forms, values, strict=False)]
        return json.dumps(parts if len(parts) > 1 else parts[0], ensure_ascii=False)

    def told(self) -> Iterator[str]:
        """Each difference, in a line, up to a number."""
        for count, (key, how, why) in enumerate(self.sides.differences()):
            if count == MOST_NAMED:
                yield f"{self.name}: and more"
                return
            yield f"{self.name} {key} {how}{f': {why}' if why else ''}"

    def _together(self, rows: Sequence[Values]) -> Sequence[Value] | None:
        """A value for each column: that of the one row, or those of all in their order."""
        if not rows:
            return None
        formed = [[text(value) for text, value in zip(self._forms, row, strict=True)] for row in rows]
        return formed[0] if self._keys == self._own else [json.dumps(values) for values in zip(*formed, strict=True)]


class Verification:
    """Implements `Told`: hears what should be in the tables, then finds what is."""

    def __init__(self, table: Table, rows: Rows, tally: Tally) -> None:
        """`rows` is how a dead letter's key becomes that of a row."""
        self.different = False
        self._rows = rows
        self._parts = [Part(name, columns, keys, len(table.key)) for name, columns, keys in table.tables]
        self._tally = tally

    def close(self) -> None:
        for part in self._parts:
            part.sides.close()

    def write(self, row: Row) -> None:
        self._tally.write(row)
        for part, rows in zip(self._parts, ((row.values,), *row.children), strict=True):
            part.expect(row.key, rows)

    def delete(self, key: Values) -> None:
        self._tally.delete(key)
        for part in self._parts:
            part.expect(key, ())

    def refuse(self, reason: str, key: Values | None = None) -> None:
        self._tally.refuse(reason)
        if key is not None:
            for part in self._parts:
                part.sides.refuse(part.key(key), reason)

    def find(self, connection: Connection, letters: Iterable[tuple[str, str]]) -> None:
        """Read the tables, and what dead letters, given by their keys in JSON, say of documents without a row."""
        for part in self._parts:
            part.find(connection)
        for text, reason in letters:
            if (key := key_of(self._rows, text)) is not None:
                for part in self._parts:
                    part.sides.explain(part.key(key), f"a dead letter says: {reason}")

    def lines(self) -> Iterator[str]:
        """What was found, in numbers, and each difference."""
        yield from self._tally.lines("found", {part.name: part.sides.rows("found") for part in self._parts})
        for part in self._parts:
            for line in part.told():
                self.different = True
                yield line
