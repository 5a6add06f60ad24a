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
    task: Annotated[str | None, Option(metavar="NAME", help="Task to run; --list has them.", rich_help_panel=DO)] = None,
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
            help="Compare every document with its rows; exit 7 and each difference by its key where there is one.",
            rich_help_panel=DO,
        ),
    ] = False,
    follow: Annotated[
        bool, Option("--follow", metavar="", help="Go on with the changes until stopped.", rich_help_panel=DO)
    ] = False,
    full_amount: Annotated[
        bool,
        Option(
            "--full-amount",
            "--full_amount",
            metavar="",
            help="Forget how far it was, and begin again.",
            rich_help_panel=DO,
        ),
    ] = False,
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
    parallel: reading.Parallel = None,
    max_rate: reading.MaxRate = None,
    read_preference: reading.ReadPreference = None,
    sink: Annotated[
        str | None,
        Option(metavar="URL", help="Database of the tables. (default: the task's)", rich_help_panel=options.SINK),
    ] = None,
    dead_letter_table: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Table for what is refused. (default: cdc_dead_letter)",
            rich_help_panel=options.SINK,
        ),
    ] = None,
    config: options.Config = None,
    name: options.Name = None,
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
