"""Writers that never rest, on a collection whose documents have every kind of `_id`."""

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo.errors import DuplicateKeyError

from tests.support.at_work import Client, Worker, at_work

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


class Writer:
    """Inserts, updates, replaces and deletes in `info`."""

    def __init__(self, database: str, documents: int, seed: int) -> None:
        self._database = database
        self._documents = documents
        self._random = random.Random(seed)
        self._count = 0

    def write(self, client: Client) -> None:
        info = client[self._database].info
        self._count += 1
        number = self._random.randrange(self._documents + 1000)
        which = {"_id": identity(number)}
        match self._random.randrange(5):
            case 0:
                info.delete_one(which)
            case 1:
                try:
                    info.insert_one(document(number, self._count))
                except DuplicateKeyError:
                    info.replace_one(which, document(number, self._count))
            case 2:
                info.replace_one(which, document(number, self._count), upsert=True)
            case _:
                change = {"$inc": {"v": 1}, "$set": {"at": datetime.now(UTC)}, "$unset": {"pad": 1}}
                info.update_one(which, change)


@contextmanager
def fire(uri: str, database: str, *, documents: int, writers: int = 8) -> Iterator[list[Worker]]:
    """So many documents in `info`, and writers on them until the block ends; raises what a writer failed with."""
    with Client(uri) as client:
        for start in range(0, documents, 5000):
            client[database].info.insert_many(document(n) for n in range(start, min(documents, start + 5000)))
    seed = time.time_ns()
    each = [Writer(database, documents, seed + number) for number in range(writers)]
    workers = [Worker(uri, writer.write, pause=0.002) for writer in each]
    with at_work(workers):
        yield workers
