"""A table as the database describes it, refused where it cannot be read in order, and the statements that read it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bson
import sqlalchemy as sa
from sqlalchemy import Connection, Inspector
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.exc import SAWarning
from sqlalchemy.sql.elements import ColumnElement

from cdc.config.sql import Dialect
from cdc.config.values import nearest
from cdc.errors import ConfigInvalid
from cdc.source.sql import values
from cdc.source.sql.columns import Column, Form, form
from cdc.source.sql.places import Place
from cdc.source.sql.values import Convert

IDENTITY = "_id"


@dataclass(frozen=True)
class Table:
    """`name` as the user wrote it, read in order of `columns[by]` and then of the columns at `key`.

    `index` begins with the increment, None where no index does.
    """

    name: str
    dialect: Dialect
    columns: tuple[Column, ...]
    by: int
    key: tuple[int, ...]
    index: str | None

    @cached_property
    def _source(self) -> sa.TableClause:
        schema, _, name = self.name.rpartition(".")
        return sa.table(name, *(sa.column(column.name) for column in self.columns), schema=schema or None)

    @cached_property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        return tuple(self.columns[place].placed(self._source, self.dialect) for place in (self.by, *self.key))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def _converted(self) -> list[tuple[int, Convert]]:
        """Where values are that are not BSON as they are."""
        return [(at, column.form.convert) for at, column in enumerate(self.columns) if column.form.convert is not None]

    def rows(self, *, above: Any = None, behind: Place | None = None) -> sa.Select[Any]:  # noqa: ANN401 - any type
        """The rows in order: of an increment above that one, or behind that place."""
        selected = [
            column.selected(self._source, self.dialect).label(f"c{place}") for place, column in enumerate(self.columns)
        ]
        statement = sa.select(*selected).select_from(self._source).order_by(*self.order)
        statement = self._by_index(statement)
        if self.columns[self.by].nullable:
            statement = statement.where(self.order[0].is_not(None))
        if above is not None:
            statement = statement.where(self.order[0] > _bound(above))
        return statement if behind is None else statement.where(self._behind(behind))

    def before_last(self, rows: int) -> sa.Select[Any]:
        """The increment so many rows before the last one; nothing where there are fewer."""
        by = self.columns[self.by].selected(self._source, self.dialect)
        return sa.select(by).select_from(self._source).order_by(self.order[0].desc()).limit(1).offset(rows)

    def _by_index(self, statement: sa.Select[Any]) -> sa.Select[Any]:
        """MySQL would rather sort the whole table than follow an index to its end."""
        if self.index is None:
            return statement
        quoted = self.index.replace("`", "``").replace("%", "%%")
        return statement.with_hint(self._source, f"FORCE INDEX (`{quoted}`)", "mysql")

    def without(self) -> sa.Select[Any]:
        """A row without an increment, if there is one."""
        return sa.select(sa.literal(1)).select_from(self._source).where(self.order[0].is_(None)).limit(1)

    def place(self, row: Sequence[Any]) -> Place:
        return Place(row[self.by], tuple(row[place] for place in self.key))

    def document(self, row: Sequence[Any]) -> dict[str, Any]:
        """The row: under `_id` the primary key, one value or a document of its columns, then every column."""
        made = list(row)
        for place, convert in self._converted:
            if made[place] is not None:
                made[place] = convert(made[place])
        identity = made[self.key[0]] if len(self.key) == 1 else {self._names[at]: made[at] for at in self.key}
        return {IDENTITY: identity, **dict(zip(self._names, made, strict=True))}

    def encoded(self, row: Sequence[Any]) -> bytes:
        return bson.encode(self.document(row))

    def _behind(self, place: Place) -> ColumnElement[bool]:
        """PostgreSQL finds a row in an index; MySQL an increment, and then what is equal to it."""
        if len(place.key) != len(self.key):
            raise ConfigInvalid(
                f"--table: {self.name} has another primary key than when its place was saved",
                hint="forget the cursor with `cdc cursor reset`",
            )
        bounds = [_bound(value) for value in (place.by, *place.key)]
        if self.dialect == "postgresql":
            return sa.tuple_(*self.order) > sa.tuple_(*bounds)
        behind: ColumnElement[bool] = self.order[-1] > bounds[-1]
        for column, bound in zip(self.order[-2::-1], bounds[-2::-1], strict=True):
            behind = sa.or_(column > bound, sa.and_(column == bound, behind))
        return sa.and_(self.order[0] >= bounds[0], behind)


def _bound(value: Any) -> ColumnElement[Any]:  # noqa: ANN401 - of any type
    """Without a type of ours, so that the database compares it as the column's."""
    return sa.bindparam(None, value, type_=sa.types.NullType(), unique=True)


def described(connection: Connection, name: str, by: str, dialect: Dialect) -> Table:
    """The table as it is now. Raises `ConfigInvalid`: it is none, or cannot be read in that order."""
    schema, _, table = name.rpartition(".")
    inspector = sa.inspect(connection)
    _require_table(inspector, name, table, schema or None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types that it does not know: they are text
        found = inspector.get_columns(table, schema or None)
    documents = _documents(connection, table, schema)
    columns = tuple(
        Column(
            each["name"],
            each["type"],
            _JSON if each["name"] in documents else form(each["type"], dialect),
            each["nullable"],
        )
        for each in found
    )
    names = [column.name for column in columns]
    key = inspector.get_pk_constraint(table, schema or None)["constrained_columns"]
    _require_order(name, by, key, {column.name: column for column in columns})
    index = _index(inspector.get_indexes(table, schema or None), by, key)
    return Table(name, dialect, columns, names.index(by), tuple(map(names.index, key)), index)


def _index(indexes: Sequence[ReflectedIndex], by: str, key: Sequence[str]) -> str | None:
    """The one that begins with the increment, best with the primary key behind."""
    found = {each["name"]: each["column_names"] for each in indexes if each["column_names"][:1] == [by]}
    if key[0] == by:
        found["PRIMARY"] = list(key)
    return max(found, key=lambda name: found[name][1:] == list(key), default=None)


_JSON = Form(text=True, convert=values.document)


def _documents(connection: Connection, table: str, schema: str) -> set[str]:
    """MariaDB's columns of JSON, which are text that is checked to be it."""
    dialect = connection.dialect
    if not isinstance(dialect, mysql.dialect) or not getattr(dialect, "is_mariadb", False):
        return set()
    checks = connection.execute(
        sa.text(
            "SELECT CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE TABLE_NAME = :table AND "
            "CONSTRAINT_SCHEMA = COALESCE(:schema, DATABASE()) AND CHECK_CLAUSE = CONCAT('json_valid(`', "
            "CONSTRAINT_NAME, '`)')"
        ),
        {"table": table, "schema": schema or None},
    )
    return {str(name) for (name,) in checks}


def _require_table(inspector: Inspector, name: str, table: str, schema: str | None) -> None:
    tables = inspector.get_table_names(schema)
    if table in tables:
        return
    if table in inspector.get_view_names(schema):
        raise ConfigInvalid(f"--table: {name} is a view, which has no primary key", hint="name the table behind it")
    near = nearest(table, tuple(tables))
    raise ConfigInvalid(
        f"--table: there is no table {name!r}" + (f": did you mean {near!r}?" if near else ""),
        hint="name a table that the user of --source may read, with its schema where that is another",
    )


def _require_order(name: str, by: str, key: Sequence[str], columns: dict[str, Column]) -> None:
    if by not in columns:
        near = nearest(by, tuple(columns))
        raise ConfigInvalid(
            f"--increment-field: {name} has no column {by!r}" + (f": did you mean {near!r}?" if near else ""),
            hint=f"its columns are {', '.join(columns)}",
        )
    if not columns[by].ordered:
        raise ConfigInvalid(
            f"--increment-field: {by!r} of {name} is {_kind(columns[by])}, in which no place can be told exactly",
            hint="name an integer, a decimal, a date, a time, text or a UUID",
        )
    if not key:
        raise ConfigInvalid(f"--table: {name} has no primary key, by which its rows are told apart", hint="give it one")
    for column in key:
        if not columns[column].ordered:
            raise ConfigInvalid(
                f"--table: the primary key {column!r} of {name} is {_kind(columns[column])}, "
                "in which no place can be told exactly",
                hint="tables with such a key cannot be watched",
            )
    if IDENTITY in columns and list(key) != [IDENTITY]:
        raise ConfigInvalid(
            f"--table: {name} has a column {IDENTITY!r} that is not its primary key",
            hint="records have the primary key under that name: rename the column",
        )


def _kind(column: Column) -> str:
    return type(column.type).__name__.lower()
