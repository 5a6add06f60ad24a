"""`cdc config`: what is in force and where each value came from; what can be set."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cdc.cli.table import echo_table

app = typer.Typer(help="Show the settings in force, or every setting there is.", no_args_is_help=True)


@app.command()
def show(
    config: Annotated[Path | None, typer.Option("--config", help="Settings file (YAML).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every setting in force with its value and where it came from; secrets are masked."""
    from cdc.config import load  # noqa: PLC0415 - `cdc --help` need not wait for it

    rows = load({}, config=config).rows()
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        echo_table(("setting", "value", "from"), [(row.setting, _text(row.value), row.origin) for row in rows])


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    from cdc.config import Settings  # noqa: PLC0415 - `cdc --help` need not wait for it

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
