"""A server that sends replies unasked: from when on, until when, and that nothing is lost or left behind by it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from cdc.config import MongoSettings
from cdc.events import BEHIND_SECONDS, Batch, Position
from cdc.source.change_stream import ChangeStream, Images, Scope
from cdc.source.cursors import Database, ReplyTap
from cdc.source.mongo import Server, connect
from tests.support.sources import source_of
from tests.support.waiting import until

pytestmark = pytest.mark.servers

BATCH, DOCUMENTS = 100, 5000
LARGE = "x" * 50_000
"""Of which a hundred are more than a reply should have."""

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def settings(mongo_uri: str, database: str) -> MongoSettings:
    return MongoSettings.model_validate({"uri": mongo_uri, "database": database, "batch_size": BATCH})


@pytest.fixture
def stream(settings: MongoSettings, mongo: Client, database: str) -> Iterator[ChangeStream]:
    """Opened before all documents that are made later, and closed in the end."""
    mongo[database].create_collection("info")
    tap = ReplyTap()
    with connect(settings, app="streaming", listeners=[tap]) as client:
        options = Images("lookup", "off").options(after=True)
        opened = ChangeStream(
            Database(client, tap, database), Scope(database, ["info"]), options, settings, streams=True
        )
        opened.open(Position())
        yield opened
        opened.close()


def insert(mongo: Client, database: str, numbers: range, text: str = "") -> None:
    mongo[database].info.insert_many([{"_id": number, "text": text} for number in numbers])


def fall_behind(mongo: Client, database: str) -> None:
    """The server's clock goes on, with changes that the stream is not asked for."""
    begun = mongo.admin.command("ping")["operationTime"].time

    def later() -> bool:
        mongo[database].other.insert_one({})
        return bool(mongo.admin.command("ping")["operationTime"].time > begun + BEHIND_SECONDS)

    until(later, what="a later time")


def read(stream: ChangeStream, last: int) -> tuple[list[int], list[bool]]:
    """The numbers up to the last, and after each reply whether the server sends unasked."""
    numbers: list[int] = []
    streaming: list[bool] = []
    while last not in numbers:
        numbers += [event["documentKey"]["_id"] for event in bson.decode_all(stream.next().raw)]
        streaming.append(stream.streaming)
    return numbers, streaming


def at_work(mongo: Client, database: str) -> list[dict[str, Any]]:
    """The operations on `info`, and the cursors of it that wait for one."""
    stages: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True, "idleCursors": True}},
        {"$match": {"ns": f"{database}.info"}},
    ]
    return list(mongo.admin.aggregate(stages))


def test_a_backlog_comes_unasked_and_what_is_new_is_asked_for(
    stream: ChangeStream, mongo: Client, database: str
) -> None:
    insert(mongo, database, range(DOCUMENTS))
    fall_behind(mongo, database)
    numbers, streaming = read(stream, DOCUMENTS - 1)
    assert numbers == list(range(DOCUMENTS))
    assert streaming.count(True) > DOCUMENTS // BATCH // 2

    until(lambda: not stream.next().raw and not stream.streaming, what="the end of the backlog")
    insert(mongo, database, range(DOCUMENTS, DOCUMENTS + 10))
    numbers, streaming = read(stream, DOCUMENTS + 9)
    assert numbers == list(range(DOCUMENTS, DOCUMENTS + 10))
    assert not any(streaming)


def test_documents_that_grow_are_asked_for_again(stream: ChangeStream, mongo: Client, database: str) -> None:
    insert(mongo, database, range(DOCUMENTS))
    insert(mongo, database, range(DOCUMENTS, DOCUMENTS + 300), LARGE)
    insert(mongo, database, range(DOCUMENTS + 300, 2 * DOCUMENTS))
    fall_behind(mongo, database)
    numbers, streaming = read(stream, 2 * DOCUMENTS - 1)
    assert numbers == list(range(2 * DOCUMENTS))
    assert any(streaming)
    assert not any(streaming[DOCUMENTS // BATCH + 5 :])


def test_closed_on_the_way_it_leaves_no_cursor(stream: ChangeStream, mongo: Client, database: str) -> None:
    insert(mongo, database, range(DOCUMENTS))
    fall_behind(mongo, database)
    while not stream.streaming:
        stream.next()
    position = stream.next().position
    assert at_work(mongo, database)
    stream.close()
    until(lambda: not at_work(mongo, database), what="the end of the cursor")

    stream.open(position)
    insert(mongo, database, range(DOCUMENTS, DOCUMENTS + 1))
    numbers, _ = read(stream, DOCUMENTS)
    assert numbers[-1] == DOCUMENTS
    assert numbers == list(range(numbers[0], DOCUMENTS + 1))


@pytest.mark.parametrize(("most", "streams"), [(None, True), (2, True), (1, False)])
def test_it_does_not_take_the_only_connection(mongo_uri: str, most: int | None, *, streams: bool) -> None:
    settings = MongoSettings.model_validate({"uri": mongo_uri, "max_pool_size": most})
    with connect(settings, app="streaming") as client:
        assert Server.of(client, settings).streams is streams


@pytest.mark.parametrize("most", [1, 2])
def test_images_of_a_backlog_are_read_beside_it(
    settings: MongoSettings, mongo: Client, database: str, most: int
) -> None:
    insert(mongo, database, range(DOCUMENTS))
    found: list[Any] = []
    with closing(source_of(settings.model_copy(update={"max_pool_size": most}))) as source:
        batches = source.read(Position())
        next(batches)
        mongo[database].info.update_many({}, {"$set": {"text": "new"}})
        fall_behind(mongo, database)
        while len(found) < DOCUMENTS:
            found += changed(next(batches))
    assert found == [(number, "new") for number in range(DOCUMENTS)]


def changed(batch: Batch) -> list[tuple[int, str]]:
    return [(event["documentKey"]["_id"], event["fullDocument"]["text"]) for event in bson.decode_all(batch.raw)]
