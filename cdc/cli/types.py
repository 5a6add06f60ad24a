"""`cdc types`: the data types there are; `cdc schema`: what records, documents and tables look like."""

import json
from typing import Annotated

import typer

from cdc.cli.table import echo_table

TITLES = ("data type", "is", "collection", "topic", "increment field", "key", "package")


def types() -> None:
    """List the data types that `--data-type` takes, from every installed package."""
    from cdc.config import data_types  # noqa: PLC0415 - `cdc --help` stays fast

    listed, broken = data_types.listed()
    echo_table(
        TITLES,
        [
            (name, found.summary, found.collection, found.topic, found.increment_field, found.key, package)
            for name, found, package in listed
        ],
    )
    if broken:
        raise broken


def schema(
    data_type: Annotated[
        str | None,
        typer.Option("--data-type", "--data_type", metavar="NAME", help="Of a data type's documents instead."),
    ] = None,
    ddl: Annotated[
        str | None,
        typer.Option(metavar="mysql|postgresql", help="Print the tables of --data-type, as SQL."),
    ] = None,
) -> None:
    """Print the JSON Schema of the records' values, or the tables that documents are written to."""
    if ddl is not None:
        from cdc.ops import tables  # noqa: PLC0415 - `cdc --help` stays fast

        typer.echo(tables.ddl(data_type, ddl), nl=False)
        return
    from cdc.config import find_data_type  # noqa: PLC0415
    from cdc.envelope import json_schema  # noqa: PLC0415

    found = json_schema() if data_type is None else find_data_type(data_type, "--data-type").json_schema()
    typer.echo(json.dumps(found, indent=2))
