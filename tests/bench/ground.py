"""What every measurement stands on: real servers of its own, fresh topics, and the cursor of a moment."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from pymongo.collection import Collection

from cdc.cursor.cursor import Cursor
from cdc.local import stack
from cdc.local.server import Settings
from tests.bench import installed
from tests.bench.children import Used, measured
from tests.bench.installed import COMMAND

NAME, DATABASE = "bench", "bench"
SETTINGS: Settings = {"replication.oplogSizeMB": 4096}
"""The oplog must hold 1 GB of documents, from the first to the last."""


@dataclass
class Ground:
    """`env` is where `cdc` finds the servers."""

    folder: Path
    kafka: str
    env: Mapping[str, str]
    mongo: MongoClient[dict[str, Any]]
    admin: AdminClient
    numbers: Iterator[int] = field(default_factory=count)

    def collection(self, **options: Any) -> Collection[dict[str, Any]]:  # noqa: ANN401 - the server's
        """A new one."""
        made: Collection[dict[str, Any]] = self.mongo[DATABASE].create_collection(f"c{next(self.numbers)}", **options)
        return made

    def settle(self) -> None:
        """Have MongoDB write down what it was given, which it else does beside whoever is measured first.

        https://www.mongodb.com/docs/manual/reference/command/fsync/
        """
        self.mongo.admin.command("fsync")

    def topic(self, config: Mapping[str, str]) -> str:
        """A new one, of one partition."""
        name = f"t{next(self.numbers)}"
        wanted = NewTopic(name, 1, 1, config=dict(config))
        self.admin.create_topics([wanted])[name].result(30)
        return name

    def cursors(self, collection: str) -> Path:
        """A cursor folder whose cursor stands at this moment."""
        folder = self.empty()
        moment = watch(collection, "moment", folder, "--from", "now", "--once")
        measured([*COMMAND, *moment], self.empty(), self.env)
        return folder

    def drain(self, collection: str, topic: str, cursors: Path, *options: str) -> Used:
        """`cdc watch --once` from a copy of the cursor on."""
        copy = self.empty()
        shutil.copytree(cursors, copy, dirs_exist_ok=True)
        command = [*COMMAND, *watch(collection, topic, copy, "--once", *options)]
        return measured(command, self.empty(), self.env)

    def require(self, topic: str, records: int) -> None:
        """Raises where the topic has fewer or more."""
        with self.consumer(topic) as consumer:
            found = consumer.get_watermark_offsets(consumer.assignment()[0], timeout=30)[1]
        if found != records:
            raise RuntimeError(f"{topic} has {found} records instead of {records}")

    def forget(self, collection: Collection[dict[str, Any]], topic: str) -> None:
        """Give their space back."""
        collection.drop()
        self.delete(topic)

    def delete(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(30)

    def empty(self) -> Path:
        folder = self.folder / f"f{next(self.numbers)}"
        folder.mkdir()
        return folder

    @contextmanager
    def consumer(self, topic: str, *, to_end: bool = False) -> Iterator[Consumer]:
        """From the topic's beginning on; told of its end, where asked for."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": "bench",
                "enable.auto.commit": "false",
                "fetch.min.bytes": 1,
                "enable.partition.eof": to_end,
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        try:
            yield consumer
        finally:
            consumer.close()


def watch(collection: str, topic: str, cursors: Path, *options: str) -> list[str]:
    """The arguments of `cdc`."""
    where = ["--database", DATABASE, "--collection", collection, "--topic", topic, "--cursor-dir", str(cursors)]
    return ["watch", "--name", NAME, *where, *options]


def token(cursors: Path) -> Mapping[str, Any]:
    """The resume token of the folder's cursor."""
    found = Cursor.model_validate_json((cursors / f"{NAME}.json").read_bytes()).position.token
    if found is None:
        raise RuntimeError(f"the cursor in {cursors} has no token")
    return found


@contextmanager
def ground(mongo_settings: Settings = SETTINGS) -> Iterator[Ground]:
    """Servers that are gone when the block ends, whatever happens in it."""
    installed.install()
    with TemporaryDirectory(prefix="cdc-bench-") as name:
        folder = Path(name)
        servers = stack.up(folder / "stack", mongo_settings=mongo_settings)
        try:
            with MongoClient[dict[str, Any]](servers.mongo_uri) as mongo:
                admin = AdminClient({"bootstrap.servers": servers.kafka, "log_level": 2})  # it outlives the servers
                yield Ground(folder, servers.kafka, servers.environment(), mongo, admin)
        finally:
            stack.reset(folder / "stack")
