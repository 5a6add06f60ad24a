"""How the documents of a data type lie in SQL tables.

A document is a row, a field of it a column by its path, an array of it rows of a table of their own:

    Table(
        "orders",
        key=(Column("id", Id(64), path="_id"),),
        columns=(
            Column("customer", Text(200), null=False),
            Column("city", Text(100), path="address.city"),
            Column("total", Numeric(18, 2)),
            Column("state", Text(20), null=False, default="new"),
        ),
        children=(Child("orders_line", "lines", (Column("sku", Text(40)), Column("count", Integer()))),),
        rest="more",
    )
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_INDEXED = 3072
"""Bytes that a key of MySQL's takes."""


@dataclass(frozen=True, slots=True)
class Type:
    """What a column holds; nothing of it is cut short, rounded or changed to fit."""


@dataclass(frozen=True, slots=True)
class Text(Type):
    """At most `size` characters; without it, long text."""

    size: int | None = None


@dataclass(frozen=True, slots=True)
class Id(Type):
    """An ObjectId as its 24 hexadecimal digits, or a text that is not 24 such digits, so that the two stay apart."""

    size: int = 24


@dataclass(frozen=True, slots=True)
class Integer(Type):
    """32 bits."""


@dataclass(frozen=True, slots=True)
class BigInteger(Type):
    """64 bits."""


@dataclass(frozen=True, slots=True)
class Double(Type):
    """A finite number of 64 bits; integers that it holds exactly, too."""


@dataclass(frozen=True, slots=True)
class Numeric(Type):
    """A finite decimal of `precision` digits, `scale` of them behind the point."""

    precision: int = 34
    scale: int = 6


@dataclass(frozen=True, slots=True)
class Boolean(Type):
    """True or false."""


@dataclass(frozen=True, slots=True)
class DateTime(Type):
    """A moment to the millisecond: UTC in MySQL, which keeps no zone, and with its zone in PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Date(Type):
    """The day, in UTC, of a moment at midnight."""


@dataclass(frozen=True, slots=True)
class Binary(Type):
    """At most `size` bytes; without it, as long as they come."""

    size: int | None = None


@dataclass(frozen=True, slots=True)
class Uuid(Type):
    """A UUID: its text in MySQL."""


@dataclass(frozen=True, slots=True)
class Json(Type):
    """Any value, as relaxed Extended JSON."""


KEYS = (Id, Text, Integer, BigInteger, DateTime, Uuid)
"""Types by which a database tells rows apart as MongoDB does documents."""


@dataclass(frozen=True, slots=True)
class Column:
    """The value at `path`, by default the field of the column's name.

    A path goes through documents: `address.city`; it ends at an array, which a `Json` column takes as a whole.
    `default` stands where the document has nothing, or null.
    """

    name: str
    type: Type
    path: str | None = None
    null: bool = True
    default: Any = None

    @property
    def source(self) -> str:
        """The path."""
        return self.name if self.path is None else self.path


@dataclass(frozen=True, slots=True)
class Child:
    """The table of the items of the array at `path`: a row each, with the parent's key and the item's position from 0.

    The paths of its columns go from the item, an empty one is the item itself. `parent` names the columns of the
    parent's key, by default by its table and its own names, as `orders_id`. `rest` is as that of a table.
    """

    name: str
    path: str
    columns: tuple[Column, ...]
    parent: tuple[str, ...] = ()
    position: str = "position"
    rest: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a collection, a row for each document; those of its `children` are written with it.

    `key` takes the whole of `_id`: the column of that path, or one for each field of a document there. `rest` names a
    JSON column for all that no column and no child took; without it that is left out.

    Raises:
        ValueError: names that are not plain, or are there twice; a key that tells no rows apart.
    """

    name: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    children: tuple[Child, ...] = ()
    rest: str | None = None

    def __post_init__(self) -> None:
        _apart("tables", [self.name, *(child.name for child in self.children)])
        _apart(f"columns of {self.name}", [column.name for column in self.all])
        for child in self.children:
            _apart(f"columns of {child.name}", [column.name for column in self.all_of(child)])
        paths = [column.source for column in self.key]
        if not paths or (paths != ["_id"] and not all(re.fullmatch(r"_id\.[^.]+", path) for path in paths)):
            raise ValueError(f"{self.name}: the key must take _id, or its fields by paths such as _id.city")
        for column in self.key:
            if not isinstance(column.type, KEYS) or _length(column.type) > _INDEXED:
                raise ValueError(f"{self.name}.{column.name}: {column.type} cannot be a key")
        for name, columns, keys in self.tables:
            if (length := sum(_length(column.type) for column in columns[:keys])) > _INDEXED:
                raise ValueError(f"{name}: the key takes {length} bytes, and MySQL's at most {_INDEXED}")

    @property
    def all(self) -> tuple[Column, ...]:
        """All columns of the table, in its order: key, columns, rest."""
        return (*(_never_null(column) for column in self.key), *self.columns, *_rest(self.rest))

    def all_of(self, child: Child) -> tuple[Column, ...]:
        """All columns of a child's table, in its order: the parent's key, position, columns, rest."""
        parent = child.parent or tuple(f"{self.name}_{column.name}" for column in self.key)
        keys = (Column(name, column.type, null=False) for name, column in zip(parent, self.key, strict=True))
        return (*keys, Column(child.position, Integer(), null=False), *child.columns, *_rest(child.rest))

    @property
    def tables(self) -> Iterator[tuple[str, tuple[Column, ...], int]]:
        """Each table's name, columns, and how many of these, the first, are its primary key."""
        yield self.name, self.all, len(self.key)
        for child in self.children:
            yield child.name, self.all_of(child), len(self.key) + 1


def _length(key: Type) -> float:
    """Bytes of a column in a key of MySQL's; a character may take four."""
    if isinstance(key, Text | Id):
        return inf if key.size is None else key.size * 4
    return _LENGTHS[type(key)]


_LENGTHS: dict[type[Type], int] = {Integer: 4, BigInteger: 8, DateTime: 7, Uuid: 36}


def _never_null(column: Column) -> Column:
    return Column(column.name, column.type, column.source, null=False)


def _rest(name: str | None) -> tuple[Column, ...]:
    return () if name is None else (Column(name, Json(), path=""),)


def _apart(what: str, names: list[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{what}: {name!r} is not 1 to 63 letters, digits and '_'")
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"{what}: a name is there twice, in {', '.join(names)}")
