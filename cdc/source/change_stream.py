"""One change stream, reply by reply, as raw BSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bson.codec_options import CodecOptions
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.command_cursor import RawBatchCommandCursor
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from cdc.config import MongoSettings
from cdc.events import DOCUMENT_OPERATIONS, Batch, Operation, Position
from cdc.metrics import timed
from cdc.source.reply import ReplySize

DOCUMENT_CHANGES = sorted(operation.value for operation in DOCUMENT_OPERATIONS - {Operation.READ})


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched: a database, or some of its collections, less what `match` filters out on the server."""

    database: str
    collections: Sequence[str]
    match: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Images:
    """How updates get their document, and every change the one it replaced, by the names of our options."""

    full_document: Literal["lookup", "required", "when-available", "off"]
    before: Literal["off", "when-available", "required"]

    @property
    def stored(self) -> bool:
        """Whether any image is to be one that the server stored."""
        return self.before != "off" or self.full_document in {"required", "when-available"}

    def options(self) -> dict[str, str]:
        """As options of `$changeStream`."""
        full = {"lookup": "updateLookup", "required": "required", "when-available": "whenAvailable", "off": "default"}
        options = {"fullDocument": full[self.full_document]}
        if self.before != "off":
            options["fullDocumentBeforeChange"] = full[self.before]
        return options


class ReplyTap(CommandListener):
    """Remembers of the last cursor reply what PyMongo's raw cursors keep to themselves.

    `server_time` is that of the last operation that a majority has, `clock` that of the last one there is.
    Commands are observed on the thread that runs them, so the reader's thread reads what its own last call left.
    """

    def __init__(self) -> None:
        self.token: Mapping[str, Any] | None = None
        self.server_time: Timestamp | None = None
        self.clock: Timestamp | None = None
        self.address: tuple[str, int] | None = None

    @property
    def position(self) -> Position:
        """Behind that reply; now, where no stream has replied yet."""
        return Position() if self.token is None else Position.of_token(self.token)

    def started(self, event: CommandStartedEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def succeeded(self, event: CommandSucceededEvent) -> None:
        cursor = event.reply.get("cursor")
        if cursor is None:
            return
        self.token = cursor.get("postBatchResumeToken", self.token)
        self.server_time = event.reply.get("operationTime", self.server_time)
        self.clock = event.reply.get("$clusterTime", {}).get("clusterTime", self.clock)
        host, port = event.connection_id[0], event.connection_id[1]
        self.address = (host, port or 0)


class ChangeStream:
    """Opened at a position; reopened by itself after an invalidate, which ends a stream on the server's side."""

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        tap: ReplyTap,
        scope: Scope,
        options: Mapping[str, Any],
        settings: MongoSettings,
    ) -> None:
        self._client = client
        self._tap = tap
        self._scope = scope
        self._options = options
        self._settings = settings
        self._size = ReplySize(settings.batch_size)
        self._cursor: RawBatchCommandCursor[Any] | None = None
        self._session: ClientSession | None = None

    @timed("change_stream.open")
    def open(self, position: Position) -> Position:
        """Open after the position's token, else at its time, else now; gives the position it stands at.

        Always with `startAfter`, which unlike `resumeAfter` also takes the token of an invalidate:
        https://www.mongodb.com/docs/manual/changeStreams/#startafter-for-change-streams
        """
        start: dict[str, Any] = dict(self._options)
        if position.token is not None:
            start["startAfter"] = position.token
        elif position.time is not None:
            start["startAtOperationTime"] = position.time
        self.close()
        database = self._client[self._scope.database]
        # A cursor belongs to the session that opened it. PyMongo offers raw batches of a whole database's stream only
        # through the cursor class itself: the first reply is left empty and handed to it.
        session = self._session = self._client.start_session()
        reply = database.command(
            {
                "aggregate": self._scope.collections[0] if len(self._scope.collections) == 1 else 1,
                "pipeline": [{"$changeStream": start}, *self._filters()],
                "cursor": {"batchSize": 0},
            },
            session=session,
        )
        self._cursor = RawBatchCommandCursor(
            database.get_collection("$cmd.aggregate", codec_options=CodecOptions()),
            reply["cursor"],
            self._tap.address,
            batch_size=self._size.documents,
            max_await_time_ms=self._settings.max_await_time_ms,
            session=session,
        )
        return self._tap.position

    def batches(self) -> Iterator[Batch]:
        """A batch for every reply of the server, empty ones included, for ever."""
        while True:
            cursor = self._cursor
            if cursor is None:
                return
            raw = cursor.try_next() or b""
            cursor.batch_size(self._size.learn(raw))
            yield Batch(raw, self._tap.position, server_time=self._tap.server_time)
            if not cursor.alive and self._cursor is not None:
                self.open(self._tap.position)

    def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        session, self._session = self._session, None
        if cursor is not None:
            cursor.close()
        if session is not None:
            session.end_session()

    def _filters(self) -> list[dict[str, Any]]:
        """On the server, so that what is filtered out costs no transfer; collection events always pass."""
        filters: list[dict[str, Any]] = []
        names = list(self._scope.collections)
        if len(names) > 1:
            filters.append(
                {
                    "$match": {
                        "$or": [
                            {"ns.coll": {"$in": names}},
                            {"to.coll": {"$in": names}},
                            {"operationType": {"$in": ["dropDatabase", "invalidate"]}},
                        ]
                    }
                }
            )
        if self._scope.match:
            filters.append({"$match": {"$or": [self._scope.match, {"operationType": {"$nin": DOCUMENT_CHANGES}}]}})
        return filters
