"""`cdc cursor`: look at saved positions, forget them, move them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

app = typer.Typer(help="Look at the saved positions, forget or move them.", no_args_is_help=True)

Name = Annotated[
    str | None,
    Option(metavar="NAME", help="Name of the pipeline. (default: from source and topic, as for `cdc watch`)"),
]
Collection = Annotated[list[str] | None, Option(metavar="NAME", help="Collection that it watches; repeatable.")]
Database = Annotated[str | None, Option(metavar="NAME", help="Database that it watches.")]
Topic = Annotated[str | None, Option(metavar="NAME", help="Topic that it writes to.")]
CursorDir = Annotated[Path | None, Option(metavar="DIR", help="Folder of the saved cursors.")]
Config = Annotated[Path | None, Option("--config", metavar="FILE", help="YAML file of settings.")]
Yes = Annotated[bool, Option("--yes", "-y", metavar="", help="Do not ask.")]


@app.command()
def show(
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    topic: Topic = None,
    cursor_dir: CursorDir = None,
    config: Config = None,
) -> None:
    """Print one pipeline's saved position, or without a name or topic those of all."""
    from cdc.ops import cursors  # noqa: PLC0415 - `cdc --help` stays fast

    for line in cursors.show(_settings(name, collection, database, topic, cursor_dir, config)):
        typer.echo(line)


@app.command()
def reset(
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    topic: Topic = None,
    cursor_dir: CursorDir = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Forget the position: the next start loads everything that exists again."""
    from cdc.ops import cursors  # noqa: PLC0415

    settings = _settings(name, collection, database, topic, cursor_dir, config)
    with cursors.reset(settings) as loss:
        _confirm(loss, yes=yes)
    typer.echo(f"{settings.pipeline_name}: the cursor is forgotten")


@app.command("set")
def set_(
    time: Annotated[str, Option(metavar="TIME", help="Where to go on: an ISO 8601 time (UTC), or Unix seconds.")],
    name: Name = None,
    collection: Collection = None,
    database: Database = None,
    topic: Topic = None,
    cursor_dir: CursorDir = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Move the position to a time: changes before it are skipped, changes after it are sent again."""
    from cdc.ops import cursors  # noqa: PLC0415

    settings = _settings(name, collection, database, topic, cursor_dir, config)
    with cursors.moved(settings, time) as loss:
        _confirm(loss, yes=yes)
    typer.echo(f"{settings.pipeline_name}: the next start goes on at {time}")


def _confirm(loss: str | None, *, yes: bool) -> None:
    if loss is not None and not yes:
        typer.confirm(f"{loss} Go on?", abort=True, err=True)


def _settings(
    name: str | None,
    collection: list[str] | None,
    database: str | None,
    topic: str | None,
    cursor_dir: Path | None,
    config: Path | None,
) -> Any:  # noqa: ANN401 - the type is imported when the command runs
    from cdc.config import load  # noqa: PLC0415
    from cdc.ops import logs  # noqa: PLC0415

    flags = {
        "name": name,
        "collection": collection or None,
        "mongo.database": database,
        "topic": topic,
        "cursor_dir": cursor_dir,
    }
    settings = load(flags, config=config).settings
    logs.configure(settings.log_format, debug=settings.debug)
    return settings
