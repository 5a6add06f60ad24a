"""Documents by their keys: for an order, or a filter, that ranges of `_id` do not have.

The keys come in order from a cursor that stays open while the changes go on. A document that comes later is a change of
its own; each is then read by its `_id`, at the moment of the round.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import structlog
from bson.raw_bson import RawBSONDocument

from cdc.events import Batch, Chunk, Load, Position
from cdc.reader import Reader
from cdc.source.collections import wheres
from cdc.source.cursors import Database, ReadPreference
from cdc.source.pace import Round
from cdc.source.raw import (
    NULL,
    UNDEFINED,
    Field,
    ReplySize,
    among,
    documents,
    fields,
    identity,
    split,
)

log = structlog.get_logger("cdc")

KEYS = 1000
"""In one reply, at most."""

AHEAD_BYTES = 256 * 1024
WAIT_SECONDS = 0.05

SIMPLE = {"locale": "simple"}


class Key(NamedTuple):
    """A document's `_id`, where in the order it stands, and whether it lacks the field of that order."""

    identity: Field
    place: bytes
    bare: bool


class Order:
    """The order of a chunk's documents: by its field and then by `_id`, or by `_id` alone; from `after` on.

    `where` leaves documents out, `concern` is the read concern of the keys, and with `indexed` the server has an index
    on the field and `_id`.
    """

    def __init__(self, chunk: Chunk, where: str | None, concern: dict[str, Any], *, indexed: bool) -> None:
        self.collection = chunk.collection
        self.after = chunk.after
        self._chunk = chunk
        self._wheres = wheres(where)
        self._concern = concern
        self._indexed = indexed

    def find(self) -> dict[str, Any]:
        """The command that gives the keys."""
        found = self._by_id() if self._chunk.field == "_id" else self._by_field()
        return {"aggregate": self._chunk.collection, **found, "allowDiskUse": True, "readConcern": self._concern}

    def keys(self, raw: bytes) -> Iterator[Key]:
        """What a reply of that command says."""
        for start in documents(raw):
            if self._chunk.field == "_id":
                found = identity(raw, start)
                yield Key(found, found.document("_id"), bare=False)
            else:
                found, place = fields(raw, start)
                value = next(fields(place.value))
                yield Key(found, place.document("k"), bare=value.kind in {NULL, UNDEFINED})

    def _by_id(self) -> dict[str, Any]:
        bounds = [
            {comparison: ["$_id", _literal(bound)]}
            for comparison, bound in (("$gte", self._chunk.lower), ("$lt", self._chunk.upper), ("$gt", self.after))
            if bound is not None
        ]
        pipeline = [
            *self._wheres,
            *([{"$match": {"$expr": {"$and": bounds}}}] if bounds else []),
            {"$sort": {"_id": 1}},
            {"$project": {"_id": 1}},
        ]
        return {"pipeline": pipeline}

    def _by_field(self) -> dict[str, Any]:
        """With an index the server skips what is done, key by key; a `min` would pass over a field that is an array."""
        order = {self._chunk.field: 1, "_id": 1}
        pipeline: list[dict[str, Any]] = [
            *self._wheres,
            {"$sort": order},
            {"$project": {"_id": 1, "k": {"$meta": "sortKey"}}},
        ]
        if self.after:
            pipeline.append({"$match": {"$expr": {"$gt": ["$k", _literal(self.after)]}}})
        hint = {"hint": order} if self._indexed and not self._wheres else {}
        return {"pipeline": pipeline, "collation": SIMPLE, **hint}


def indexed(database: Database, collection: str, field: str) -> bool:
    """Whether there is an index that has every document in order of the field and of `_id`; says how to make one."""
    for index in database.collection(collection).list_indexes():
        whole = not any(index.get(option) for option in ("sparse", "partialFilterExpression", "collation", "hidden"))
        if whole and list(index["key"].items()) == [(field, 1), ("_id", 1)]:
            return True
    log.warning(
        "no index has the order of the increment field; the server sorts",
        collection=f"{database.name}.{collection}",
        hint=f'db.getCollection("{collection}").createIndex({{"{field}": 1, _id: 1}})',
    )
    return False


def _literal(document: bytes) -> RawBSONDocument:
    """The one value of a document, byte for byte, as an expression."""
    (value,) = fields(document)
    return RawBSONDocument(value.document("$literal"))


def in_order(raw: bytes, keys: Sequence[Key]) -> bytes:
    """The documents of a reply in the order of their keys."""
    places = {(key.identity.kind, key.identity.value): place for place, key in enumerate(keys)}

    def place(document: bytes) -> int:
        kind, _, value = identity(document)
        return places.get((kind, value), len(keys))

    ordered: list[bytes] = sorted(split(raw), key=place)
    return b"".join(ordered)


class Keys:
    """The keys of one chunk, read ahead on a thread of their own."""

    def __init__(self, database: Database, order: Order) -> None:
        self._database = database
        self._order = order
        self._ready: list[Key] = []
        self._complete = False
        self._reader = Reader(self._replies(), AHEAD_BYTES)
        self._reader.start()

    def peek(self, count: int) -> Sequence[Key] | None:
        """The next keys, at most `count`; none where there are no more, None where they have yet to come."""
        if not self._ready and not self._complete and (batch := self._reader.get(WAIT_SECONDS)):
            self._ready = [key for key in self._order.keys(batch.raw) if key.place != self._order.after]
            self._complete = not batch.raw
        return self._ready[:count] if self._ready or self._complete else None

    def drop(self, count: int) -> None:
        """Those that were seen and are done with."""
        del self._ready[:count]

    def close(self) -> None:
        self._reader.stop()

    def _replies(self) -> Iterator[Batch]:
        size = ReplySize(KEYS)
        cursor = self._database.cursor(self._order.find())
        try:
            while cursor.alive:
                if raw := cursor.reply(size.documents):
                    size.learn(raw)
                    yield Batch(raw, Position())
            yield Batch(b"", Position())
        finally:
            cursor.close()


class Keyed:
    """Reads the one chunk of a collection by its keys; `stages` change or leave out documents."""

    def __init__(
        self,
        database: Database,
        order: Order,
        stages: Sequence[Mapping[str, Any]],
        preference: ReadPreference,
        *,
        batch_size: int,
    ) -> None:
        self._database = database
        self._collection = order.collection
        self._stages = stages
        self._preference = preference
        self._size = ReplySize(batch_size)
        self._keys = Keys(database, order)

    def read(self, load: Load, concern: dict[str, Any], limits: Round) -> Iterator[tuple[bytes, Load]]:
        """Documents, and the load as it is with them, until the round is over or no key has come yet."""
        (chunk,) = load.chunks
        while not limits.over:
            keys = self._keys.peek(min(self._size.documents, limits.most or self._size.documents))
            if keys is None:
                return
            if not keys:
                yield b"", replace(load, chunks=(), chunks_done=load.chunks_done + 1)
                return
            raw = self._documents(keys, concern)
            count = len(documents(raw))
            self._size.learn(raw)
            limits.count(count)
            self._keys.drop(len(keys))
            chunk = replace(chunk, after=keys[-1].place)
            bare = load.bare + sum(key.bare for key in keys)
            load = replace(load, chunks=(chunk,), documents=load.documents + count, bare=bare)
            yield raw, load

    def close(self) -> None:
        """Read no more keys."""
        self._keys.close()

    def _documents(self, keys: Sequence[Key], concern: dict[str, Any]) -> bytes:
        """The documents of these keys that are there, in order of the keys."""
        found: dict[str, Any] = {
            "aggregate": self._collection,
            "pipeline": [{"$match": RawBSONDocument(among([key.identity for key in keys]))}, *self._stages],
            "readConcern": concern,
        }
        cursor = self._database.cursor(found, preference=self._preference)
        replies = []
        try:
            while cursor.alive:
                replies.append(cursor.reply(len(keys)))
        finally:
            cursor.close()
        return in_order(b"".join(replies), keys)
