"""What each peer is run with, exactly; `PEERS.md` says it in these words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cdc.local.install import Tell
from tests.bench.ground import DATABASE
from tests.bench.peers import jars, spoken
from tests.bench.peers.spoken import Parse

Properties = Mapping[str, str]

JVM = (
    "-Xms256M",
    "-Xmx2G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)
"""Those of Kafka's own `connect-standalone.sh`."""

_JSON = "org.apache.kafka.connect.json.JsonConverter"
_STRING = "org.apache.kafka.connect.storage.StringConverter"

WORKER: Properties = {
    "listeners": "http://127.0.0.1:0",
    "plugin.discovery": "service_load",
    "key.converter": _JSON,
    "key.converter.schemas.enable": "false",
    "value.converter": _JSON,
    "value.converter.schemas.enable": "false",
}
"""Every worker's, tuned or not."""

TUNED_WORKER: Properties = {
    "producer.compression.type": "lz4",
    "producer.linger.ms": "20",
    "producer.batch.size": "524288",
}


class Images(StrEnum):
    """What a record holds of the document beside the change."""

    NONE = "none"
    AFTER = "after"
    BOTH = "both"


OURS: Mapping[Images, tuple[str, ...]] = {
    Images.NONE: (),
    Images.AFTER: ("--full-document", "lookup"),
    Images.BOTH: ("--full-document", "lookup", "--before", "lookup"),
}
"""The options of `cdc watch`; all else as shipped."""


@dataclass(frozen=True, slots=True)
class Connector:
    """`name` is that of its positions, too, and the first part of its topics' names.

    `always` is what it needs to run at all, `tuned` what served it best; `load` makes it read what exists, `follow`
    only what changes.
    """

    name: str
    title: str
    jars: Callable[[Tell], Path]
    parse: Parse
    uri: str
    collection: str
    always: Properties
    tuned: Properties
    load: Properties
    follow: Properties
    images: Mapping[Images, Properties]
    tombstones: bool

    def of(self, uri: str, collection: str) -> Properties:
        """Which collection it reads, and where."""
        qualified = f"{DATABASE}.{collection}" if self.collection.startswith("collection.") else collection
        return {"name": self.name, "topic.prefix": self.name, self.uri: uri, self.collection: qualified}


DEBEZIUM = Connector(
    name="debezium",
    title="Debezium",
    jars=jars.debezium,
    parse=spoken.debezium,
    uri="mongodb.connection.string",
    collection="collection.include.list",
    always={
        "connector.class": "io.debezium.connector.mongodb.MongoDbConnector",
        "tasks.max": "1",
        "database.include.list": DATABASE,
    },
    tuned={
        "poll.interval.ms": "10",
        "cursor.max.await.time.ms": "100",
        "filters.match.mode": "literal",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
    },
    load={"snapshot.mode": "initial"},
    follow={"snapshot.mode": "no_data"},
    images={
        Images.NONE: {},
        Images.AFTER: {"capture.mode": "change_streams_update_full"},
        Images.BOTH: {"capture.mode": "change_streams_update_full_with_pre_image"},
    },
    tombstones=True,
)

MONGODB = Connector(
    name="mongodb",
    title="MongoDB connector",
    jars=jars.connector,
    parse=spoken.mongodb,
    uri="connection.uri",
    collection="collection",
    always={
        "connector.class": "com.mongodb.kafka.connect.MongoSourceConnector",
        "tasks.max": "1",
        "database": DATABASE,
        "key.converter": _STRING,
        "value.converter": _STRING,
    },
    tuned={
        "poll.await.time.ms": "100",
        "poll.max.batch.size": "10000",
        "batch.size": "10000",
        "output.json.formatter": "com.mongodb.kafka.connect.source.json.formatter.SimplifiedJson",
    },
    load={"startup.mode": "copy_existing"},
    follow={"startup.mode": "latest"},
    images={
        Images.NONE: {},
        Images.AFTER: {"change.stream.full.document": "updateLookup"},
        Images.BOTH: {
            "change.stream.full.document": "updateLookup",
            "change.stream.full.document.before.change": "whenAvailable",
        },
    },
    tombstones=False,
)

CONNECTORS = (DEBEZIUM, MONGODB)
