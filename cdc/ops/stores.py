"""The store that the settings choose, and what a cursor of theirs belongs to."""

from cdc.config import MongoSettings, Settings
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.cursor.kafka import KafkaStore
from cdc.cursor.mongo import MongoStore
from cdc.cursor.store import Store
from cdc.kafka.transactions import Transactions
from cdc.ops.topics import topics
from cdc.source.mongo import connect, translated


def watched(settings: Settings) -> WatchedSource:
    """What a cursor of these settings belongs to."""
    server = settings.source.address.dialect if settings.source.given else "mongodb"
    return WatchedSource(server=server, database=settings.database, collections=tuple(sorted(settings.names)))


def store(settings: Settings, name: str | None = None, source: WatchedSource | None = None) -> Store:
    """The cursor of the pipeline that the settings name, or of that `name`; of what they watch, or of that `source`."""
    name, source = name or settings.pipeline_name, source or watched(settings)
    match settings.store:
        case "file":
            return FileStore(settings.cursor_dir, name, source)
        case "mongo":
            return _in_mongo(settings, name, source)
        case "kafka":
            return _in_kafka(settings, name, source)
        case "sql":
            return _in_sql(settings, name, source)


def place(settings: Settings) -> str:
    """Where that store is, in words."""
    match settings.store:
        case "file":
            return str(settings.cursor_dir)
        case "mongo":
            return f"MongoDB's {settings.cursor_collection}"
        case "kafka":
            return f"Kafka's topic {settings.cursor_topic!r}"
        case "sql":
            return f"{settings.sink.address}"


def _in_mongo(settings: Settings, name: str, source: WatchedSource) -> MongoStore:
    mongo = settings.mongo
    if settings.cursor_uri is not None:
        mongo = MongoSettings(uri=settings.cursor_uri)
    return MongoStore(
        settings.cursor_dir,
        name,
        source,
        collection=settings.cursor_collection,
        connect=lambda: connect(mongo, app=f"{name}-cursor"),
        translated=lambda: translated(mongo),
    )


def _in_kafka(settings: Settings, name: str, source: WatchedSource) -> KafkaStore:
    """Where all is sent exactly once, the producer is the records', too, and its batches fit their topics."""

    def batch_size() -> int:
        if not settings.exactly_once:
            return settings.kafka.batch_size
        found = topics(settings)
        found.open()
        return found.batch_size

    transactions = Transactions(settings.kafka, name, batch_size)
    return KafkaStore(
        settings.cursor_dir,
        name,
        source,
        settings=settings.kafka,
        topic=settings.cursor_topic,
        create=settings.create_topics,
        transactions=transactions,
    )


def _in_sql(settings: Settings, name: str, source: WatchedSource) -> Store:
    from cdc.cursor.sql import SqlStore  # noqa: PLC0415 - SQLAlchemy is loaded where it is asked for
    from cdc.sql.transaction import Transaction  # noqa: PLC0415

    return SqlStore(settings.cursor_dir, name, source, transaction=Transaction(settings.sink, name))
