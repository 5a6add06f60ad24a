"""`cdc watch`."""

from pathlib import Path
from typing import Annotated

from typer import Option

SOURCE, RECORDS, KAFKA, RUN = "What to read", "What to write", "Where to", "How to run"


def watch(
    collection: Annotated[
        list[str] | None,
        Option(
            metavar="NAME", help="Collection to watch; repeatable. Absent: the whole database.", rich_help_panel=SOURCE
        ),
    ] = None,
    database: Annotated[
        str | None, Option(metavar="NAME", help="Database to watch. (default: raw_data_temp)", rich_help_panel=SOURCE)
    ] = None,
    mongo_uri: Annotated[
        str | None,
        Option(
            metavar="URI",
            help="MongoDB connection string. (default: mongodb://127.0.0.1:27017)",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    data_type: Annotated[
        str | None,
        Option(
            "--data-type",
            "--data_type",
            metavar="NAME",
            help="Data type that every document must fit; gives collection and topic. See `cdc types`.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    match: Annotated[
        str | None, Option(metavar="JSON", help="Filter on change events, run by the server.", rich_help_panel=SOURCE)
    ] = None,
    no_snapshot: Annotated[
        bool | None,
        Option("--no-snapshot", metavar="", help="On a first start, do not load what exists.", rich_help_panel=SOURCE),
    ] = None,
    from_: Annotated[
        str | None,
        Option(
            "--from",
            metavar="now|TIME",
            help="Where a first start begins, without a load: now, an ISO 8601 time (UTC), or Unix seconds.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    full_document: Annotated[
        str | None,
        Option(
            metavar="IMAGE",
            help="The document after an update: lookup, required or when-available (as the server stored it), off. "
            "(default: lookup)",
            rich_help_panel=RECORDS,
        ),
    ] = None,
    before: Annotated[
        str | None,
        Option(
            metavar="IMAGE",
            help="The document before a change: off, when-available or required (as the server stored it). "
            "(default: off)",
            rich_help_panel=RECORDS,
        ),
    ] = None,
    json: Annotated[
        str | None,
        Option(
            metavar="DIALECT",
            help="How documents are written: relaxed, canonical (every type kept) or plain. (default: relaxed)",
            rich_help_panel=RECORDS,
        ),
    ] = None,
    tombstones: Annotated[
        bool | None,
        Option(
            "--tombstones/--no-tombstones",
            metavar="",
            help="Follow a delete by a tombstone. (default: on compacted topics)",
            rich_help_panel=RECORDS,
        ),
    ] = None,
    topic: Annotated[
        str | None,
        Option(metavar="NAME", help="Topic: a name, or a template with {db} and {coll}.", rich_help_panel=KAFKA),
    ] = None,
    bootstrap_servers: Annotated[
        str | None,
        Option(
            "--kafka",
            "--bootstrap-servers",
            metavar="HOST:PORT,…",
            help="Kafka brokers. (default: 127.0.0.1:9092)",
            rich_help_panel=KAFKA,
        ),
    ] = None,
    no_create_topics: Annotated[
        bool | None,
        Option(
            "--no-create-topics",
            metavar="",
            help="Refuse to start without the topic, instead of creating it.",
            rich_help_panel=KAFKA,
        ),
    ] = None,
    dead_letter_topic: Annotated[
        str | None, Option(metavar="TOPIC", help="Topic for events that cannot become a record.", rich_help_panel=KAFKA)
    ] = None,
    ddl_topic: Annotated[
        str | None, Option(metavar="TOPIC", help="Topic for collection events: drop, rename, ….", rich_help_panel=KAFKA)
    ] = None,
    config: Annotated[
        Path | None, Option("--config", metavar="FILE", help="YAML file of settings.", rich_help_panel=RUN)
    ] = None,
    name: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Name of the pipeline: of its cursor, client and metrics. (default: from source and topic)",
            rich_help_panel=RUN,
        ),
    ] = None,
    cursor_dir: Annotated[
        Path | None,
        Option(
            metavar="DIR",
            help="Folder of the saved cursors. (default: in the user's state folder)",
            rich_help_panel=RUN,
        ),
    ] = None,
    on_history_lost: Annotated[
        str | None,
        Option(
            metavar="fail|skip-to-now",
            help="When the server no longer has the saved position. (default: fail)",
            rich_help_panel=RUN,
        ),
    ] = None,
    once: Annotated[
        bool | None, Option("--once", metavar="", help="Exit 0 when caught up.", rich_help_panel=RUN)
    ] = None,
    dry_run: Annotated[
        bool | None,
        Option("--dry-run", metavar="", help="Print the records; no Kafka, no cursor.", rich_help_panel=RUN),
    ] = None,
    startup_timeout: Annotated[
        float | None,
        Option(
            metavar="SECONDS",
            help="How long MongoDB and Kafka are tried at the start. (default: 30)",
            rich_help_panel=RUN,
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        Option(
            metavar="PORT",
            help="Port of /metrics, /healthz, /readyz on 127.0.0.1. (default: none)",
            rich_help_panel=RUN,
        ),
    ] = None,
    log_format: Annotated[
        str | None,
        Option(
            metavar="console|json",
            help="Form of the log. (default: console on a terminal, json elsewhere)",
            rich_help_panel=RUN,
        ),
    ] = None,
    debug: Annotated[
        bool | None, Option("--debug", metavar="", help="Log what is of use to a developer.", rich_help_panel=RUN)
    ] = None,
) -> None:
    """Produce every change of a collection to Kafka, from where the last run stopped.

    A first start loads what exists, then goes on with the changes. Every option can also come from the
    environment (CDC_TOPIC, CDC_MONGO__URI, …) or a file: see `cdc config show`.
    """
    from cdc import app  # noqa: PLC0415 - `cdc --help` stays fast
    from cdc.config import load  # noqa: PLC0415

    flags = {
        "collection": collection or None,
        "mongo.database": database,
        "mongo.uri": mongo_uri,
        "data_type": data_type,
        "match": match,
        "snapshot": False if no_snapshot else None,
        "from": from_,
        "full_document": full_document,
        "before": before,
        "json": json,
        "tombstones": tombstones,
        "topic": topic,
        "kafka.bootstrap_servers": bootstrap_servers,
        "create_topics": False if no_create_topics else None,
        "dead_letter_topic": dead_letter_topic,
        "ddl_topic": ddl_topic,
        "name": name,
        "cursor_dir": cursor_dir,
        "on_history_lost": on_history_lost,
        "once": once,
        "dry_run": dry_run,
        "startup_timeout": startup_timeout,
        "metrics_port": metrics_port,
        "log_format": log_format,
        "debug": debug,
    }
    app.watch(load(flags, config=config).settings)
