"""Documents as rows, by the mapping of their data type."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from cdc.config.sql import Dialect
from cdc.errors import ConfigInvalid, Unencodable
from cdc.models.table import Child, Column, Json, Table
from cdc.sink.sql.values import Convert, RefusedError, converter

Refusal = Callable[[Mapping[str, Any]], str | None]
"""Why a document does not fit, without its values, or None; dates come aware and in UTC, UUIDs as `uuid.UUID`."""

Values = tuple[Any, ...]

_MODEL: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
_BINARY = _MODEL.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)
_UUID = b"\x10\0\0\0\x04"  # the length and the subtype of one
_HINT = "set --dead-letter-table to put such documents aside and go on"


class Row(NamedTuple):
    """A document's row: the values of its key, of all columns, and for each child those of its items' rows."""

    key: Values
    values: Values
    children: tuple[list[Values], ...]


class _Place(NamedTuple):
    """Where a column's value is in a document, and how it is made."""

    path: str
    name: str
    inner: tuple[str, ...]
    convert: Convert
    default: Any
    null: bool


class Rows:
    """Makes the rows of a table for a database of that dialect; `refusal` says which documents do not fit."""

    def __init__(self, table: Table, *, dialect: Dialect, refusal: Refusal | None = None) -> None:
        place = partial(_place, table.name, dialect=dialect)
        self._refusal = refusal
        self._key = [place(column, key=True) for column in table.key]
        self._parts = [column.source.partition(".")[2] for column in table.key]
        self._columns = [place(column) for column in table.columns]
        self._children = [_Items(child, partial(_place, child.name, dialect=dialect)) for child in table.children]
        taken = [column.source for column in (*table.key, *table.columns)] + [child.path for child in table.children]
        self._rest = _rest(table.rest, taken, place)

    def row(self, document: bytes) -> Row:
        """The row of a BSON document; `Unencodable` names the path that does not fit."""
        found = _decoded(document, _MODEL)
        if self._refusal is not None and (reason := self._refusal(found)):
            raise Unencodable(reason, hint=_HINT)
        if _UUID in document:
            found = _decoded(document, _BINARY)
        key = self._keyed(found)
        values = (*key, *_values(found, self._columns), *self._rest(found))
        return Row(key, values, tuple([items.rows(key, found) for items in self._children]))

    def key(self, identity: bytes) -> Values:
        """The key of the BSON document `{_id}`; `Unencodable` where no row can have it."""
        return self._keyed(_decoded(identity, _BINARY))

    def _keyed(self, document: Mapping[str, Any]) -> Values:
        if self._parts != [""]:
            inner = document.get("_id")
            if not isinstance(inner, dict) or list(inner) != self._parts:
                raise _refused("_id", f"is no document of the fields {', '.join(self._parts)}, in this order")
        return _values(document, self._key)


class _Items:
    """The rows of the items of an array."""

    def __init__(self, child: Child, place: Callable[[Column], _Place]) -> None:
        self._path = child.path
        self._name, *self._inner = child.path.split(".")
        self._columns = [place(column) for column in child.columns]
        self._rest = _rest(child.rest, [column.source for column in child.columns], place)
        paths = {column.source for column in child.columns}
        self._whole, self._fields = "" in paths, bool(paths - {""}) or child.rest is not None

    def rows(self, key: Values, document: Mapping[str, Any]) -> list[Values]:
        array = document.get(self._name)
        for name in self._inner:
            array = _within(array, name, self._path)
        if array is None:
            return []
        if not isinstance(array, list):
            raise _refused(self._path, "is no array")
        position = 0
        try:
            rows = []
            for position, item in enumerate(array):
                rows.append((*key, position, *self._item(item)))
        except Unencodable as refused:
            raise _refused(f"{self._path}.{position}", str(refused)) from refused
        return rows

    def _item(self, item: Any) -> Values:  # noqa: ANN401 - whatever an array holds
        if not self._fields:
            return _values({"": item}, self._columns)
        if not isinstance(item, dict):
            raise _refused("", "is no document")
        found = {"": item, **item} if self._whole else item
        return (*_values(found, self._columns), *self._rest(item))


def _place(table: str, column: Column, *, dialect: Dialect, key: bool = False) -> _Place:
    name, *inner = column.source.split(".")
    convert = converter(column.type, dialect, key=key)
    try:
        default = None if column.default is None else convert(column.default)
    except RefusedError as refused:
        said = f"{table}.{column.name}: the default {refused}"
        raise ConfigInvalid(said, hint="mend the table of the data type") from None
    return _Place(column.source, name, tuple(inner), convert, default, column.null and not key)


def _values(document: Mapping[str, Any], places: Iterable[_Place]) -> Values:
    made = []
    path = ""
    try:
        for path, name, inner, convert, default, null in places:
            value = document.get(name)
            for part in inner:
                value = _within(value, part, path)
            if value is not None:
                made.append(convert(value))
            else:
                made.append(default if null or default is not None else _absent())
    except RefusedError as refused:
        raise _refused(path, str(refused)) from None
    return tuple(made)


def _absent() -> NoReturn:
    raise RefusedError("is missing, or null")


def _within(value: Any, name: str, path: str) -> Any:  # noqa: ANN401 - whatever a document holds
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _refused(path, "goes through what is no document")
    return value.get(name)


def _rest(column: str | None, taken: list[str], place: Callable[[Column], _Place]) -> Callable[[Any], Values]:
    """Makes the column of all that no other took; no column where it has no name."""
    if column is None:
        return lambda document: ()  # noqa: ARG005 - nothing of it
    tree: dict[str, Any] = {}
    for path in taken:
        *outer, last = path.split(".")
        inside = tree
        for name in outer:
            inside = inside.setdefault(name, {})
        inside[last] = {}
    places = [place(Column(column, Json(), path=""))]
    return lambda document: _values({"": _left(document, tree) or None}, places)


def _left(document: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    left = {}
    for name, value in document.items():
        if name not in taken:
            left[name] = value
        elif taken[name] and isinstance(value, dict) and (inner := _left(value, taken[name])):
            left[name] = inner
    return left


def _decoded(document: bytes, options: CodecOptions[dict[str, Any]]) -> dict[str, Any]:
    try:
        return bson.decode(document, options)
    except (BSONError, ValueError) as reason:
        raise Unencodable(f"malformed BSON: {reason}", hint=_HINT) from reason


def _refused(path: str, reason: str) -> Unencodable:
    return Unencodable(f"{path}: {reason}" if path else reason, hint=_HINT)
