"""The tables of a data type, as `cdc schema --ddl` prints them."""

from cdc.config import find_data_type
from cdc.config.values import nearest
from cdc.errors import ConfigInvalid
from cdc.models.table import Table
from cdc.sql import schema


def mapped(name: str) -> Table:
    """How documents of the data type lie in tables; `ConfigInvalid` where it does not say."""
    table = find_data_type(name, "--data-type").table
    if table is None:
        raise ConfigInvalid(
            f"--data-type {name} does not say how its documents lie in tables",
            hint="give its `DataType` a `table`, of `cdc.models.table`",
        )
    return table


def ddl(data_type: str | None, dialect: str) -> str:
    """`CREATE TABLE` statements: the data type's, and those that `cdc` keeps beside those of any."""
    if data_type is None:
        raise ConfigInvalid("--ddl needs --data-type", hint="see `cdc types`")
    kind = next((known for known in schema.DIALECTS if known == dialect), None)
    if kind is None:
        near = nearest(dialect, tuple(schema.DIALECTS))
        raise ConfigInvalid(
            f"--ddl: unknown dialect {dialect!r}" + (f": did you mean {near!r}?" if near else ""),
            hint=f"the dialects are {', '.join(schema.DIALECTS)}",
        )
    own = [schema.ddl(table, kind, if_not_exists=True) for table in (schema.CURSORS, schema.letters())]
    return "\n".join([schema.ddl(mapped(data_type), kind), *own])
