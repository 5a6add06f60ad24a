"""What moves through the pipeline: batches of raw BSON in, columns of records out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self

from bson.timestamp import Timestamp


class Operation(StrEnum):
    """What happened: to a document, or to the collection that holds it.

    The collection events are those of `showExpandedEvents`:
    https://www.mongodb.com/docs/manual/reference/change-events/
    """

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    CREATE = "create"
    CREATE_INDEXES = "createIndexes"
    DROP = "drop"
    DROP_DATABASE = "dropDatabase"
    DROP_INDEXES = "dropIndexes"
    INVALIDATE = "invalidate"
    MODIFY = "modify"
    REFINE_SHARD_KEY = "refineCollectionShardKey"
    RENAME = "rename"
    RESHARD = "reshardCollection"
    SHARD = "shardCollection"


DOCUMENT_OPERATIONS = frozenset(
    {Operation.READ, Operation.INSERT, Operation.UPDATE, Operation.REPLACE, Operation.DELETE}
)


class Namespace(NamedTuple):
    """A collection, or with an empty `coll` a whole database."""

    db: str
    coll: str

    def __str__(self) -> str:
        return f"{self.db}.{self.coll}" if self.coll else self.db


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a collection that has yet to be read, in order of `field` and then of `_id`.

    Bounds are BSON documents: `lower` and `upper` of one field, `_id`, from the first to below the second; without
    them the part is open. `after` is what was read last: again the `_id`, or `k`, the server's sort key of it, where
    the part is not a plain range of `_id`.
    """

    collection: str
    field: str = "_id"
    lower: bytes | None = None
    upper: bytes | None = None
    after: bytes | None = None


FIRST_LOAD = "first"
"""The id of the load that a first start begins with."""

DONE, CANCELLED = "done", "cancelled"
"""How a load ended; else the reason why it could not go on."""


@dataclass(frozen=True, slots=True)
class Load:
    """How far what exists has been read.

    `collections` have yet to be cut into chunks, None stands for all there are; `chunks` have yet to be read in full.
    `documents` of about `estimated` have been read, `bare` of them without the increment field. `where`, a filter in
    Extended JSON, leaves out documents that it does not match.
    """

    id: str = FIRST_LOAD
    collections: tuple[str, ...] | None = None
    where: str | None = None
    chunks: tuple[Chunk, ...] = ()
    chunks_done: int = 0
    documents: int = 0
    estimated: int = 0
    bare: int = 0
    ended: str | None = None

    def end(self, how: str) -> Self:
        """The same with nothing left to read, ended so."""
        return replace(self, chunks=(), collections=(), ended=how)


@dataclass(frozen=True, slots=True)
class Request:
    """Someone's wish that documents be read again while the changes go on; ids of later ones sort behind."""

    id: str
    collections: tuple[str, ...]
    where: str | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: after `token` where there is one, else at `time`.

    `load` is the last load, under way or ended. `marks` is where the polling of a server without change streams has
    got to: a BSON document, None elsewhere.
    """

    token: Mapping[str, Any] | None = None
    time: Timestamp | None = None
    load: Load | None = None
    marks: bytes | None = None

    @classmethod
    def of_token(cls, token: Mapping[str, Any]) -> Self:
        return cls(dict(token), cluster_time(token))

    @property
    def loading(self) -> bool:
        """Whether what existed has yet to be read in full."""
        return self.load is not None and self.load.ended is None

    @property
    def clock(self) -> datetime | None:
        """The cluster time in whole seconds, UTC."""
        return datetime.fromtimestamp(self.time.time, UTC) if self.time else None


def cluster_time(token: Mapping[str, Any]) -> Timestamp | None:
    """The cluster time at the head of a resume token, or None where the token has another form.

    A token's `_data` is a KeyString in hex whose first element is the timestamp: type byte 0x82, then seconds and
    increment, each four bytes, big endian (MongoDB source, `src/mongo/db/pipeline/resume_token.h`).
    """
    data = token.get("_data")
    found = re.match("82([0-9A-Fa-f]{8})([0-9A-Fa-f]{8})", data) if isinstance(data, str) else None
    return Timestamp(int(found[1], 16), int(found[2], 16)) if found else None


def snapshot_time(token: Mapping[str, Any]) -> Timestamp | None:
    """The cluster time that stands exactly behind what a stream has handed over up to this token.

    Documents as of that time hold every change before the token, and no change that comes at a later time. A token
    without an event (type 0, behind the version) promises only what comes before its time, and that of a new stream is
    one tick ahead of the server's clock.
    """
    time = cluster_time(token)
    return time if time is None or token["_data"][22:24] != "29" else tick_before(time)


def tick_before(time: Timestamp) -> Timestamp:
    """The cluster time just before this one."""
    return Timestamp(time.time, time.inc - 1) if time.inc else Timestamp(time.time - 1, 2**32 - 1)


BEHIND_SECONDS = 2
"""Who is so far behind has a backlog: more is at hand, and nobody waits for this one event."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One server reply, undecoded: BSON documents one after another; none of them makes it a heartbeat.

    With a `namespace` they are documents read from it, as of `position.time`; without one they are change events.
    `position` is where to go on once all of it is acknowledged; `server_time` is the server's last operation time
    as the reply told it. `unread` says why the events could not be had: of each there is the place alone. `joined` are
    the tokens, as BSON, of events that came in fragments: none is one to go on from.
    """

    raw: bytes
    position: Position
    namespace: Namespace | None = None
    server_time: Timestamp | None = None
    unread: str | None = None
    joined: frozenset[bytes] = frozenset()

    @property
    def behind(self) -> int:
        """Whole seconds from `position` to the server's last operation; 0 where that is not told."""
        now, last = self.position.time, self.server_time
        return last.time - now.time if now and last else 0


class Rejected(NamedTuple):
    """An event that cannot become a record, by its place in the stream; never its content."""

    namespace: Namespace
    operation: str
    key: bytes | None
    token: str
    reason: str


REJECTED_BYTES = 1024
"""What the dead letter of an event takes beside its key; a generous bound."""


@dataclass(slots=True)
class Records:
    """A batch's records in columns, in the order of its events, and the events that could not become one.

    `tokens` holds each event's resume token (`_data`), empty for documents that were read. Collection events are
    records too, told apart by their operation.
    """

    namespaces: list[Namespace] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """What they take in memory: keys and values, and for each rejected event its key and the letter of it."""
        letters = sum(REJECTED_BYTES + len(event.key or b"") for event in self.rejected)
        return sum(map(len, self.keys)) + sum(map(len, self.values)) + letters


class Pending(Protocol):
    """What waits until every record of a batch is acknowledged."""

    def expect(self, records: int) -> None: ...

    def acknowledge(self) -> None: ...
