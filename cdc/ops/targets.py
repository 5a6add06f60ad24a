"""Where records go by the settings: how they are made, and what takes them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cdc.config import Settings, find_data_type
from cdc.cursor.kafka import KafkaStore
from cdc.cursor.store import Store
from cdc.encode import Encoder, documents
from cdc.encode.dead_letter import letter
from cdc.encode.keys import key_of
from cdc.events import Batch, Records
from cdc.ops.topics import topics
from cdc.pipeline import Sink
from cdc.sink.kafka import KafkaSink
from cdc.sink.stdout import StdoutSink
from cdc.version import __version__

if TYPE_CHECKING:
    from cdc.models.table import Table
    from cdc.sink.sql.rows import Refusal
    from cdc.sink.sql.writer import Told


class Target(NamedTuple):
    """With `whole`, what the sink was given becomes visible as the position is saved."""

    encode: Callable[[Batch], Records]
    sink: Callable[[], Sink]
    whole: bool


def target(settings: Settings, kept: Store | None) -> Target:
    """`kept` is where the cursor is; nowhere for a dry run."""
    if settings.sink.given:
        return _tables(settings, kept)
    if settings.dry_run:
        return Target(_encoder(settings), lambda: StdoutSink(settings.topic_for, ddl=settings.ddl_topic), whole=False)
    return _kafka(settings, kept)


def told(settings: Settings) -> dict[str, str | None]:
    """Where that is, for the log."""
    return {"sink": str(settings.sink.address)} if settings.sink.given else {"topic": settings.topic}


def _kafka(settings: Settings, kept: Store | None) -> Target:
    whole = kept if isinstance(kept, KafkaStore) and settings.exactly_once else None

    def sink() -> Sink:
        return KafkaSink(
            settings.kafka,
            topics(settings),
            name=settings.pipeline_name,
            letter=letter,
            transactions=None if whole is None else whole.transactions,
            explained=None if whole is None else whole.explained,
            kept=kept,
        )

    return Target(_encoder(settings), sink, whole=whole is not None)


def _tables(settings: Settings, kept: Store | None) -> Target:
    from cdc.ops import tables  # noqa: PLC0415 - SQLAlchemy is loaded where it is asked for

    data_type = settings.data_type or ""
    sink = rows(settings, kept, tables.mapped(data_type), find_data_type(data_type).refusal)
    return Target(documents.encode, sink, whole=True)


def rows(
    settings: Settings, kept: Store | None, table: "Table", refusal: "Refusal", told: "Told | None" = None
) -> Callable[[], Sink]:
    """What makes a sink of the rows of that table; `told` hears of them."""
    from cdc.cursor.sql import SqlStore  # noqa: PLC0415 - as above
    from cdc.sink.sql.sink import SqlSink  # noqa: PLC0415

    if not isinstance(kept, SqlStore):
        raise TypeError("rows and cursor need one transaction")
    transaction = kept.transaction
    return lambda: SqlSink(
        transaction,
        table,
        name=settings.pipeline_name,
        identity=key_of,
        refusal=refusal,
        letters=settings.dead_letter_table,
        create=settings.create_tables,
        told=told,
    )


def _encoder(settings: Settings) -> Callable[[Batch], Records]:
    return Encoder(
        name=settings.pipeline_name,
        version=__version__,
        full_document=settings.full_document,
        before=settings.before,
        shared=settings.shares_topic,
        dialect=settings.json_,
        refusal=find_data_type(settings.data_type).refusal if settings.data_type else None,
    ).encode
