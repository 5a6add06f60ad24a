"""Whether the tables of a database can hold what a mapping makes: told column by column, before the first row."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable, Table

from cdc.config.sql import Address, Dialect
from cdc.errors import ConfigInvalid
from cdc.models import table as mapping
from cdc.sink.sql.columns import Found, misfit
from cdc.sql.errors import SINK, code, translate
from cdc.sql.making import made, there
from cdc.sql.schema import letters as of_letters
from cdc.sql.schema import tables
from cdc.sql.transaction import Transaction

_COLUMNS = "SELECT * FROM information_schema.columns WHERE table_schema = {here} AND table_name = :name"
_KEYS = """
SELECT c.constraint_name AS constraint_name, k.column_name AS column_name
FROM information_schema.table_constraints c JOIN information_schema.key_column_usage k
ON k.constraint_schema = c.constraint_schema AND k.table_schema = c.table_schema AND k.table_name = c.table_name
AND k.constraint_name = c.constraint_name
WHERE c.table_schema = {here} AND c.table_name = :name AND c.constraint_type IN ('PRIMARY KEY', 'UNIQUE')
"""
_HERE: dict[Dialect, str] = {"mysql": "DATABASE()", "postgresql": "current_schema()"}
_MOST = 20


def fit(transaction: Transaction, table: mapping.Table, *, letters: str | None, create: bool) -> None:
    """Find the tables; with `create` make those that are missing, and that of dead letters in any case.

    Raises: ConfigInvalid: naming every column that cannot take what the mapping makes, or lacks what it needs; or a
        table that the database does not make.
    """
    address, dialect = transaction.address, transaction.address.dialect
    wanted = [(table, create)] if letters is None else [(table, create), (of_letters(letters), True)]
    with transaction.translated():
        connection = transaction.connection
        wrong = made(
            connection,
            lambda: [said for each, make in wanted for said in _wrong(connection, address, each, create=make)],
        )
    if wrong:
        more = f"; and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
        raise ConfigInvalid(
            f"--sink: {address}: {'; '.join(wrong[:_MOST])}{more}",
            hint=f"`cdc schema --ddl {dialect}` prints tables that fit; --create-tables makes those that are missing",
        )
    transaction.commit()


def _wrong(connection: Connection, address: Address, wanted: mapping.Table, *, create: bool) -> Iterator[str]:
    dialect = address.dialect
    for (name, columns, keys), as_made in zip(wanted.tables, tables(wanted), strict=True):
        found = _found(connection, name, dialect)
        if found:
            yield from misfits(dialect, name, columns, found, _uniques(connection, name, dialect), keys)
        elif create:
            _create(connection, address, as_made)
        else:
            yield f"table {name} is missing"


def _create(connection: Connection, address: Address, table: Table) -> None:
    try:
        connection.execute(CreateTable(table, if_not_exists=True))
    except DBAPIError as error:
        if there(error) or translate(error, address, SINK) is not None:
            raise
        raise ConfigInvalid(
            f"--sink: {address} does not make the table {table.name} ({code(error)})",
            hint="mend the table of the data type, or make it by hand",
        ) from error


def _found(connection: Connection, name: str, dialect: Dialect) -> dict[str, Found]:
    rows = connection.execute(text(_COLUMNS.format(here=_HERE[dialect])), {"name": name}).mappings()
    columns = ({key.lower(): value for key, value in row.items()} for row in rows)
    return {_folded(dialect, column["column_name"]): column for column in columns}


def _uniques(connection: Connection, name: str, dialect: Dialect) -> list[set[str]]:
    found: dict[str, set[str]] = {}
    for constraint, column in connection.execute(text(_KEYS.format(here=_HERE[dialect])), {"name": name}):
        found.setdefault(constraint, set()).add(_folded(dialect, column))
    return list(found.values())


def misfits(  # noqa: PLR0913, PLR0917 - what is wanted, and what there is
    dialect: Dialect,
    name: str,
    columns: Sequence[mapping.Column],
    found: Mapping[str, Found],
    uniques: Sequence[set[str]],
    keys: int,
) -> Iterator[str]:
    """What is wrong with the columns of a table, each in a few words."""
    wanted = {_folded(dialect, column.name): column for column in columns}
    for place, (folded, column) in enumerate(wanted.items()):
        there = found.get(folded)
        where = f"{name}.{column.name}"
        if there is None:
            yield f"{where} is missing"
            continue
        if reason := misfit(column.type, there, dialect, key=place < keys):
            yield f"{where} {reason}"
        if column.null and there["is_nullable"] == "NO":
            yield f"{where} must take null"
    for folded, there in found.items():
        if folded not in wanted and _demanding(there):
            yield f"{name}.{there['column_name']} takes no null, has no default and is not written"
    if set(list(wanted)[:keys]) not in uniques:
        yield f"{name} has no primary key ({', '.join(column.name for column in columns[:keys])})"


def _demanding(there: Found) -> bool:
    filled = there["column_default"] is not None or there.get("is_identity") == "YES"
    extra = str(there.get("extra") or "").lower()
    made = "auto_increment" in extra or "generated" in extra or there.get("is_generated") == "ALWAYS"
    return there["is_nullable"] == "NO" and not filled and not made


def _folded(dialect: Dialect, name: str) -> str:
    """Names of columns as the database tells them apart."""
    return name.lower() if dialect == "mysql" else name
