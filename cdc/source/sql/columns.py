"""The columns of a table: how each is asked for, and what its values become."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from cdc.config.sql import Dialect
from cdc.source.sql import values
from cdc.source.sql.values import Convert

MOST_FRACTION = 3
"""Digits of a second that a BSON date keeps."""

_UNORDERED = (types.Float, types.JSON, types.ARRAY, types.Boolean, mysql.BIT, postgresql.BIT, types.NullType, mysql.SET)
"""Types by which no place in a table can be told exactly."""


class Form(NamedTuple):
    """As the column is selected, as text or as it is, and what is made of the value; None where it is BSON as it is."""

    text: bool
    convert: Convert | None


_PLAIN, _TEXT = Form(text=False, convert=None), Form(text=True, convert=None)


class Column(NamedTuple):
    name: str
    type: TypeEngine[Any]
    form: Form
    nullable: bool = False

    @property
    def ordered(self) -> bool:
        return not isinstance(_bare(self.type), _UNORDERED)

    def selected(self, of: sa.TableClause, dialect: Dialect) -> ColumnElement[Any]:
        column: ColumnElement[Any] = of.c[self.name]
        if dialect == "mysql" and isinstance(self.type, mysql.FLOAT):
            return column + sa.literal_column("0e0")  # MySQL prints a float shorter than it is
        if not self.form.text:
            return column
        return sa.cast(column, postgresql.ARRAY(sa.Text) if isinstance(self.type, types.ARRAY) else sa.Text())

    def placed(self, of: sa.TableClause, dialect: Dialect) -> ColumnElement[Any]:
        """As it is compared and ordered: MySQL orders an enum by number and compares it as text."""
        column: ColumnElement[Any] = of.c[self.name]
        return sa.cast(column, sa.Text()) if dialect == "mysql" and isinstance(self.type, types.Enum) else column


def _bare(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """What a domain is made of."""
    return _bare(kind.data_type) if isinstance(kind, postgresql.DOMAIN) else kind


def form(kind: TypeEngine[Any], dialect: Dialect) -> Form:
    """Of a column of that type."""
    kind = _bare(kind)
    if isinstance(kind, types.ARRAY):
        text, convert = form(kind.item_type, dialect)
        return Form(text, values.elements(convert))
    return _timed(kind) or _words(kind) or _bytes(kind) or _number(kind) or _other(dialect)


def _timed(kind: TypeEngine[Any]) -> Form | None:
    match kind:
        case types.TIMESTAMP() | types.DATETIME():
            zoned = kind.timezone or isinstance(kind, mysql.TIMESTAMP)
            if not zoned:
                return Form(text=True, convert=values.wall_time)
            return Form(text=True, convert=values.date if _fraction(kind) <= MOST_FRACTION else values.moment)
        case types.Date() | types.Time() | types.Interval():
            return _TEXT
    return None


def _fraction(kind: TypeEngine[Any]) -> int:
    """Digits of a second that a column keeps: PostgreSQL's default is six, MySQL's none."""
    if isinstance(kind, mysql.TIMESTAMP):
        return kind.fsp or 0
    precision: int | None = getattr(kind, "precision", None)
    return 6 if precision is None else precision


def _words(kind: TypeEngine[Any]) -> Form | None:
    match kind:
        case mysql.SET():
            return Form(text=False, convert=values.members)
        case types.Enum():
            return _TEXT
        case types.String():
            return _PLAIN
    return None


def _bytes(kind: TypeEngine[Any]) -> Form | None:
    match kind:
        case mysql.BIT() | postgresql.BIT():
            width, varying = kind.length or 1, getattr(kind, "varying", False)
            convert = values.bit if width == 1 and not varying else values.bits(width)
            return Form(text=isinstance(kind, postgresql.BIT), convert=convert)
        case types.JSON():
            return Form(text=True, convert=values.document)
        case types.Uuid():
            return Form(text=False, convert=values.uuid)
        case types.LargeBinary() | types.BINARY() | types.VARBINARY():
            return Form(text=False, convert=values.binary)
    return None


def _number(kind: TypeEngine[Any]) -> Form | None:
    match kind:
        case mysql.TINYINT(display_width=1):
            return Form(text=False, convert=values.flag)
        case types.BigInteger():
            return Form(text=False, convert=values.integer)
        case types.Integer() | mysql.YEAR() | types.Boolean() | types.Float():
            return _PLAIN
        case types.Numeric():
            return Form(text=False, convert=values.decimal)
    return None


def _other(dialect: Dialect) -> Form:
    """Any other type is the text that PostgreSQL prints of it; MySQL's are bytes or text as they come."""
    return _TEXT if dialect == "postgresql" else _PLAIN
