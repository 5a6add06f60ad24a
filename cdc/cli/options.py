"""The options that commands share, and the settings that they are flags of: what is written, where to, and how."""

from pathlib import Path
from typing import Annotated

from typer import Option

RECORDS, SINK, RUN = "What to write", "Where to", "How to run"

FullDocument = Annotated[
    str | None,
    Option(
        metavar="IMAGE",
        help="The document after an update: lookup, required or when-available (as the server stored it), off. "
        "(default: lookup)",
        rich_help_panel=RECORDS,
    ),
]
Before = Annotated[
    str | None,
    Option(
        metavar="IMAGE",
        help="The document before a change: off, lookup, when-available or required (as the server stored it). "
        "(default: off)",
        rich_help_panel=RECORDS,
    ),
]
Lookup = Annotated[
    str | None,
    Option(
        metavar="exact|server",
        help="How lookup reads a document: as of the change's own time, or by the server, whatever stands there later. "
        "(default: exact)",
        rich_help_panel=RECORDS,
    ),
]
Json = Annotated[
    str | None,
    Option(
        metavar="DIALECT",
        help="How documents are written: relaxed, canonical (every type kept) or plain. (default: relaxed)",
        rich_help_panel=RECORDS,
    ),
]
Tombstones = Annotated[
    bool | None,
    Option(
        "--tombstones/--no-tombstones",
        metavar="",
        help="Follow a delete by a tombstone. (default: on compacted topics)",
        rich_help_panel=RECORDS,
    ),
]
Topic = Annotated[
    str | None, Option(metavar="NAME", help="Topic: a name, or a template with {db} and {coll}.", rich_help_panel=SINK)
]
Sink = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="SQL database to write to in place of Kafka, by the table of --data-type: mysql://, mariadb:// or "
        "postgresql://.",
        rich_help_panel=SINK,
    ),
]
BootstrapServers = Annotated[
    str | None,
    Option(
        "--kafka",
        "--bootstrap-servers",
        metavar="HOST:PORT,…",
        help="Kafka brokers. (default: 127.0.0.1:9092)",
        rich_help_panel=SINK,
    ),
]
NoCreateTopics = Annotated[
    bool | None,
    Option(
        "--no-create-topics",
        metavar="",
        help="Refuse to start without the topic, instead of creating it.",
        rich_help_panel=SINK,
    ),
]
DeadLetterTopic = Annotated[
    str | None, Option(metavar="TOPIC", help="Topic for events that cannot become a record.", rich_help_panel=SINK)
]
DdlTopic = Annotated[
    str | None, Option(metavar="TOPIC", help="Topic for collection events: drop, rename, ….", rich_help_panel=SINK)
]
CreateTables = Annotated[
    bool | None,
    Option("--create-tables", metavar="", help="Create tables of --sink that are missing.", rich_help_panel=SINK),
]
DeadLetterTable = Annotated[
    str | None,
    Option(metavar="TABLE", help="Table of --sink for documents that cannot become a row.", rich_help_panel=SINK),
]
Config = Annotated[Path | None, Option("--config", metavar="FILE", help="YAML file of settings.", rich_help_panel=RUN)]
Name = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Name of the pipeline: of its cursor, client and metrics. (default: from source and target)",
        rich_help_panel=RUN,
    ),
]
CursorDir = Annotated[
    Path | None,
    Option(
        metavar="DIR", help="Folder of the saved cursors. (default: in the user's state folder)", rich_help_panel=RUN
    ),
]
CursorStore = Annotated[
    str | None,
    Option(
        metavar="file|mongo|kafka",
        help="Where the cursor is kept. (default: file; with exactly-once kafka)",
        rich_help_panel=RUN,
    ),
]
CursorCollection = Annotated[
    str | None,
    Option(metavar="DB.COLL", help="Collection of cursors in a MongoDB. (default: cdc.cursors)", rich_help_panel=RUN),
]
CursorTopic = Annotated[
    str | None,
    Option(metavar="NAME", help="Compacted topic of cursors in Kafka. (default: cdc-cursors)", rich_help_panel=RUN),
]
Standby = Annotated[
    bool | None,
    Option(
        "--standby",
        metavar="",
        help="Where another instance runs, wait for its end and take over.",
        rich_help_panel=RUN,
    ),
]
Guarantee = Annotated[
    str | None,
    Option(
        metavar="at-least-once|exactly-once",
        help="Whether a crash may send some records again, or never does. (default: at-least-once)",
        rich_help_panel=SINK,
    ),
]
CommitIntervalMs = Annotated[
    int | None,
    Option(metavar="MS", help="How long a transaction takes at most. (default: 200)", rich_help_panel=SINK),
]
OnHistoryLost = Annotated[
    str | None,
    Option(
        metavar="fail|resnapshot|skip-to-now",
        help="When the server no longer has the saved position. (default: fail)",
        rich_help_panel=RUN,
    ),
]
Once = Annotated[bool | None, Option("--once", metavar="", help="Exit 0 when caught up.", rich_help_panel=RUN)]
DryRun = Annotated[
    bool | None, Option("--dry-run", metavar="", help="Print the records; no Kafka, no cursor.", rich_help_panel=RUN)
]
StartupTimeout = Annotated[
    float | None,
    Option(
        metavar="SECONDS", help="How long MongoDB and Kafka are tried at the start. (default: 30)", rich_help_panel=RUN
    ),
]
ShutdownTimeout = Annotated[
    float | None,
    Option(
        metavar="SECONDS", help="How long a stop waits for Kafka's acknowledgements. (default: 7)", rich_help_panel=RUN
    ),
]
StallTimeout = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        help="How long the loop may stand still before the process ends with code 3. (default: 120)",
        rich_help_panel=RUN,
    ),
]
HeadroomWarn = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        help="Warn when the oplog overtakes the position in less than that. (default: 3600)",
        rich_help_panel=RUN,
    ),
]
MetricsPort = Annotated[
    int | None,
    Option(
        metavar="PORT", help="Port of /metrics, /healthz, /readyz on 127.0.0.1. (default: none)", rich_help_panel=RUN
    ),
]
LogFormat = Annotated[
    str | None,
    Option(
        metavar="console|json",
        help="Form of the log. (default: console on a terminal, json elsewhere)",
        rich_help_panel=RUN,
    ),
]
Debug = Annotated[
    bool | None, Option("--debug", metavar="", help="Log what is of use to a developer.", rich_help_panel=RUN)
]
