"""The changes that are drained."""

import base64
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.collection import Collection

from tests.bench import documents
from tests.bench.documents import CHUNK, Document
from tests.bench.peers.settings import Images
from tests.bench.peers.spoken import Change

LARGE_BYTES = 20_000
_LINES, _LINE = 20, 735
"""Of random bytes, which base64 makes a third longer."""

Operation = InsertOne[Document] | UpdateOne | DeleteOne
Made = Iterator[tuple[Operation, Change]]


@dataclass(frozen=True, slots=True)
class Work:
    """So many changes, made to a collection that holds what is there `before` them.

    `exact` is whether each record's images are certain, so that they are checked: a lookup finds no document that was
    deleted since.
    """

    name: str
    title: str
    events: int
    images: Images
    before: Callable[[int], Iterator[Document]]
    changes: Callable[[int], Made]
    exact: bool = True

    def prepare(self, collection: Collection[Document]) -> None:
        documents.insert(collection, self.before(self.events))

    def make(self, collection: Collection[Document]) -> list[Change]:
        """Makes the changes, one after the other."""
        made: list[Change] = []
        several: list[Operation] = []
        for operation, change in self.changes(self.events):
            several.append(operation)
            made.append(change)
            if len(several) == CHUNK:
                collection.bulk_write(several)
                several = []
        if several:
            collection.bulk_write(several)
        return made


def drains(events: int, large: int) -> list[Work]:
    """The works of so many changes, and of so many large documents."""
    return [
        Work("insert", "Insert drain", events, Images.NONE, _nothing, _inserts),
        Work("update", "Update drain, full document", events, Images.AFTER, documents.records, _updates),
        Work("both", "Update drain, before and after", events, Images.BOTH, documents.records, _both),
        Work("mixed", "Mixed drain", events, Images.AFTER, _half, _mixed, exact=False),
        Work("large", "Documents of 20 KB", large, Images.NONE, _nothing, _large),
    ]


def _nothing(_: int) -> Iterator[Document]:
    return iter(())


def _half(events: int) -> Iterator[Document]:
    return documents.records(events // 2)


def _inserts(events: int) -> Made:
    return map(_insert, documents.records(events))


def _updates(events: int) -> Made:
    """Each document once."""
    for number, document in enumerate(documents.records(events)):
        yield _update(document["_id"], number, Change(str(document["_id"]), "u", after=True, before=False))


def _both(events: int) -> Made:
    for operation, change in _updates(events):
        yield operation, change._replace(before=True)


def _mixed(events: int) -> Made:
    """60 % updates, 30 % inserts, 10 % deletes, of what is there at the time, at random.

    Of every twenty those of a kind follow each other: PyMongo sends a command of its own for each change of kind.
    """
    source = random.Random(60)
    coming = documents.records(events)
    there = [next(coming)["_id"] for _ in range(events // 2)]
    for number in range(events):
        place, step = source.randrange(len(there)), number % 20
        if step < 12:
            yield _update(there[place], number, Change(str(there[place]), "u", after=True, before=False))
        elif step < 18:
            document = next(coming)
            there.append(document["_id"])
            yield _insert(document)
        else:
            there[place], there[-1] = there[-1], there[place]
            gone = there.pop()
            yield DeleteOne({"_id": gone}), Change(str(gone), "d", after=False, before=False)


def _large(events: int) -> Made:
    source = random.Random(20_000)
    for number in range(events):
        lines = {f"line{line}": base64.b64encode(source.randbytes(_LINE)).decode() for line in range(_LINES)}
        yield _insert({"_id": ObjectId(number.to_bytes(4, "big") + source.randbytes(8)), **lines})


def _insert(document: Document) -> tuple[Operation, Change]:
    return InsertOne(document), Change(str(document["_id"]), "c", after=True, before=False)


def _update(identity: ObjectId, number: int, change: Change) -> tuple[Operation, Change]:
    values: dict[str, Any] = {"visits": number, "score": number / 7, "city": "Bergen"}
    return UpdateOne({"_id": identity}, {"$set": values}), change
