"""`cdc snapshot`."""

from typing import Annotated

import typer
from typer import Option

from cdc.cli import given, options, reading
from cdc.errors import ConfigInvalid

DO = "What to do instead"


def snapshot(
    list_: Annotated[
        bool, Option("--list", metavar="", help="Print the loads that run, wait or ran last.", rich_help_panel=DO)
    ] = False,
    cancel: Annotated[
        bool,
        Option("--cancel", metavar="", help="Cancel what was asked for and is not done yet.", rich_help_panel=DO),
    ] = False,
    collection: reading.Collection = None,
    database: reading.Database = None,
    mongo_uri: reading.MongoUri = None,
    source: reading.Source = None,
    table: reading.Table = None,
    data_type: reading.DataType = None,
    match: reading.Match = None,
    where: reading.Where = None,
    increment_field: reading.IncrementField = None,
    parallel: reading.Parallel = None,
    max_rate: reading.MaxRate = None,
    read_preference: reading.ReadPreference = None,
    snapshot_round_ms: reading.SnapshotRoundMs = None,
    full_document: options.FullDocument = None,
    before: options.Before = None,
    lookup: options.Lookup = None,
    json: options.Json = None,
    tombstones: options.Tombstones = None,
    topic: options.Topic = None,
    sink: options.Sink = None,
    create_tables: options.CreateTables = None,
    dead_letter_table: options.DeadLetterTable = None,
    bootstrap_servers: options.BootstrapServers = None,
    no_create_topics: options.NoCreateTopics = None,
    dead_letter_topic: options.DeadLetterTopic = None,
    ddl_topic: options.DdlTopic = None,
    guarantee: options.Guarantee = None,
    commit_interval_ms: options.CommitIntervalMs = None,
    config: options.Config = None,
    name: options.Name = None,
    cursor_store: options.CursorStore = None,
    cursor_dir: options.CursorDir = None,
    cursor_collection: options.CursorCollection = None,
    cursor_topic: options.CursorTopic = None,
    on_history_lost: options.OnHistoryLost = None,
    startup_timeout: options.StartupTimeout = None,
    shutdown_timeout: options.ShutdownTimeout = None,
    stall_timeout: options.StallTimeout = None,
    headroom_warn: options.HeadroomWarn = None,
    metrics_port: options.MetricsPort = None,
    log_format: options.LogFormat = None,
    debug: options.Debug = None,
) -> None:
    """Send the documents of a pipeline again, all of them or with --where some, while its changes go on.

    Name the pipeline as its `cdc watch` is named: by --collection or --table and --topic, or by --name. Where that
    watcher runs, it does the work by its own settings, and this command takes only --collection, --table and --where,
    and shows how far it is. Where none runs, this command does the work, passes on the changes since the saved
    position, and ends.
    """
    settings = given.settings(locals())
    from cdc import app  # noqa: PLC0415 - `cdc --help` stays fast
    from cdc.ops import snapshots  # noqa: PLC0415

    if list_ and cancel:
        raise ConfigInvalid("--list and --cancel: one looks, the other acts", hint="drop one of them")
    if list_:
        lines = snapshots.listed(settings)
    elif cancel:
        lines = snapshots.cancel(settings)
    else:
        lines = iter([app.snapshot(settings)])
    for line in lines:
        typer.echo(line)
