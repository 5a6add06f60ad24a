"""One transaction after another on one connection: what a sink writes, and the cursor that goes with it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cdc.config.sql import IDLE_SECONDS, Address, SqlSettings
from cdc.metrics import timed
from cdc.sql.engine import engine
from cdc.sql.errors import SINK, translated

LOCK_SECONDS = 10
"""How long a row that another transaction holds is waited for."""

_MARIADB = f"SET SESSION innodb_lock_wait_timeout={LOCK_SECONDS}, idle_transaction_timeout={IDLE_SECONDS}, {{mode}}"
_MYSQL = f"SET SESSION innodb_lock_wait_timeout={LOCK_SECONDS}, {{mode}}"
_MODE = "sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'"
"""Nothing is cut short or replaced in silence, whatever the server's mode."""
_POSTGRESQL = (
    f"SET lock_timeout='{LOCK_SECONDS}s'; SET idle_in_transaction_session_timeout='{IDLE_SECONDS}s'; "
    "SET standard_conforming_strings=on"
)


class Transaction:
    """Of the pipeline `name`; all calls come from one thread at a time.

    `packet` is then how many bytes a statement may have, where the server sets a limit.
    """

    def __init__(self, settings: SqlSettings, name: str) -> None:
        self.settings = settings
        self._name = name
        self._connection: Connection | None = None
        self.packet: int | None = None

    @property
    def address(self) -> Address:
        return self.settings.address

    @cached_property
    def engine(self) -> Engine:
        return engine(self.settings, app=self._name)

    @property
    def opened(self) -> bool:
        return self._connection is not None

    @timed("sql.open")
    def open(self) -> None:
        """A connection of its own; what an earlier one left open is undone."""
        self.close()
        with self.translated():
            connection = self.engine.connect().execution_options(isolation_level="READ COMMITTED")
            self._connection = connection
            connection.exec_driver_sql(self._session(connection))
            if self.address.dialect == "mysql":
                self.packet = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
            connection.commit()

    @property
    def connection(self) -> Connection:
        """The open one; the first statement begins a transaction."""
        if self._connection is None:
            self.open()
        if self._connection is None:
            raise RuntimeError("no connection")
        return self._connection

    @timed("sql.commit")
    def commit(self) -> None:
        with self.translated():
            self.connection.commit()

    def close(self, *, busy: bool = False) -> None:
        """Undo what is not committed, and let go of the connection; one that is `busy` on another thread is cut."""
        connection, self._connection = self._connection, None
        with suppress(SQLAlchemyError):
            if connection is not None and busy:
                connection.invalidate()
            if connection is not None:
                connection.close()
        if "engine" in vars(self):
            self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        with translated(self.address, SINK):
            yield

    def _session(self, connection: Connection) -> str:
        if self.address.dialect == "postgresql":
            return _POSTGRESQL
        form = _MARIADB if getattr(connection.dialect, "is_mariadb", False) else _MYSQL
        return form.format(mode=_MODE)
