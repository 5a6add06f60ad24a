"""A collection cut into ranges of `_id`, from samples of it and without reading it."""

from dataclasses import dataclass
from math import ceil

from pymongo.errors import OperationFailure

from cdc.events import Chunk
from cdc.source.cursors import Database
from cdc.source.raw import documents, identity

CHUNK_DOCUMENTS, CHUNK_BYTES = 20_000, 64 * 1024 * 1024
MOST_CHUNKS = 256
"""The cursor holds them all."""

SAMPLES = 10
"""For each chunk; the more, the more alike the chunks."""

SAMPLED_SHARE, FEW = 0.04, 100
"""From a twentieth of the collection on, and of so few documents, the server samples by reading all of it:
https://www.mongodb.com/docs/manual/reference/operator/aggregation/sample/#behavior"""

SAMPLING_MS = 500
"""How long the first document may have to wait for the chunks."""

LARGEST_BOUND = 1024
"""Bytes of an `_id` that may be a bound."""

NAMESPACE_NOT_FOUND = 26
NO_SAMPLES = frozenset({50, 28799})
"""MaxTimeMSExpired, and a random cursor that found the same documents again and again."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many documents a collection has, about, and how many bytes they take."""

    documents: int = 0
    nbytes: int = 0

    @classmethod
    def of(cls, database: Database, collection: str) -> "Size":
        """By the server's own counts, of every shard; nothing is read."""
        try:
            shards = list(database.collection(collection).aggregate([{"$collStats": {"storageStats": {}}}]))
        except OperationFailure as error:
            if error.code != NAMESPACE_NOT_FOUND:
                raise
            return cls()
        stats = [shard["storageStats"] for shard in shards]
        return cls(int(sum(each["count"] for each in stats)), int(sum(each["size"] for each in stats)))


def plan(database: Database, collection: str, size: Size) -> tuple[Chunk, ...]:
    """Chunks in order of `_id` that together are the whole collection, whatever was sampled: both ends are open."""
    wanted = max(ceil(size.documents / CHUNK_DOCUMENTS), ceil(size.nbytes / CHUNK_BYTES))
    most = int(size.documents * SAMPLED_SHARE)
    count = max(1, min(wanted, MOST_CHUNKS, most)) if size.documents > FEW else 1
    samples = min(count * SAMPLES, most)
    bounds = _bounds(database, collection, samples, count) if count > 1 else []
    lowers, uppers = [None, *bounds], [*bounds, None]
    return tuple(Chunk(collection, lower=lower, upper=upper) for lower, upper in zip(lowers, uppers, strict=True))


def _bounds(database: Database, collection: str, samples: int, chunks: int) -> list[bytes]:
    """At most `chunks` less one; in the server's order, and by its own comparison each another `_id`."""
    pipeline = [{"$sample": {"size": samples}}, {"$group": {"_id": "$_id"}}, {"$sort": {"_id": 1}}]
    cursor = database.cursor({"aggregate": collection, "pipeline": pipeline, "maxTimeMS": SAMPLING_MS})
    found: list[bytes] = []
    try:
        while cursor.alive:
            raw = cursor.reply(samples)
            found += [identity(raw, start).document("_id") for start in documents(raw)]
    except OperationFailure as error:
        if error.code not in NO_SAMPLES:
            raise
        fewer = min(samples // 10, chunks)
        return _bounds(database, collection, fewer, fewer) if fewer > 1 else []
    finally:
        cursor.close()
    small = [bound for bound in found if len(bound) <= LARGEST_BOUND]
    places = [len(small) * place // chunks for place in range(1, chunks)]
    return [small[place] for place in sorted(set(places)) if place]
