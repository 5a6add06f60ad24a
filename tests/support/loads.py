"""Parts of a load, read from a real server."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from cdc.events import Chunk, Load
from cdc.source import chunks
from cdc.source.cursors import PRIMARY, Database, ReplyTap
from cdc.source.keys import Keyed, Order, indexed
from cdc.source.pace import Pace
from cdc.source.ranges import Ranges
from cdc.source.raw import identity, split
from cdc.source.snapshot import Reading

ROUND_SECONDS = 60

Step = tuple[list[bytes], Load]
"""Documents that came together, and the load as it was with them."""

Steps = list[Step]


class Source:
    """A database as a load sees it."""

    def __init__(self, uri: str, name: str) -> None:
        tap = ReplyTap()
        self.client = MongoClient[dict[str, Any]](uri, event_listeners=[tap])
        self.database = Database(self.client, tap, name)
        self.info = self.client[name].info

    @property
    def now(self) -> Timestamp:
        time: Timestamp = self.client.admin.command("ping")["operationTime"]
        return time

    def plan(self) -> tuple[Chunk, ...]:
        """The chunks of `info`."""
        return chunks.plan(self.database, "info", chunks.Size.of(self.database, "info"))

    def ranges(self, load: Load, *, batch: int = 1000, parallel: int = 4, at: Timestamp | None = None) -> Steps:
        reading = Ranges(self.database, PRIMARY, batch_size=batch, parallel=parallel)
        return list(self.steps(reading, load, at))

    def keyed(self, load: Load, *, batch: int = 1000) -> Steps:
        return list(self.steps(self.by_keys(load, batch=batch), load))

    def by_keys(self, load: Load, *, batch: int) -> Keyed:
        (chunk,) = load.chunks
        by_index = chunk.field != "_id" and indexed(self.database, "info", chunk.field)
        concern = {"level": "majority", "afterClusterTime": self.now}
        order = Order(chunk, load.where, concern, indexed=by_index)
        return Keyed(self.database, order, [], PRIMARY, batch_size=batch)

    def steps(
        self, reading: Reading, load: Load, at: Timestamp | None = None, most: int | None = None
    ) -> Iterator[Step]:
        """To the end of the load, each round as of `at`, else as of now, and of `most` documents."""
        pace = Pace(most and most / ROUND_SECONDS, ROUND_SECONDS)
        try:
            while load.chunks:
                concern = {"level": "snapshot", "atClusterTime": at or self.now}
                for raw, now in reading.read(load, concern, pace.round()):
                    load = now
                    yield split(raw), now
        finally:
            reading.close()


def small_chunks(patch: pytest.MonkeyPatch, documents: int) -> None:
    """Of so many documents each, however long the server takes to find them."""
    patch.setattr(chunks, "CHUNK_DOCUMENTS", documents)
    patch.setattr(chunks, "SAMPLING_MS", 60_000)


def read(steps: Steps) -> list[bytes]:
    """Every document, in the order in which they came."""
    return [document for documents, _ in steps for document in documents]


def ids(documents: list[bytes]) -> list[bytes]:
    """Each `_id`, byte for byte: two that are equal to the server may not be the same to a consumer."""
    return [identity(document).document("_id") for document in documents]
