"""Cursors in a table, a row for each pipeline, kept by the transaction that writes the rows of its documents."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Row, inspect, select, update
from sqlalchemy.schema import CreateTable

from cdc.cursor.cursor import WatchedSource
from cdc.cursor.owner import Owner
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.errors import ConfigInvalid
from cdc.sql.making import made
from cdc.sql.schema import CURSORS, tables
from cdc.sql.transaction import Transaction

HINT = "run one instance of a pipeline: the last one to start has the cursor"

(_CURSORS,) = tables(CURSORS)
_columns = _CURSORS.columns


class SqlStore(Store):
    """The row of the pipeline's name in `cdc_cursor`; to keep a cursor commits all that `transaction` has written.

    Each attempt begins by writing its owner there; a transaction of anyone else finds that out as it ends, and is
    undone. There is no lease: the last one to begin has the cursor.
    """

    def __init__(self, directory: Path, name: str, source: WatchedSource, *, transaction: Transaction) -> None:
        super().__init__(directory, name, source)
        self.transaction = transaction
        self._claimed = False

    @property
    def where(self) -> str:
        return f"{self.name!r} in {_CURSORS.name} of {self.transaction.address}"

    @property
    def options(self) -> str:
        """Without its URL, which has a password."""
        return "--sink URL"

    def begin(self) -> bytes | None:
        """Only a process that begins takes over; one that tries again ends where it was taken over meanwhile."""
        self.transaction.open()
        with self.transaction.translated():
            connection = self.transaction.connection
            made(connection, lambda: self._make(connection))
            found = connection.execute(select(_CURSORS).where(_columns.name == self.name).with_for_update()).one()
            if self._claimed and found.owner_id != Owner.this().id:
                raise self._taken_over(found.owner, hint=HINT)
            mine = {"owner_id": Owner.this().id, "owner": str(Owner.this())}
            connection.execute(update(_CURSORS).where(_columns.name == self.name).values(mine))
            connection.commit()
        self._claimed = True
        return None if found.value is None else str(found.value).encode()

    def text(self) -> bytes | None:
        found = self._found()
        return None if found is None or found.value is None else str(found.value).encode()

    def keep(self, text: str | None) -> None:
        if not self._claimed or not self.transaction.opened:
            self.begin()
        mine = update(_CURSORS).where(_columns.name == self.name, _columns.owner_id == Owner.this().id)
        with self.transaction.translated():
            if self.transaction.connection.execute(mine.values(value=text)).rowcount:
                self.transaction.commit()
                return
            self.transaction.close()
        found = self._found()
        raise self._taken_over(None if found is None else found.owner, hint=HINT)

    def leased(self, *, standby: Standby | None) -> AbstractContextManager[None]:
        if standby is not None:
            raise ConfigInvalid(
                "--standby: a cursor in a SQL database knows no lease, the last one to start has it",
                hint="start the other one when the first has ended",
            )
        return nullcontext()

    def names(self) -> list[str]:
        with self.transaction.translated(), self.transaction.engine.connect() as connection:
            if not inspect(connection).has_table(_CURSORS.name):
                return []
            return sorted(connection.scalars(select(_columns.name).where(_columns.value.is_not(None))))

    def _found(self) -> Row[tuple[str, str | None, str | None, str | None]] | None:
        """On a connection of its own: the other one may be writing."""
        with self.transaction.translated(), self.transaction.engine.connect() as connection:
            if not inspect(connection).has_table(_CURSORS.name):
                return None
            return connection.execute(select(_CURSORS).where(_columns.name == self.name)).one_or_none()

    def _make(self, connection: Connection) -> None:
        """The table and the row, where they are missing."""
        if not inspect(connection).has_table(_CURSORS.name):
            connection.execute(CreateTable(_CURSORS, if_not_exists=True))
        if connection.execute(select(_columns.name).where(_columns.name == self.name)).one_or_none() is None:
            connection.execute(_CURSORS.insert().values(name=self.name))
        connection.commit()
