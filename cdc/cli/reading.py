"""The options that commands share, and the settings that they are flags of: what is read, and how."""

from typing import Annotated

from typer import Option

SOURCE, LOADS = "What to read", "How to load"

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
Source = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="SQL database to read in place of MongoDB: mysql://, mariadb:// or postgresql://.",
        rich_help_panel=SOURCE,
    ),
]
Table = Annotated[
    list[str] | None,
    Option(
        metavar="NAME",
        help="Table of --source to watch, in the order of --increment-field; repeatable.",
        rich_help_panel=SOURCE,
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
        help="How often a server without change streams, or --source, is asked for what is new. (default: 1)",
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
