"""What is asked of the database: its clock, its tables, and their rows in order, streamed so that memory is bounded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from bson.timestamp import Timestamp

from cdc.config import SqlSettings
from cdc.errors import ConfigInvalid
from cdc.source.raw import REPLY_BYTES, ReplySize
from cdc.source.sql.places import Place
from cdc.source.sql.table import Table, described
from cdc.sql.engine import engine

_ESTIMATES = {
    "mysql": "SELECT TABLE_ROWS FROM information_schema.TABLES "
    "WHERE TABLE_NAME = :table AND TABLE_SCHEMA = COALESCE(:schema, DATABASE())",
    "postgresql": "SELECT c.reltuples FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = :table AND n.nspname = COALESCE(:schema, current_schema())",
}

FETCHED = 100
"""Rows at once: the next ones may be far larger than the last."""

_NO_STANDSTILL = sa.text("SET LOCAL idle_in_transaction_session_timeout = '60s'")
"""Whoever reads no further, as while Kafka is away, must not hold up an ALTER TABLE, and all that waits behind that;
MySQL's net_write_timeout does the same."""


class Rows(NamedTuple):
    """Rows as the database gave them, and as BSON."""

    rows: list[Sequence[Any]]
    documents: list[bytes]

    @property
    def raw(self) -> bytes:
        return b"".join(self.documents)


class Server:
    """The database of the settings. Raises SQLAlchemy's errors."""

    def __init__(self, settings: SqlSettings, name: str) -> None:
        self._engine = engine(settings, app=name)
        self._dialect = settings.address.dialect
        self._batch_size = settings.batch_size

    def clock(self) -> Timestamp:
        """The server's, in whole seconds."""
        with self._engine.connect() as connection:
            now: datetime = connection.execute(sa.select(sa.func.now())).scalar_one()
        return Timestamp(int((now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()), 0)

    def table(self, name: str, by: str) -> Table:
        with self._engine.connect() as connection:
            return described(connection, name, by, self._dialect)

    def require_increments(self, table: Table) -> None:
        """Raises `ConfigInvalid`: a row has none, and would never be read in its order."""
        if not table.columns[table.by].nullable:
            return
        with self._engine.connect() as connection:
            bare = connection.execute(table.without()).first()
        if bare is not None:
            column = table.columns[table.by].name
            raise ConfigInvalid(
                f"--increment-field: rows of {table.name} have no {column!r}, and would be left out",
                hint="fill them in, or name a column that is NOT NULL",
            )

    def before_last(self, table: Table, rows: int) -> Any:  # noqa: ANN401 - of any type
        """The increment so many rows before the last one; None where there are fewer."""
        with self._engine.connect() as connection:
            return connection.execute(table.before_last(rows)).scalar()

    def estimated(self, table: Table) -> int:
        """About how many rows it has; 0 where that is not known."""
        schema, _, name = table.name.rpartition(".")
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.text(_ESTIMATES[self._dialect]), {"table": name, "schema": schema or None}
            ).scalar()
        return max(0, int(rows or 0))

    @contextmanager
    def rows(
        self,
        table: Table,
        *,
        above: Any = None,  # noqa: ANN401 - of any type
        behind: Place | None = None,
    ) -> Iterator[Iterator[Rows]]:
        """Rows in order, as of now, in parts of a bounded size. Who leaves early leaves the connection, too."""
        with self._engine.connect() as connection:
            if self._dialect == "postgresql":
                connection.execute(_NO_STANDSTILL)
            streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
            result = streaming.execute(table.rows(above=above, behind=behind))
            try:
                yield self._parts(table, result)
            finally:
                if not result.closed:
                    _abandon(result)
                    connection.invalidate()

    def _parts(self, table: Table, result: sa.CursorResult[Any]) -> Iterator[Rows]:
        size, part, nbytes = ReplySize(self._batch_size), Rows([], []), 0
        while fetched := result.fetchmany(min(FETCHED, size.documents - len(part.rows))):
            documents = [table.encoded(row) for row in fetched]
            part.rows.extend(fetched)
            part.documents.extend(documents)
            nbytes += sum(map(len, documents))
            if len(part.rows) >= size.documents or nbytes >= REPLY_BYTES:
                size.learn(part.raw)
                yield part
                part, nbytes = Rows([], []), 0
        if part.rows:
            yield part
        result.close()

    def close(self) -> None:
        self._engine.dispose()


def _abandon(result: sa.CursorResult[Any]) -> None:
    """PyMySQL would read all that is left, even from a connection that is no more."""
    reading = getattr(result.cursor, "_result", None)
    if reading is not None:
        reading.unbuffered_active = False
