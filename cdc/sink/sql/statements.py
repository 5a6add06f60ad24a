"""The statements that write the rows of one table, for as many rows at once as there are."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cdc.config.sql import Dialect
from cdc.models import table as mapping
from cdc.sink.sql.literals import joined, renderer
from cdc.sink.sql.rows import Values
from cdc.sql.schema import dialect as written

Columns = tuple[mapping.Column, ...]


class Statements(Protocol):
    """Of a table whose first `keys` columns are its key; at most `most` rows go into one statement."""

    def form(self, values: Values) -> Any:  # noqa: ANN401 - the database's own
        """A row as the statements take it."""

    def insert(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Formed rows whose keys are not there."""

    def upsert(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Formed rows that replace those of their keys; no key twice."""

    def delete(self, connection: Connection, keys: Sequence[Values]) -> None:
        """The rows of these keys, or of what they begin with."""


class OversizeError(ValueError):
    """A row takes a longer statement than the server does."""


class Limits(NamedTuple):
    """Most rows, and most bytes where the server sets a limit, of a statement."""

    rows: int
    packet: int | None


def statements(dialect: Dialect, name: str, columns: Columns, keys: int, limits: Limits) -> Statements:
    made: type[_MySql | _PostgreSql] = _MySql if dialect == "mysql" else _PostgreSql
    return made(name, columns, keys, limits)


class _MySql:
    """Values stand in the text of a statement.

    A row may meet one of another key at some other unique index, and would be written over it: the key is then set to
    null, which the server refuses.
    """

    def __init__(self, name: str, columns: Columns, keys: int, limits: Limits) -> None:
        table, *quoted = _quoted("mysql", name, columns)
        same = " AND ".join(f"{column} = VALUES({column})" for column in quoted[:keys])
        kept = f"{quoted[0]} = IF({same}, {quoted[0]}, NULL)"
        changed = (f"{column} = VALUES({column})" for column in quoted[keys:])
        self._insert = f"INSERT INTO {table} ({', '.join(quoted)}) VALUES "
        self._update = f" ON DUPLICATE KEY UPDATE {', '.join([kept, *changed])}"
        self._delete = f"DELETE FROM {table} WHERE "
        self._columns, self._quoted = columns, quoted
        self.form = renderer(columns)
        self._most, self._packet = limits.rows, limits.packet or _LEAST

    def insert(self, connection: Connection, rows: Sequence[str]) -> None:
        self._each(connection, self._insert, rows, "")

    def upsert(self, connection: Connection, rows: Sequence[str]) -> None:
        self._each(connection, self._insert, rows, self._update)

    def delete(self, connection: Connection, keys: Sequence[Values]) -> None:
        if keys:
            width = len(keys[0])
            values = list(map(renderer(self._columns[:width]), keys))
            self._each(connection, f"{self._delete}({', '.join(self._quoted[:width])}) IN (", values, ")")

    def _each(self, connection: Connection, head: str, rows: Sequence[str], tail: str) -> None:
        for some in joined(rows, self._most, min(_LONGEST, self._packet // 5)):
            statement = f"{head}{some}{tail}"
            if len(statement) > self._packet // 5 and (length := len(statement.encode())) >= self._packet - 1:
                raise OversizeError(f"needs {length} bytes in one statement, and max_allowed_packet is {self._packet}")
            try:
                connection.exec_driver_sql(statement, execution_options=_AS_IT_IS)
            except DBAPIError as error:
                error.statement = f"{head}…"  # an error repeats no values
                raise


_LEAST = 1024 * 1024
_LONGEST = 1024 * 1024
"""Characters of a statement of several rows."""

_AS_IT_IS = {"no_parameters": True}


class _PostgreSql:
    """Values stand in an array for each column, so that the statement is the same for any number of rows."""

    def __init__(self, name: str, columns: Columns, keys: int, limits: Limits) -> None:
        table, *quoted = _quoted("postgresql", name, columns)
        self._arrays = [f"%s::{_ARRAYS[type(column.type)]}[]" for column in columns]
        values = f"SELECT * FROM unnest({', '.join(self._arrays)})"
        changed = ", ".join(f"{column} = EXCLUDED.{column}" for column in quoted[keys:])
        then = f"DO UPDATE SET {changed}" if changed else "DO NOTHING"
        self._insert = f"INSERT INTO {table} ({', '.join(quoted)}) {values}"
        self._upsert = f"{self._insert} ON CONFLICT ({', '.join(quoted[:keys])}) {then}"
        self._table, self._keys = table, quoted
        self._most = limits.rows

    def form(self, values: Values) -> Values:
        return values

    def insert(self, connection: Connection, rows: Sequence[Values]) -> None:
        self._each(connection, self._insert, rows)

    def upsert(self, connection: Connection, rows: Sequence[Values]) -> None:
        self._each(connection, self._upsert, rows)

    def delete(self, connection: Connection, keys: Sequence[Values]) -> None:
        if not keys:
            return
        width = len(keys[0])
        names = [f"k{place}" for place in range(width)]
        same = " AND ".join(f"t.{column} = {name}" for column, name in zip(self._keys, names, strict=False))
        arrays = ", ".join(self._arrays[:width])
        self._each(
            connection, f"DELETE FROM {self._table} t USING unnest({arrays}) k({', '.join(names)}) WHERE {same}", keys
        )

    def _each(self, connection: Connection, statement: str, rows: Sequence[Values]) -> None:
        for some in _parts(rows, self._most):
            connection.exec_driver_sql(statement, tuple(map(list, zip(*some, strict=True))))


_ARRAYS: dict[type[mapping.Type], str] = {
    mapping.Text: "text",
    mapping.Id: "text",
    mapping.Integer: "bigint",
    mapping.BigInteger: "bigint",
    mapping.Double: "float8",
    mapping.Numeric: "numeric",
    mapping.Boolean: "boolean",
    mapping.DateTime: "timestamptz",
    mapping.Date: "date",
    mapping.Binary: "bytea",
    mapping.Uuid: "uuid",
    mapping.Json: "jsonb",
}
"""Without lengths: a cast to `varchar(3)` cuts short in silence, the column itself refuses."""


def _parts(rows: Sequence[Values], most: int) -> Iterator[Sequence[Values]]:
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def _quoted(kind: Dialect, name: str, columns: Columns) -> list[str]:
    quote: Any = written(kind).identifier_preparer.quote_identifier
    return [str(quote(each)) for each in (name, *(column.name for column in columns))]
