"""The tables that a mapping wants, and those that `cdc` keeps beside them, as `CREATE TABLE` says them."""

from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import Column, CreateTable, MetaData, PrimaryKeyConstraint, Table
from sqlalchemy.types import TypeEngine

from cdc.config.sql import Dialect as Kind
from cdc.models import table as mapping

CURSORS = mapping.Table(
    "cdc_cursor",
    key=(mapping.Column("name", mapping.Text(200), path="_id"),),
    columns=(
        mapping.Column("value", mapping.Text()),
        mapping.Column("owner_id", mapping.Text(16)),
        mapping.Column("owner", mapping.Text(500)),
    ),
)
"""The cursors of pipelines that write to the database."""

LETTERS = "cdc_dead_letter"

DIALECTS: dict[Kind, Dialect] = {
    "mysql": mysql.dialect(paramstyle="format"),
    "postgresql": postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
}


def letters(name: str = LETTERS) -> mapping.Table:
    """The table of dead letters: where and why, never the content of the document."""
    return mapping.Table(
        name,
        key=(mapping.Column("id", mapping.Text(32), path="_id"),),
        columns=(
            mapping.Column("pipeline", mapping.Text(200), null=False),
            mapping.Column("at", mapping.DateTime(), null=False),
            mapping.Column("reason", mapping.Text(), null=False),
            mapping.Column("op", mapping.Text(40), null=False),
            mapping.Column("db", mapping.Text(64), null=False),
            mapping.Column("coll", mapping.Text(255), null=False),
            mapping.Column("document_key", mapping.Text()),
            mapping.Column("token", mapping.Text()),
        ),
    )


def dialect(kind: Kind) -> Dialect:
    """How statements are written; a version that the server might say is not asked for."""
    return DIALECTS[kind]


def tables(of: mapping.Table) -> list[Table]:
    """The table of a mapping and those of its children."""
    metadata = MetaData()
    return [
        Table(
            name,
            metadata,
            *(
                Column(column.name, _type(column.type, key=place < keys), nullable=column.null)
                for place, column in enumerate(columns)
            ),
            PrimaryKeyConstraint(*(column.name for column in columns[:keys])),
            mysql_charset="utf8mb4",
            mysql_engine="InnoDB",
        )
        for name, columns, keys in of.tables
    ]


def ddl(of: mapping.Table, kind: Kind, *, if_not_exists: bool = False) -> str:
    """The `CREATE TABLE` statements of a mapping."""
    return "\n".join(_statement(CreateTable(table, if_not_exists=if_not_exists), kind) for table in tables(of))


def _statement(create: CreateTable, kind: Kind) -> str:
    text = str(create.compile(dialect=dialect(kind)))
    lines = (line.rstrip().replace("\t", "    ") for line in text.strip().splitlines())
    return "\n".join(lines).replace("\n)CHARSET", "\n) CHARSET") + ";\n"


def _type(column: mapping.Type, *, key: bool) -> TypeEngine[Any]:
    found: TypeEngine[Any]
    match column:
        case mapping.Text(size=int(size)) | mapping.Id(size=size):
            text = types.String(size)
            found = text.with_variant(mysql.VARCHAR(size, collation="utf8mb4_bin"), "mysql") if key else text
        case mapping.Numeric(precision=precision, scale=scale):
            found = types.Numeric(precision, scale)
        case mapping.Binary(size=int(size)):
            found = types.LargeBinary().with_variant(mysql.VARBINARY(size), "mysql")
        case _:
            found = _PLAIN[type(column)]
    return found


_PLAIN: dict[type[mapping.Type], TypeEngine[Any]] = {
    mapping.Text: types.Text().with_variant(mysql.LONGTEXT(), "mysql"),
    mapping.Integer: types.Integer(),
    mapping.BigInteger: types.BigInteger(),
    mapping.Double: types.Double(),
    mapping.Boolean: types.Boolean(),
    mapping.DateTime: types.DateTime()
    .with_variant(mysql.DATETIME(fsp=3), "mysql")
    .with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql"),
    mapping.Date: types.Date(),
    mapping.Binary: types.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql"),
    mapping.Uuid: types.Uuid().with_variant(mysql.CHAR(36, charset="ascii"), "mysql"),
    mapping.Json: types.JSON().with_variant(postgresql.JSONB(), "postgresql"),
}
