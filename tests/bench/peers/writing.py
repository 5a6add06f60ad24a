"""The writer of the latency's documents: inserts them one by one at a steady rate.

`python -m tests.bench.peers.writing URI DATABASE COLLECTION RATE SECONDS` prints {"acknowledged": {_id: when}}, by the
monotonic clock and in order, and "rate", which it kept in fact.
"""

import json
import sys
import threading
import time
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.bench import documents

LANE = 125
"""Documents a second that one connection inserts at most."""


class Lane(threading.Thread):
    """Inserts every so many documents, each when its time has come; raises, when joined, what it failed with."""

    def __init__(
        self, collection: Collection[RawBSONDocument], due: list[tuple[float, ObjectId, RawBSONDocument]]
    ) -> None:
        super().__init__(daemon=True)
        self._collection = collection
        self._due = due
        self.acknowledged: dict[str, float] = {}

    def run(self) -> None:
        pause = threading.Event()
        for when, identity, document in self._due:
            pause.wait(max(0.0, when - time.monotonic()))
            self._collection.insert_one(document)
            self.acknowledged[str(identity)] = time.monotonic()


def write(collection: Collection[RawBSONDocument], rate: int, seconds: int) -> dict[str, Any]:
    lanes = max(1, rate // LANE)
    due = []
    begin = time.monotonic() + 0.5 + rate * seconds / 20_000  # the documents are made first
    for number, document in enumerate(documents.records(rate * seconds)):
        identity = ObjectId()
        due.append((begin + number / rate, identity, RawBSONDocument(bson.encode({**document, "_id": identity}))))
    running = [Lane(collection, due[lane::lanes]) for lane in range(lanes)]
    for lane in running:
        lane.start()
    for lane in running:
        lane.join()
    times = sorted((when, identity) for lane in running for identity, when in lane.acknowledged.items())
    if len(times) < len(due):
        raise RuntimeError(f"{len(due) - len(times)} documents were not acknowledged")
    kept = len(times) / (times[-1][0] - begin)
    return {"acknowledged": {identity: when for when, identity in times}, "rate": kept}


def main() -> None:
    uri, database, collection, rate, seconds = sys.argv[1:]
    with MongoClient[RawBSONDocument](uri, document_class=RawBSONDocument) as client:
        print(json.dumps(write(client[database][collection], int(rate), int(seconds))))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
