"""Writers that never rest, on a collection whose documents have every kind of `_id`."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = (
    lambda n: n,
    lambda n: Int64(2**40 + n),
    lambda n: n + 0.5,
    lambda n: Decimal128(f"{n}.25"),
    lambda n: f"s{n}",
    lambda n: f"{n:024x}",
    lambda n: ObjectId(f"{n:024x}"),
    lambda n: {"a": n},
    lambda n: {"a": {"b": f"{n}"}, "c": [n]},
    lambda n: Binary(n.to_bytes(n % 3 + 4, "big")),
    lambda n: Binary.from_uuid(uuid.UUID(int=n)),
    lambda n: _EPOCH + timedelta(milliseconds=n),
    lambda n: Timestamp(n + 1, n),
    lambda n: Code(f"f{n}()"),
)
SINGLE: tuple[Any, ...] = (None, float("nan"), float("inf"), MinKey(), MaxKey(), True, False, {}, "", Binary(b""))


def identity(number: int) -> Any:  # noqa: ANN401 - of every kind
    """Another `_id` for each number, the kinds in turn."""
    if number < len(SINGLE):
        return SINGLE[number]
    return KINDS[number % len(KINDS)](number)


def document(number: int, version: int = 0) -> dict[str, Any]:
    return {"_id": identity(number), "n": number, "v": version, "at": datetime.now(UTC), "pad": "x" * 200}


class Writer(threading.Thread):
    """Inserts, updates, replaces, deletes until it is told to stop; `failure` is what ended it before."""

    def __init__(self, uri: str, database: str, documents: int, seed: int, quiet: threading.Event) -> None:
        super().__init__(name=f"writer-{seed}", daemon=True)
        self._uri = uri
        self._database = database
        self._documents = documents
        self._random = random.Random(seed)
        self._quiet = quiet
        self.operations = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with MongoClient[dict[str, Any]](self._uri) as client:
                while not self._quiet.wait(0.002):
                    self._write(client[self._database].info)
                    self.operations += 1
        except BaseException as error:  # noqa: BLE001 - raised by who started it
            self.failure = error

    def _write(self, info: Any) -> None:  # noqa: ANN401 - a collection
        number = self._random.randrange(self._documents + 1000)
        which = {"_id": identity(number)}
        match self._random.randrange(5):
            case 0:
                info.delete_one(which)
            case 1:
                try:
                    info.insert_one(document(number, self.operations))
                except DuplicateKeyError:
                    info.replace_one(which, document(number, self.operations))
            case 2:
                info.replace_one(which, document(number, self.operations), upsert=True)
            case _:
                change = {"$inc": {"v": 1}, "$set": {"at": datetime.now(UTC)}, "$unset": {"pad": 1}}
                info.update_one(which, change)


@contextmanager
def fire(uri: str, database: str, *, documents: int, writers: int = 8) -> Iterator[list[Writer]]:
    """So many documents in `info`, and writers on them until the block ends; raises what a writer failed with."""
    with MongoClient[dict[str, Any]](uri) as client:
        for start in range(0, documents, 5000):
            client[database].info.insert_many(document(n) for n in range(start, min(documents, start + 5000)))
    quiet, seed = threading.Event(), time.time_ns()
    started = [Writer(uri, database, documents, seed + number, quiet) for number in range(writers)]
    for writer in started:
        writer.start()
    try:
        yield started
    finally:
        quiet.set()
        for writer in started:
            writer.join()
    for writer in started:
        if writer.failure is not None:
            raise writer.failure
