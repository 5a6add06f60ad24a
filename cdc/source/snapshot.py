"""The load of what exists: every document, in order of `_id`, as raw BSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

from cdc.errors import ConfigInvalid
from cdc.events import Batch, Namespace, Position
from cdc.source.change_stream import Scope
from cdc.source.reply import ReplySize

MAJORITY = ReadConcern("majority")
"""A document that a change of primary could undo must not be read: the stream would never take it back."""


def load(
    client: MongoClient[dict[str, Any]], scope: Scope, position: Position, after: Timestamp | None, batch_size: int
) -> Iterator[Batch]:
    """The documents of the scope's collections as they are after the operation at `after`, one server reply a batch.

    The majority may be behind the position that was taken; in a causal session the server waits until it is not:
    https://www.mongodb.com/docs/manual/core/read-isolation-consistency-recency/#causal-consistency
    """
    with client.start_session(causal_consistency=True) as session:
        if after is not None:
            session.advance_operation_time(after)
        for name in scope.collections or collections(client, scope.database):
            collection = client[scope.database].get_collection(name, read_concern=MAJORITY)
            yield from _rows(collection, session, scope, position, batch_size)


def _rows(
    collection: Collection[dict[str, Any]], session: ClientSession, scope: Scope, position: Position, batch_size: int
) -> Iterator[Batch]:
    namespace = Namespace(scope.database, collection.name)
    size = ReplySize(batch_size)
    with collection.aggregate_raw_batches(
        _pipeline(namespace, scope.match), session=session, batchSize=size.documents, allowDiskUse=True
    ) as rows:
        for raw in cast("Iterator[bytes]", rows):
            rows.batch_size(size.learn(raw))
            yield Batch(raw, position, namespace)


def collections(client: MongoClient[dict[str, Any]], database: str) -> list[str]:
    """The plain collections of a database: no views, no time series, no `system.` ones."""
    found = client[database].list_collections(filter={"type": "collection"})
    return sorted(info["name"] for info in found if not info["name"].startswith("system."))


def require_plain(client: MongoClient[dict[str, Any]], database: str, names: Sequence[str]) -> None:
    """Refuse names that change streams cannot follow."""
    for info in client[database].list_collections(filter={"name": {"$in": list(names)}}):
        name, kind = info["name"], info["type"]
        if kind == "view":
            below = info["options"]["viewOn"]
            raise ConfigInvalid(
                f"--collection: {name!r} is a view, which has no changes of its own", hint=f"--collection {below}"
            )
        if kind == "timeseries":
            raise ConfigInvalid(
                f"--collection: {name!r} is a time-series collection, which has no change streams",
                hint=f'copy it: db.{name}.aggregate([{{$out: "{name}_plain"}}]), then --collection {name}_plain',
            )


def _pipeline(namespace: Namespace, match: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """In order of `_id`; a filter on change events sees each document as though it had just been inserted."""
    ordered: list[dict[str, Any]] = [{"$sort": {"_id": 1}}]
    if match is None:
        return ordered
    event = {
        "operationType": "insert",
        "ns": {"db": namespace.db, "coll": namespace.coll},
        "documentKey": {"_id": "$_id"},
        "fullDocument": "$$ROOT",
    }
    return [
        *ordered,
        {"$replaceRoot": {"newRoot": event}},
        {"$match": match},
        {"$replaceRoot": {"newRoot": "$fullDocument"}},
    ]
