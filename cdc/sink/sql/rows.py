"""Documents as rows, by the mapping of their data type."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cdc.models.table import Table

Refusal = Callable[[Mapping[str, Any]], str | None]
Values = tuple[Any, ...]


class Row(NamedTuple):
    """A document's row: its key, the values of all columns, and for each child the rows of its items."""

    key: Values
    values: Values
    children: tuple[tuple[Values, ...], ...]


class Rows:
    """Makes the rows of a table for a database of that dialect; `refusal` says which documents do not fit."""

    def __init__(self, table: Table, *, dialect: str, refusal: Refusal | None = None) -> None: ...

    def row(self, document: bytes) -> Row:
        """The row of a BSON document; `Unencodable` names the column or the path that does not fit."""
        ...

    def key(self, identity: bytes) -> Values:
        """The key of the BSON document `{_id}`."""
        ...
