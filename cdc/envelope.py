"""The wire contract, version 1: what stands in a record's value.

Every record has every key, in the order of the fields here; a key with nothing to say is null. Documents are JSON of
the dialect that `cdc watch --json` names, by default MongoDB Extended JSON v2, relaxed:
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Document = dict[str, Any]


class _Contract(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Ns(_Contract):
    """A collection. `coll` is empty where a whole database is meant, `db` too where the event names none."""

    db: str
    coll: str


class ClusterTime(_Contract):
    """The cluster's logical clock: `t` in seconds since 1970, `i` the order within that second."""

    t: int
    i: int


class Txn(_Contract):
    """The transaction the change was part of: the session's id and the transaction's number in it."""

    id: UUID
    n: int


class TruncatedArray(_Contract):
    """An array at the dotted path `field` that was cut to its first `newSize` elements."""

    field: str
    newSize: int  # noqa: N815 - the server's name


class Update(_Contract):
    """What an update changed, by dotted path: values set, fields removed, arrays cut short.

    `paths` tells apart paths that dots leave ambiguous, as lists of names and array indexes; null before MongoDB 6.1
    and where nothing is ambiguous.
    """

    set: Document
    unset: list[str]
    truncated: list[TruncatedArray]
    paths: dict[str, list[str | int]] | None


class Origin(_Contract):
    """Who wrote the record: the pipeline's name and the version of `cdc`."""

    name: str
    version: str


class Source(Origin):
    """`snapshot`: the document was read, not changed. `image`: how `after` and `before` were had, the weaker of both.

    event: it came in the event itself; exact: read as of the event's own time; stored: kept by the server for this
    event; latest: looked up later, so it may already hold newer changes; none: there is no image.
    """

    snapshot: bool
    image: Literal["event", "exact", "stored", "latest", "none"]


class Envelope(_Contract):
    """A document that was read or changed.

    `key` is the document's `_id` and, in a sharded collection, its shard key. `ts_ms` is the server's wall clock in
    milliseconds since 1970 (MongoDB 6.0 and later), else `ts` in milliseconds.
    """

    v: Literal[1]
    op: Literal["read", "insert", "update", "replace", "delete"]
    ns: Ns
    key: Document
    after: Document | None
    before: Document | None
    update: Update | None
    ts: ClusterTime
    ts_ms: int
    txn: Txn | None
    source: Source


class CollectionEvent(_Contract):
    """What happened to a collection as a whole: `to` is its new name, `description` the server's own words."""

    v: Literal[1]
    op: Literal[
        "create",
        "createIndexes",
        "drop",
        "dropDatabase",
        "dropIndexes",
        "invalidate",
        "modify",
        "refineCollectionShardKey",
        "rename",
        "reshardCollection",
        "shardCollection",
    ]
    ns: Ns
    to: Ns | None
    description: Document | None
    ts: ClusterTime
    ts_ms: int
    source: Origin


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record's value: an `Envelope` or a `CollectionEvent`, told apart by `op`."""
    value: TypeAdapter[Any] = TypeAdapter(Annotated[Envelope | CollectionEvent, Field(discriminator="op")])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cdc envelope 1", **value.json_schema()}
