"""`cdc cursor`: look at saved positions, forget, move and copy them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from cdc.cli import given

app = typer.Typer(help="Look at the saved positions, forget, move or copy them.", no_args_is_help=True)

Name = Annotated[
    str | None,
    Option(metavar="NAME", help="Name of the pipeline. (default: from source and topic, as for `cdc watch`)"),
]
Collection = Annotated[list[str] | None, Option(metavar="NAME", help="Collection that it watches; repeatable.")]
Database = Annotated[str | None, Option(metavar="NAME", help="Database that it watches.")]
Source = Annotated[str | None, Option(metavar="URL", help="SQL database that it reads.")]
Table = Annotated[list[str] | None, Option(metavar="NAME", help="Table that it watches; repeatable.")]
Topic = Annotated[str | None, Option(metavar="NAME", help="Topic that it writes to.")]
Sink = Annotated[str | None, Option(metavar="URL", help="SQL database that it writes to, which keeps its cursor.")]
DataType = Annotated[
    str | None, Option("--data-type", "--data_type", metavar="NAME", help="Data type of the tables there.")
]
CursorDir = Annotated[Path | None, Option(metavar="DIR", help="Folder of the saved cursors.")]
CursorStore = Annotated[
    str | None, Option(metavar="file|mongo|kafka", help="Where the cursors are kept. (default: file)")
]
CursorCollection = Annotated[
    str | None, Option(metavar="DB.COLL", help="Collection of cursors in a MongoDB. (default: cdc.cursors)")
]
CursorTopic = Annotated[
    str | None, Option(metavar="NAME", help="Compacted topic of cursors in Kafka. (default: cdc-cursors)")
]
Config = Annotated[Path | None, Option("--config", metavar="FILE", help="YAML file of settings.")]
Yes = Annotated[bool, Option("--yes", "-y", metavar="", help="Do not ask.")]


@app.command()
def show(
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    source: Source = None,
    table: Table = None,
    topic: Topic = None,
    sink: Sink = None,
    data_type: DataType = None,
    cursor_store: CursorStore = None,
    cursor_dir: CursorDir = None,
    cursor_collection: CursorCollection = None,
    cursor_topic: CursorTopic = None,
    config: Config = None,
) -> None:
    """Print one pipeline's saved position, or without a name or topic those of all."""
    from cdc.ops import cursors  # noqa: PLC0415 - `cdc --help` stays fast

    for line in cursors.show(_settings(locals())):
        typer.echo(line)


@app.command()
def reset(
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    source: Source = None,
    table: Table = None,
    topic: Topic = None,
    sink: Sink = None,
    data_type: DataType = None,
    cursor_store: CursorStore = None,
    cursor_dir: CursorDir = None,
    cursor_collection: CursorCollection = None,
    cursor_topic: CursorTopic = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Forget the position: the next start loads everything that exists again."""
    from cdc.ops import cursors  # noqa: PLC0415

    settings = _settings(locals())
    with cursors.reset(settings) as loss:
        _confirm(loss, yes=yes)
    typer.echo(f"{settings.pipeline_name}: the cursor is forgotten")


@app.command("set")
def set_(
    time: Annotated[str, Option(metavar="TIME", help="Where to go on: an ISO 8601 time (UTC), or Unix seconds.")],
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    source: Source = None,
    table: Table = None,
    topic: Topic = None,
    sink: Sink = None,
    data_type: DataType = None,
    cursor_store: CursorStore = None,
    cursor_dir: CursorDir = None,
    cursor_collection: CursorCollection = None,
    cursor_topic: CursorTopic = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Move the position to a time: changes before it are skipped, changes after it are sent again."""
    from cdc.ops import cursors  # noqa: PLC0415

    settings = _settings(locals())
    with cursors.moved(settings, time) as loss:
        _confirm(loss, yes=yes)
    typer.echo(f"{settings.pipeline_name}: the next start goes on at {time}")


@app.command()
def export(
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    source: Source = None,
    table: Table = None,
    topic: Topic = None,
    sink: Sink = None,
    data_type: DataType = None,
    cursor_store: CursorStore = None,
    cursor_dir: CursorDir = None,
    cursor_collection: CursorCollection = None,
    cursor_topic: CursorTopic = None,
    config: Config = None,
) -> None:
    """Print the saved position as JSON, for `cdc cursor import` into another store."""
    from cdc.ops import cursors  # noqa: PLC0415

    typer.echo(cursors.exported(_settings(locals())), nl=False)


@app.command("import")
def import_(
    file: Annotated[
        Path | None, Argument(metavar="[FILE]", help="What `cdc cursor export` printed. (default: standard input)")
    ] = None,
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    source: Source = None,
    table: Table = None,
    topic: Topic = None,
    sink: Sink = None,
    data_type: DataType = None,
    cursor_store: CursorStore = None,
    cursor_dir: CursorDir = None,
    cursor_collection: CursorCollection = None,
    cursor_topic: CursorTopic = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Keep a position that was exported, in place of the one that is saved."""
    from cdc.ops import cursors  # noqa: PLC0415

    settings = _settings(locals())
    with cursors.imported(settings, file) as loss:
        _confirm(loss, yes=yes)
    typer.echo(f"{settings.pipeline_name}: the cursor is imported")


def _confirm(loss: str | None, *, yes: bool) -> None:
    if loss is not None and not yes:
        typer.confirm(f"{loss} Go on?", abort=True, err=True)


def _settings(said: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the type is imported when the command runs
    from cdc.ops import logs  # noqa: PLC0415

    found = given.settings(said)
    logs.configure(found.log_format, debug=found.debug)
    return found
