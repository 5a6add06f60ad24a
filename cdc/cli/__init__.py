"""The `cdc` command. Commands have no logic of their own; what they need is imported when they run."""

import sys
from typing import Annotated

import typer

from cdc import memory
from cdc.cli import config, cursor, local, migrate, snapshot, types, watch
from cdc.errors import CdcError, ExitCode
from cdc.version import __version__

app = typer.Typer(
    name="cdc",
    help="MongoDB's changes into Kafka.",
    epilog="Exit codes: 0 done, 1 bug, 2 configuration, 3 unreachable, 4 position lost, 5 poison event, 6 fenced, "
    "7 different.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("watch")(watch.watch)
app.command("snapshot")(snapshot.snapshot)
app.command("migrate")(migrate.migrate)
app.command("types")(types.types)
app.command("schema")(types.schema)
app.add_typer(cursor.app, name="cursor")
app.add_typer(config.app, name="config")
app.add_typer(local.app, name="local")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cdc {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, metavar="", help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command; an expected failure is one line and a hint on standard error, and its exit code."""
    memory.starting()
    try:
        code = app(standalone_mode=False)
    except CdcError as error:
        _fail(str(error), error.hint, error.exit_code)
    except typer.Abort:
        _fail("aborted", "nothing was changed", ExitCode.CONFIG)
    except typer.TyperException as error:
        if not error.format_message():  # the help was shown in its place
            sys.exit(ExitCode.CONFIG)
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else "cdc"
        _fail(f"{command}: {error.format_message()}", f"see `{command} --help`", ExitCode.CONFIG)
    sys.exit(code)


def _fail(message: str, hint: str, code: int) -> None:
    typer.echo(f"error: {message}", err=True)
    typer.echo(f"hint: {hint}", err=True)
    sys.exit(code)
