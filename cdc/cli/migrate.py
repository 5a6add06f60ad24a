"""`cdc migrate`."""

from typing import Annotated

import typer
from typer import Option

from cdc.cli import given, options, reading
from cdc.cli.table import echo_table
from cdc.errors import ConfigInvalid

DO = "What to do"
TITLES = ("task", "is", "from", "to", "tables", "package")


def migrate(
    task: Annotated[
        str | None, Option(metavar="NAME", help="Task to run; --list has them.", rich_help_panel=DO)
    ] = None,
    list_: Annotated[
        bool, Option("--list", metavar="", help="List the tasks, from every installed package.", rich_help_panel=DO)
    ] = False,
    dry_run: Annotated[
        bool,
        Option(
            "--dry-run",
            metavar="",
            help="Read and map everything; print how much, the first rows and what is refused; write nothing.",
            rich_help_panel=DO,
        ),
    ] = False,
    verify: Annotated[
        bool,
        Option(
            "--verify",
            metavar="",
            help="Compare every document with its rows; name each difference, and exit with 7 where there is one.",
            rich_help_panel=DO,
        ),
    ] = False,
    follow: Annotated[
        bool, Option("--follow", metavar="", help="Go on with the changes until stopped.", rich_help_panel=DO)
    ] = False,
    full_amount: Annotated[
        bool | None,
        Option(
            "--full-amount",
            "--full_amount",
            metavar="",
            help="Forget how far it was, and begin again.",
            rich_help_panel=DO,
        ),
    ] = None,
    database: Annotated[
        str | None,
        Option(metavar="NAME", help="Database to read. (default: the task's)", rich_help_panel=reading.SOURCE),
    ] = None,
    mongo_uri: Annotated[
        str | None,
        Option(
            "--mongo",
            "--mongo-uri",
            metavar="URI",
            help="MongoDB connection string. (default: mongodb://127.0.0.1:27017)",
            rich_help_panel=reading.SOURCE,
        ),
    ] = None,
    increment_field: reading.IncrementField = None,
    parallel: reading.Parallel = None,
    max_rate: reading.MaxRate = None,
    read_preference: reading.ReadPreference = None,
    sink: Annotated[
        str | None,
        Option(metavar="URL", help="Database of the tables. (default: the task's)", rich_help_panel=options.SINK),
    ] = None,
    create_tables: options.CreateTables = None,
    dead_letter_table: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Table for what is refused; made where it is missing. (default: cdc_dead_letter)",
            rich_help_panel=options.SINK,
        ),
    ] = None,
    config: options.Config = None,
    name: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Name of the pipeline: of its cursor and its metrics. (default: the task's)",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    on_history_lost: options.OnHistoryLost = None,
    startup_timeout: options.StartupTimeout = None,
    shutdown_timeout: options.ShutdownTimeout = None,
    stall_timeout: options.StallTimeout = None,
    headroom_warn: options.HeadroomWarn = None,
    metrics_port: options.MetricsPort = None,
    log_format: options.LogFormat = None,
    debug: options.Debug = None,
) -> None:
    """Copy the documents of a collection into SQL tables, as a task says, and prove that they are there.

    Killed, it goes on where it was; run again, it takes what has changed since. --follow goes on with the changes.
    """
    from cdc.migrate import tasks  # noqa: PLC0415 - `cdc --help` stays fast

    if list_:
        _echo_list()
        return
    if task is None:
        raise ConfigInvalid("--task is missing", hint="write --task NAME; `cdc migrate --list` has them")
    found = tasks.find(task)
    settings = given.settings({**locals(), "dry_run": None}, tasks.defaults(task, found))
    _refuse_both(verify=verify, dry_run=dry_run, follow=follow, full_amount=settings.full_amount)
    from cdc.migrate import work  # noqa: PLC0415

    if verify:
        lines = work.verify(found, settings)
    elif dry_run:
        lines = work.rehearse(found, settings)
    else:
        lines = work.copy(found, settings, follow=follow)
    for line in lines:
        typer.echo(line)


def _echo_list() -> None:
    from cdc.migrate import tasks  # noqa: PLC0415 - `cdc --help` stays fast

    listed, broken = tasks.listed()
    echo_table(
        TITLES,
        [
            (
                name,
                found.summary,
                f"{found.database}.{found.data_type.collection}",
                found.target,
                ", ".join(found.tables),
                package,
            )
            for name, found, package in listed
        ],
    )
    if broken:
        raise broken


def _refuse_both(**wishes: bool) -> None:
    """What looks does not write, and the other way round."""
    wished = [f"--{name.replace('_', '-')}" for name, wish in wishes.items() if wish]
    if len(wished) > 1 and wished[0] in {"--verify", "--dry-run"}:
        raise ConfigInvalid(f"{wished[0]} and {wished[1]}: one only looks", hint="drop one of them")
