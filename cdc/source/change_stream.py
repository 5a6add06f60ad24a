"""One change stream, reply by reply, as raw BSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cdc.config import MongoSettings
from cdc.events import DOCUMENT_OPERATIONS, Batch, Operation, Position
from cdc.metrics import timed
from cdc.source.cursors import Database, RawCursor
from cdc.source.raw import ReplySize

STORED = {"required": "required", "when-available": "whenAvailable"}
"""The images that the server stores, by our names and by its own."""

AT_ONCE_MS = 1
"""The least wait that a server knows: 0 stands for its own default."""

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
    before: Literal["off", "lookup", "when-available", "required"]
    lookup: Literal["exact", "server"] = "exact"

    @property
    def stored(self) -> bool:
        """Whether any image is to be one that the server stored."""
        return not {self.before, self.full_document}.isdisjoint(STORED)

    def looked_up(self, *, exactly: bool) -> tuple[bool, bool]:
        """Whether the documents after and before a change are for us to read, where they can be had `exactly`."""
        after = self.full_document == "lookup" and self.lookup == "exact" and exactly
        return after, self.before == "lookup"

    def options(self, *, after: bool) -> dict[str, str]:
        """As options of `$changeStream`; with `after`, we read the documents of updates."""
        full = {**STORED, "off": "default", "lookup": "default" if after else "updateLookup"}
        options = {"fullDocument": full[self.full_document]}
        if self.before in STORED:
            options["fullDocumentBeforeChange"] = STORED[self.before]
        return options


class ChangeStream:
    """Opened at a position; reopened by itself after an invalidate, which ends a stream on the server's side."""

    def __init__(
        self,
        database: Database,
        scope: Scope,
        options: Mapping[str, Any],
        settings: MongoSettings,
    ) -> None:
        self._database = database
        self._tap = database.tap
        self._scope = scope
        self._options = options
        self._settings = settings
        self._size = ReplySize(settings.batch_size)
        self._cursor: RawCursor | None = None
        self._eager = False

    @timed("change_stream.open")
    def open(self, position: Position, *, eager: bool = False) -> Position:
        """Open after the position's token, else at its time, else now; gives the position it stands at.

        An `eager` stream is told at once that there is nothing, instead of after a wait.

        Always with `startAfter`, which unlike `resumeAfter` also takes the token of an invalidate:
        https://www.mongodb.com/docs/manual/changeStreams/#startafter-for-change-streams
        """
        start: dict[str, Any] = dict(self._options)
        if position.token is not None:
            start["startAfter"] = position.token
        elif position.time is not None:
            start["startAtOperationTime"] = position.time
        self.close()
        self._eager = eager
        command = {
            "aggregate": self._scope.collections[0] if len(self._scope.collections) == 1 else 1,
            "pipeline": [{"$changeStream": start}, *self._filters()],
        }
        await_ms = AT_ONCE_MS if eager else self._settings.max_await_time_ms
        self._cursor = self._database.cursor(command, await_ms=await_ms)
        return self._tap.position

    def next(self, *, eager: bool = False) -> Batch:
        """The server's next reply, an empty one included."""
        if eager is not self._eager:
            self.open(self._tap.position, eager=eager)
        cursor = self._cursor
        if cursor is None:
            raise RuntimeError("the stream is closed")
        raw = cursor.reply(self._size.documents)
        self._size.learn(raw)
        batch = Batch(raw, self._tap.position, server_time=self._tap.server_time)
        if not cursor.alive:
            self.open(batch.position, eager=eager)
        return batch

    def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

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
