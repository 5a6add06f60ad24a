"""Images of documents into tables: many at once, and one by one where the database refuses some of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy.exc import SQLAlchemyError

from cdc.events import Records
from cdc.models.table import Table
from cdc.sink.sql.refusals import refusal
from cdc.sink.sql.rows import Row, Values
from cdc.sink.sql.statements import Limits, OversizeError, statements
from cdc.sql.schema import letters as of_letters
from cdc.sql.transaction import Transaction


class Image(NamedTuple):
    """What the document of a record has become, by its key, formed; no row where it is gone."""

    key: Values
    row: Row | None
    records: Records
    place: int


class Told(Protocol):
    """Who is told what becomes of documents, by any thread, in the order of each key."""

    def write(self, row: Row) -> None: ...

    def delete(self, key: Values) -> None: ...

    def refuse(self, reason: str, key: Values | None = None) -> None:
        """`key` is that of the document's row, from who knows it."""


class Nobody:
    """Implements `Told`."""

    def write(self, row: Row) -> None:
        pass

    def delete(self, key: Values) -> None:
        pass

    def refuse(self, reason: str, key: Values | None = None) -> None:
        pass


class Writer:
    """Writes into the open transaction; `letters` names the table of what `refused` gives for refused images."""

    def __init__(
        self,
        transaction: Transaction,
        table: Table,
        letters: str | None,
        refused: Callable[[Image, str], Values],
        told: Told,
    ) -> None:
        self._transaction = transaction
        self._told = told
        self._refused = refused
        dialect, limits = transaction.address.dialect, Limits(transaction.settings.batch_size, transaction.packet)
        self._parents, *made = [
            statements(dialect, name, columns, keys, limits)
            for name, columns, keys in (*table.tables, *(of_letters(letters).tables if letters else ()))
        ]
        self._children = made[: len(table.children)]
        self._letters = made[-1] if letters else None

    def form(self, row: Row) -> Row:
        """The row as statements take it; made by who maps, while the database is at work."""
        parts = zip(self._children, row.children, strict=True)
        children = tuple([list(map(child.form, rows)) for child, rows in parts])
        return Row(row.key, self._parents.form(row.values), children)

    def write(self, images: Sequence[Image], letters: list[Values]) -> None:
        """All of them, in their order; those that the database refuses become `letters`, which are written last."""
        with self._transaction.translated():
            self._apply(images, letters)
            if self._letters is not None:
                self._letters.insert(self._transaction.connection, list(map(self._letters.form, letters)))

    def _apply(self, images: Sequence[Image], letters: list[Values]) -> None:
        """Halves, again and again, until the refused ones stand alone.

        What is no refusal, as a deadlock, may have ended the savepoint too, which is left alone then.
        """
        if not images:
            return
        savepoint = self._transaction.connection.begin_nested()
        try:
            self._last(images)
            savepoint.commit()
        except (SQLAlchemyError, OversizeError) as error:
            reason = str(error) if isinstance(error, OversizeError) else refusal(error)
            if reason is None:
                raise
            savepoint.rollback()
            if len(images) == 1:
                letters.append(self._refused(images[0], reason))
                return
            middle = len(images) // 2
            self._apply(images[:middle], letters)
            self._apply(images[middle:], letters)

    def _last(self, images: Sequence[Image]) -> None:
        """The last image of each key; what is deleted first makes room for what is written."""
        connection = self._transaction.connection
        last = {image.key: image.row for image in images}
        rows = [row for row in last.values() if row is not None]
        gone = [key for key, row in last.items() if row is None]
        for child in self._children:
            child.delete(connection, list(last))
        self._parents.delete(connection, gone)
        self._parents.upsert(connection, [row.values for row in rows])
        for place, child in enumerate(self._children):
            child.insert(connection, [values for row in rows for values in row.children[place]])
        for row in rows:
            self._told.write(row)
        for key in gone:
            self._told.delete(key)
