"""A load on MongoDB that keeps its pace: inserts, updates and deletes, in documents that do not grow in number."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteOne, MongoClient, ReplaceOne, UpdateOne
from pymongo.collection import Collection

Document = dict[str, Any]

DOCUMENTS = 20_000
BATCH = 200
BEHIND_SECONDS = 1.0
"""By so much a pace that could not be kept is made up for; what is missing beyond is let go."""


class Load:
    """Makes `rate` changes a second, as many as it can where that is None; `changes` were made so far."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri = uri
        self._database = database
        self._random = random.Random(7)
        self._alive = [False] * DOCUMENTS
        self.rate: float | None = None
        self.changes = 0

    def run(self, over: threading.Event) -> None:
        with MongoClient[Document](self._uri, w=1) as client:
            info = client[self._database].info
            due = time.monotonic()
            while not over.is_set():
                self._write(info)
                now = time.monotonic()
                if self.rate is None:
                    due = now
                    continue
                due = max(due + BATCH / self.rate, now - BEHIND_SECONDS)
                over.wait(max(0, due - now))

    def _write(self, info: Collection[Document]) -> None:
        done = info.bulk_write([self._operation() for _ in range(BATCH)], ordered=True)
        self.changes += done.modified_count + done.upserted_count + done.deleted_count

    def _operation(self) -> UpdateOne | ReplaceOne[Document] | DeleteOne:
        key, number = self._random.randrange(DOCUMENTS), self._random.getrandbits(60)
        if not self._alive[key]:
            self._alive[key] = True
            document = {"n": number, "at": datetime.now(UTC), "tags": ["a", "b"], "text": f"{number:060x}" * 5}
            return ReplaceOne({"_id": key}, document, upsert=True)
        if self._random.random() < 0.2:
            self._alive[key] = False
            return DeleteOne({"_id": key})
        return UpdateOne({"_id": key}, {"$set": {"n": number, "at": datetime.now(UTC)}})


@contextmanager
def loaded(load: Load) -> Iterator[None]:
    """At work until the block ends."""
    over = threading.Event()
    thread = threading.Thread(target=load.run, args=(over,), name="load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
