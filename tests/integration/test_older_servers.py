"""Loads where the server cannot read at a time that is past: rows may be newer than they say, and the end is right."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from structlog.testing import capture_logs

from cdc.config import MongoSettings
from cdc.events import DONE, Batch, Load, Position
from cdc.source.mongo import Server
from cdc.source.snapshot import Loads
from cdc.source.watch import MongoSource
from tests.support.fire import fire
from tests.support.loads import small_chunks
from tests.support.sources import source_of

pytestmark = pytest.mark.servers

DOCUMENTS = 4000
RATE = 2000

Client = MongoClient[dict[str, Any]]
Open = Callable[[str], MongoSource]
LIMITED = "cannot be read at a time that is past: a row may be newer than its ts, and the change itself follows"


@pytest.fixture
def before_5_0(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(replicated=True, streams=True, expanded_events=False, snapshot_reads=False)
    monkeypatch.setattr(Server, "of", lambda _client, _settings: server)


@pytest.fixture
def source(mongo_uri: str, database: str) -> Iterator[Open]:
    """Opens `info`, to be loaded in order of a field."""
    settings = MongoSettings.model_validate({"uri": mongo_uri, "database": database})
    with ExitStack() as stack:

        def start(field: str) -> MongoSource:
            loads = Loads(field, 2, RATE, "primary", 0.05)
            return stack.enter_context(closing(source_of(settings, loads=loads)))

        yield start


class Consumer:
    """Keeps what the last record of each `_id` leaves."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self.kept: dict[bytes, bytes] = {}
        self.reads = self.changes = 0

    def until(self, reached: Callable[[Position], bool]) -> Position:
        while True:
            batch = next(self._batches)
            for item in bson.decode_all(batch.raw):
                self._apply(item, read=batch.namespace is not None)
            if reached(batch.position):
                return batch.position

    def _apply(self, item: dict[str, Any], *, read: bool) -> None:
        self.reads += read
        self.changes += not read
        found = item if read else item.get("fullDocument")  # none of one that was deleted before it was looked up
        key = bson.encode({"_id": (item if read else item["documentKey"])["_id"]})
        if found is None:
            self.kept.pop(key, None)
        else:
            self.kept[key] = bson.encode(found)


def is_done(position: Position) -> bool:
    return position.load is not None and position.load.ended == DONE


def caught_up(consumer: Consumer, mongo: Client) -> None:
    now = mongo.admin.command("ping")["operationTime"]
    consumer.until(lambda position: position.time is not None and position.time >= now)


def collection(mongo: Client, database: str) -> dict[bytes, bytes]:
    return {bson.encode({"_id": doc["_id"]}): bson.encode(doc) for doc in mongo[database].info.find()}


@pytest.mark.usefixtures("before_5_0")
@pytest.mark.parametrize("field", ["_id", "at"])
def test_a_load_among_changes_ends_with_the_collection(
    mongo: Client, mongo_uri: str, database: str, source: Open, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    small_chunks(monkeypatch, DOCUMENTS // 10)
    with capture_logs() as logs:
        with fire(mongo_uri, database, documents=DOCUMENTS, writers=4):
            consumer = Consumer(source(field).read(Position(load=Load())))
            at_end = consumer.until(is_done)
            consumer.until(lambda _: consumer.changes > 100)
        caught_up(consumer, mongo)
    assert consumer.kept == collection(mongo, database)
    assert at_end.load is not None
    assert at_end.load.documents == consumer.reads
    assert consumer.reads > DOCUMENTS / 2
    assert [line["collection"] for line in logs if line["event"] == LIMITED] == [f"{database}.info"]


def test_a_capped_collection_is_read_as_it_is_and_ends_as_itself(mongo: Client, database: str, source: Open) -> None:
    info = mongo[database].create_collection("info", capped=True, size=10_000_000)
    info.insert_many({"_id": number, "v": 0} for number in range(DOCUMENTS))
    with capture_logs() as logs:
        consumer = Consumer(source("_id").read(Position(load=Load())))
        consumer.until(lambda position: position.load is not None and position.load.documents > DOCUMENTS / 2)
        info.update_many({}, {"$inc": {"v": 1}})
        info.insert_many({"_id": number, "v": 0} for number in range(DOCUMENTS, DOCUMENTS + 100))
        consumer.until(is_done)
        caught_up(consumer, mongo)
    assert consumer.kept == collection(mongo, database)
    assert [line["collection"] for line in logs if line["event"] == LIMITED] == [f"{database}.info"]
