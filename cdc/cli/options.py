"""The options that commands share, and the settings that they are flags of."""

from pathlib import Path
from typing import Annotated

from typer import Option

SOURCE, LOADS, RECORDS, KAFKA, RUN = "What to read", "How to load", "What to write", "Where to", "How to run"

Collection = Annotated[
    list[str] | None,
    Option(metavar="NAME", help="Collection to watch; repeatable. Absent: the whole database.", rich_help_panel=SOURCE),
]
Database = Annotated[
    str | None, Option(metavar="NAME", help="Database to watch. (default: raw_data_temp)", rich_help_panel=SOURCE)
]
MongoUri = Annotated[
    str | None,
    Option(
        metavar="URI", help="MongoDB connection string. (default: mongodb://127.0.0.1:27017)", rich_help_panel=SOURCE
    ),
]
DataType = Annotated[
    str | None,
    Option(
        "--data-type",
        "--data_type",
        metavar="NAME",
        help="Data type that every document must fit; gives collection, topic and increment field. See `cdc types`.",
        rich_help_panel=SOURCE,
    ),
]
Match = Annotated[
    str | None,
    Option(
        metavar="JSON",
        help="Filter on change events, run by the server; a load sees each document as just inserted.",
        rich_help_panel=SOURCE,
    ),
]
Where = Annotated[
    str | None,
    Option(
        metavar="JSON",
        help="Filter on the documents that are read, by a load or by polling; changes pass it by. See --match.",
        rich_help_panel=SOURCE,
    ),
]
NoSnapshot = Annotated[
    bool | None,
    Option("--no-snapshot", metavar="", help="On a first start, do not load what exists.", rich_help_panel=SOURCE),
]
From = Annotated[
    str | None,
    Option(
        "--from",
        metavar="now|TIME",
        help="Where a first start begins, without a load: now, an ISO 8601 time (UTC), or Unix seconds.",
        rich_help_panel=SOURCE,
    ),
]
FullAmount = Annotated[
    bool | None,
    Option(
        "--full-amount",
        "--full_amount",
        metavar="",
        help="Forget the cursor, load everything that exists, and go on with the changes.",
        rich_help_panel=LOADS,
    ),
]
IncrementField = Annotated[
    str | None,
    Option(
        "--increment-field",
        "--increment_field",
        metavar="FIELD",
        help="Field that grows with every write: loads read in its order, and polling goes by it. (default: _id)",
        rich_help_panel=LOADS,
    ),
]
Parallel = Annotated[
    int | None,
    Option(
        metavar="COUNT",
        help="How many chunks of a collection a load reads at once. (default: the cores)",
        rich_help_panel=LOADS,
    ),
]
MaxRate = Annotated[
    float | None,
    Option(
        metavar="COUNT", help="Most documents that a load reads in a second. (default: no limit)", rich_help_panel=LOADS
    ),
]
ReadPreference = Annotated[
    str | None,
    Option(
        metavar="MODE",
        help="Member that a load reads from: primary, primaryPreferred, secondary, secondaryPreferred, nearest. "
        "(default: primary)",
        rich_help_panel=LOADS,
    ),
]
SnapshotRoundMs = Annotated[
    int | None,
    Option(
        metavar="MS",
        help="How long a load reads before the changes since then are passed on. (default: 500)",
        rich_help_panel=LOADS,
    ),
]
PollInterval = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        help="How often a server without change streams is asked for what is new. (default: 1)",
        rich_help_panel=LOADS,
    ),
]
PollLag = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        help="How far back polling asks again, for what was written late. (default: 10)",
        rich_help_panel=LOADS,
    ),
]
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
    str | None, Option(metavar="NAME", help="Topic: a name, or a template with {db} and {coll}.", rich_help_panel=KAFKA)
]
BootstrapServers = Annotated[
    str | None,
    Option(
        "--kafka",
        "--bootstrap-servers",
        metavar="HOST:PORT,…",
        help="Kafka brokers. (default: 127.0.0.1:9092)",
        rich_help_panel=KAFKA,
    ),
]
NoCreateTopics = Annotated[
    bool | None,
    Option(
        "--no-create-topics",
        metavar="",
        help="Refuse to start without the topic, instead of creating it.",
        rich_help_panel=KAFKA,
    ),
]
DeadLetterTopic = Annotated[
    str | None, Option(metavar="TOPIC", help="Topic for events that cannot become a record.", rich_help_panel=KAFKA)
]
DdlTopic = Annotated[
    str | None, Option(metavar="TOPIC", help="Topic for collection events: drop, rename, ….", rich_help_panel=KAFKA)
]
Config = Annotated[Path | None, Option("--config", metavar="FILE", help="YAML file of settings.", rich_help_panel=RUN)]
Name = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Name of the pipeline: of its cursor, client and metrics. (default: from source and topic)",
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
        rich_help_panel=KAFKA,
    ),
]
CommitIntervalMs = Annotated[
    int | None,
    Option(
        metavar="MS", help="How long a transaction of exactly-once takes at most. (default: 200)", rich_help_panel=KAFKA
    ),
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
