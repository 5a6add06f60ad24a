"""`cdc config`: what is in force and where each value came from; what can be set."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cdc.config import Row

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
        _print(rows)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    from cdc.config import Settings  # noqa: PLC0415 - `cdc --help` need not wait for it

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))


def _print(rows: "list[Row]") -> None:
    from rich.console import Console  # noqa: PLC0415 - `cdc --help` need not wait for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [(row.setting, _text(row.value), row.origin) for row in rows]
    console = Console()
    if console.is_terminal:
        table = Table()
        for title in ("setting", "value", "from"):
            table.add_column(title, overflow="fold")
        for line in cells:
            table.add_row(*(Text(cell) for cell in line))
        console.print(table)
        return
    widths = [max(len(line[column]) for line in cells) for column in (0, 1)]
    for setting, value, origin in cells:
        typer.echo(f"{setting:{widths[0]}}  {value:{widths[1]}}  {origin}")


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
