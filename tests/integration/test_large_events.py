"""Positions of a stream with events that are too large for a reply: each is one to go on from."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bson
import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from cdc.config import MongoSettings
from cdc.events import Batch, Load, Position
from cdc.source.change_stream import Images
from cdc.source.watch import MongoSource
from tests.support.sources import source_of

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

LARGE = 9 * 1024 * 1024
"""Bytes of a document; an update that replaces most of it is twice as large with what the server stored of before."""

ROOMY = {"storage.wiredTiger.engineConfig.cacheSizeGB": 1}
"""Settings of a server that takes large changes without waiting for room in its cache."""

STORED = Images("required", "required")

Opened = Callable[[int, Images], MongoSource]
Read = Callable[[Position, Images], list[tuple[Position, list[str]]]]


@pytest.fixture(params=["6.0.27", "6.0.5"])
def uri(request: pytest.FixtureRequest, own_stack: "Callable[..., Stack]") -> str:
    """Of a server that splits large events, and of one that does not."""
    return str(own_stack(brokers=0, mongo_version=request.param, mongo_settings=ROOMY).mongo_uri)


@pytest.fixture
def opened(uri: str) -> Iterator[Opened]:
    """Gives a source that asks for so many events at once, with such images."""
    with ExitStack() as stack:

        def of(batch_size: int, images: Images) -> MongoSource:
            settings = MongoSettings.model_validate({"uri": uri, "database": "shop", "batch_size": batch_size})
            return stack.enter_context(closing(source_of(settings, images=images)))

        yield of


@pytest.fixture
def read(opened: Opened) -> Read:
    """Gives each position from one on to the change of `end`, and what came before it: ids, and `!` for a large one."""

    def from_(start: Position, images: Images) -> list[tuple[Position, list[str]]]:
        found: list[tuple[Position, list[str]]] = []
        for batch in opened(1000, images).read(start):
            found.append((batch.position, _told(batch)))
            if "end" in found[-1][1]:
                break
        return found

    return from_


def _told(batch: Batch) -> list[str]:
    told = []
    for event in bson.decode_all(batch.raw):
        images = [event.get(name) or {} for name in ("fullDocument", "fullDocumentBeforeChange")]
        whole = sum(len(image.get("t", "")) for image in images)
        large = batch.unread is not None or whole > LARGE
        assert "splitEvent" not in event
        told.append(f"{event['documentKey']['_id']}{'!' if large else ''}")
    return told


@pytest.mark.parametrize("images", [STORED, Images("lookup", "required")], ids=["stored", "looked up"])
def test_every_position_is_one_to_go_on_from(uri: str, read: Read, images: Images) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        info = client["shop"].create_collection("info", changeStreamPreAndPostImages={"enabled": True})
        info.insert_many([{"_id": "a", "t": "a" * LARGE}, {"_id": "b", "t": "b" * LARGE}])
        begun = client.admin.command("ping")["operationTime"]
        start = Position(time=Timestamp(begun.time, begun.inc + 1))
        info.update_one({"_id": "a"}, {"$set": {"n": 1}})
        small = [f"s{number}" for number in range(8)]
        info.insert_many([{"_id": name} for name in small])
        expected = ["a!", *small]
        for number in range(4):
            large = "ab"[number % 2]
            info.update_one({"_id": large}, {"$set": {"t": f"{number}" * LARGE}})
            expected.append(f"{large}!")
            if number % 2 == 0:
                info.insert_one({"_id": f"t{number}"})
                expected.append(f"t{number}")
        info.insert_one({"_id": "end"})
        expected.append("end")

    batches = read(start, images)
    assert [told for _, batch in batches for told in batch] == expected
    come: list[str] = []
    for position, batch in batches:
        come += batch
        if batch and batch[-1] != "end":
            begun_again = come if position.token else come[:-1]
            assert begun_again + [told for _, rest in read(position, images) for told in rest] == expected


def test_a_row_that_is_read_behind_a_large_event_loses_no_change(uri: str, opened: Opened, read: Read) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        info = client["shop"].create_collection("info", changeStreamPreAndPostImages={"enabled": True})
        info.insert_one({"_id": "a", "t": "a" * LARGE})
        begun = client.admin.command("ping")["operationTime"]
        info.insert_one({"_id": "s"})
        info.update_one({"_id": "a"}, {"$set": {"t": "b" * LARGE}})
        row = None
        for batch in opened(1, STORED).read(Position(time=Timestamp(begun.time, begun.inc + 1), load=Load())):
            if batch.namespace is not None:
                row = batch
                break
            if batch.raw and _told(batch) == ["s"]:
                info.insert_many([{"_id": "behind"}, {"_id": "further"}])
        info.insert_one({"_id": "end"})
    assert row is not None
    assert "behind" in [told for _, batch in read(replace(row.position, load=None), STORED) for told in batch]
