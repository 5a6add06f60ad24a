"""`cdc local`: the embedded servers."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cdc.errors import ExitCode

if TYPE_CHECKING:
    from cdc.local.stack import Options, Stack

app = typer.Typer(
    no_args_is_help=True,
    help="Real servers on 127.0.0.1: a MongoDB replica set and Apache Kafka; MariaDB and PostgreSQL on demand.",
)
_TITLES = {"mariadb": "MariaDB", "postgres": "PostgreSQL"}

Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Holds data and logs. (default: local/ in the user's data folder)"),
]
Nodes = Annotated[int | None, typer.Option(metavar="1|3", help="How many. (default: 1)")]
Port = Annotated[
    int | None, typer.Option(min=1, max=65530, metavar="PORT", help="The first node's. (default: a free one)")
]
Version = Annotated[str | None, typer.Option(metavar="VERSION", help="6.0.5 or 6.0.27. (default: 6.0.5)")]

Databases = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="mariadb,postgres",
        help="Databases to start beside them, with Debian's programs; a stack that lacks one is given it.",
    ),
]


@app.command()
def up(
    *,
    folder: Folder = None,
    mongo_nodes: Nodes = None,
    brokers: Nodes = None,
    mongo_version: Version = None,
    mongo_port: Port = None,
    kafka_port: Port = None,
    databases: Databases = None,
) -> None:
    """Start the servers, or find them running; print where they are."""
    from cdc.local import stack  # noqa: PLC0415 - drivers and psutil only where servers are at work

    given = {
        "mongo_nodes": mongo_nodes,
        "brokers": brokers,
        "mongo_version": mongo_version,
        "mongo_port": mongo_port,
        "kafka_port": kafka_port,
        "databases": [name.strip() for names in databases for name in names.split(",")] if databases else None,
    }
    wanted: Options = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    running = stack.up(folder or stack.default_folder(), partial(typer.echo, err=True), **wanted)
    typer.echo(f"{_addresses(running)}\n")
    for name, value in running.environment().items():
        typer.echo(f"export {name}='{value}'")


@app.command()
def down(folder: Folder = None) -> None:
    """Stop the servers and keep their data."""
    from cdc.local import stack  # noqa: PLC0415 - drivers and psutil only where servers are at work

    folder = folder or stack.default_folder()
    typer.echo(f"stopped; the data stays in {folder}" if stack.down(folder) else _nothing(folder))


@app.command()
def status(folder: Folder = None) -> None:
    """Show the servers; exit code 3 unless all of them run."""
    from cdc.local import stack  # noqa: PLC0415 - drivers and psutil only where servers are at work

    folder = folder or stack.default_folder()
    found = stack.status(folder)
    typer.echo(f"{_table(found)}\n\n{_addresses(found)}" if found else _nothing(folder))
    if not found or not found.running:
        raise typer.Exit(ExitCode.UNREACHABLE)


@app.command()
def reset(*, folder: Folder = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the servers and delete their data."""
    from cdc.local import stack  # noqa: PLC0415 - drivers and psutil only where servers are at work

    folder = folder or stack.default_folder()
    if not yes:
        typer.confirm(f"Delete all data of the servers in {folder}?", abort=True, err=True)
    typer.echo(f"deleted what the servers kept in {folder}" if stack.reset(folder) else _nothing(folder))


def _nothing(folder: Path) -> str:
    return f"no servers in {folder}; `cdc local up` starts them"


def _table(stack: "Stack") -> str:
    rows = [("server", "address", "process", "log")]
    rows += [(server.name, server.address, str(server.pid or "stopped"), str(server.log)) for server in stack.servers]
    return "\n".join(f"{name:10} {address:16} {process:8} {log}" for name, address, process, log in rows)


def _addresses(stack: "Stack") -> str:
    """Where to connect."""
    rows = {"MongoDB": stack.mongo_uri, "Kafka": stack.kafka}
    rows |= {_TITLES[name]: database.url for name, database in stack.databases.items()}
    width = max(map(len, rows))
    return "\n".join(f"{title:{width}}  {address}" for title, address in rows.items())
