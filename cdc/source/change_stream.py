"""One change stream, reply by reply, as raw BSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pymongo.errors import OperationFailure

from cdc.config import MongoSettings
from cdc.events import BEHIND_SECONDS, DOCUMENT_OPERATIONS, Batch, Operation, Position
from cdc.metrics import timed
from cdc.source.cursors import Database, RawCursor, behind
from cdc.source.fragments import SPLIT, Fragments
from cdc.source.mongo import EVENT_TOO_LARGE
from cdc.source.raw import ReplySize, documents, identity

STORED = {"required": "required", "when-available": "whenAvailable"}
"""The images that the server stores, by our names and by its own."""

AT_ONCE_MS = 1
"""The least wait that a server knows: 0 stands for its own default."""

CAUGHT_UP_SECONDS = 1
"""Less than this behind, the server is asked for each reply again: unasked it makes one of each new event."""

NO_SUCH_STAGE = 40324

PLACE = {"$project": {"operationType": 1, "ns": 1, "documentKey": 1, "clusterTime": 1}}
"""The stage that leaves of an event what tells which one it is."""

PATIENCE = 10
"""Empty replies in a row where an event is known to come."""

UNREAD = "the event is larger than the 16 MiB that this MongoDB can hand over"

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
    """Opened at a position; reopened by itself after an invalidate, which ends a stream on the server's side.

    An event too large for a reply comes in fragments where the server can split it, which is asked of it from the first
    such event on, since it costs something for every event. Where it cannot split, the event's place comes alone.

    Where the server `streams`, it sends replies unasked while the stream is behind, and as long as as many documents as
    there may be are no more than a reply should have: how many it sends cannot be changed on the way.
    """

    def __init__(
        self,
        database: Database,
        scope: Scope,
        options: Mapping[str, Any],
        settings: MongoSettings,
        *,
        streams: bool,
    ) -> None:
        self._database = database
        self._tap = database.tap
        self._scope = scope
        self._options = options
        self._settings = settings
        self._size = ReplySize(settings.batch_size)
        self._cursor: RawCursor | None = None
        self._eager = False
        self._streams = streams
        self._behind = 0
        self._position = Position()
        self._fragments = Fragments()
        self._splitting = False
        self._splits = True
        self._one_by_one = 0
        self._suspect: bytes | None = None

    @timed("change_stream.open")
    def open(self, position: Position, *, eager: bool = False) -> Position:
        """Open after the position's token, else at its time, else now; gives the position it stands at.

        An `eager` stream is told at once that there is nothing, instead of after a wait.
        """
        self._eager = eager
        self._begin(position)
        return self._position

    def next(self, *, eager: bool = False) -> Batch:
        """The server's next reply, an empty one included."""
        if eager is not self._eager:
            self.open(self._position, eager=eager)
        batch = None
        while batch is None:
            asked = 1 if self._one_by_one else self._size.documents
            if self.streaming and not self._may_stream(asked):
                self._streams = asked == self._settings.batch_size
                self._begin(self._position)
            try:
                batch = self._reply(asked)
            except OperationFailure as error:
                batch = self._past(error, asked)
        self._position = batch.position
        if self._cursor is not None and not self._cursor.alive:
            self.open(batch.position, eager=eager)
        return batch

    def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

    def _begin(self, position: Position) -> None:
        self.close()
        self._fragments = Fragments()
        command = self._command(position, [SPLIT] if self._splitting else [])
        await_ms = AT_ONCE_MS if self._eager else self._settings.max_await_time_ms
        self._cursor = self._database.cursor(command, await_ms=await_ms)
        self._position = self._tap.position

    @property
    def streaming(self) -> bool:
        """Whether the server sends replies unasked now."""
        return self._cursor is not None and self._cursor.streams

    def _may_stream(self, asked: int) -> bool:
        """Whether replies of so many documents may come unasked now."""
        if self._eager or asked != self._settings.batch_size:
            return False
        return self._streams and self._behind >= (CAUGHT_UP_SECONDS if self.streaming else BEHIND_SECONDS)

    def _command(self, position: Position, last: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """With these stages as the last.

        Always with `startAfter`, which unlike `resumeAfter` also takes the token of an invalidate:
        https://www.mongodb.com/docs/manual/changeStreams/#startafter-for-change-streams
        """
        start: dict[str, Any] = dict(self._options)
        if position.token is not None:
            start["startAfter"] = position.token
        elif position.time is not None:
            start["startAtOperationTime"] = position.time
        return {
            "aggregate": self._scope.collections[0] if len(self._scope.collections) == 1 else 1,
            "pipeline": [{"$changeStream": start}, *self._filters(), *last],
        }

    def _reply(self, asked: int) -> Batch | None:
        """None while an event is not whole: no position is within it, so that another attempt reads all of it.

        The position behind an event that was split is its time, from which it comes again: the server takes the token
        of a fragment only as long as it splits that event, thus not with other images, nor once a lookup gives less.
        """
        if self._cursor is None:
            raise RuntimeError("the stream is closed")
        raw = self._fragments.whole(self._cursor.reply(asked, stream=self._may_stream(asked)))
        self._size.learn(raw)
        position = self._tap.position
        if self._fragments.held:
            if not raw:
                return None
            position = behind(identity(raw, documents(raw)[-1]).value)
        if self._fragments.last is not None and position == behind(self._fragments.last):
            position = replace(position, token=None)
        self._one_by_one = max(0, self._one_by_one - 1)
        batch = Batch(raw, position, server_time=self._tap.server_time, joined=self._fragments.joined)
        self._behind = batch.behind
        return batch

    def _past(self, error: OperationFailure, asked: int) -> Batch | None:
        """What can be had of an event that is too large for a reply; None where it is now asked for in another way.

        A reply that fails takes the events before it along, so they are asked for again, one by one.
        """
        if error.code != EVENT_TOO_LARGE or self._splitting:
            raise error
        if self._split_from(self._position):
            return None
        if asked == 1:
            return self._place()
        self._one_by_one = asked
        self._begin(self._position)
        return None

    def _split_from(self, position: Position) -> bool:
        """Whether it now goes on there in a way that splits large events."""
        if not self._splits:
            return False
        self._splitting = True
        try:
            self._begin(position)
        except OperationFailure as error:
            if error.code != NO_SUCH_STAGE:
                raise
            self._splitting = self._splits = False
        return self._splitting

    def _place(self) -> Batch | None:
        """The place of the next event, which is too large; None where that has yet to be made sure.

        It is, once the same event comes next before and after the refusal of the whole: with a filter on documents that
        are looked up, which event is the next may change.
        """
        command = self._command(self._position, [PLACE])
        cursor = self._database.cursor(command, await_ms=self._settings.max_await_time_ms)
        try:
            raw = next(filter(None, (cursor.reply(1) for _ in range(PATIENCE))), b"")
        finally:
            cursor.close()
        found = identity(raw).value if raw else None
        known, self._suspect = self._suspect, found
        if found is None or found != known:
            self._begin(self._position)
            return None
        batch = Batch(raw, behind(found), server_time=self._tap.server_time, unread=UNREAD)
        self._begin(batch.position)
        return batch

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
