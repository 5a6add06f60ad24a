"""Cursors of commands, reply by reply as raw BSON."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.command_cursor import RawBatchCommandCursor
from pymongo.errors import OperationFailure, ProtocolError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.read_preferences import Primary

from cdc.errors import SourceUnreachable
from cdc.events import Position
from cdc.source.raw import enclosed, spans

ReadPreference = Any
"""One of `pymongo.read_preferences`, which have no public class in common."""

PRIMARY: ReadPreference = Primary()

UNREADABLE = frozenset({239, 246})
"""SnapshotTooOld, and SnapshotUnavailable, as after a collection was made anew: another time will do."""


@contextmanager
def well_formed() -> Iterator[None]:
    """A command and its reply, whose shape PyMongo takes for granted; `SourceUnreachable` where it has another."""
    try:
        yield
    except (InvalidBSON, ProtocolError, OperationFailure, KeyError, TypeError) as error:
        if isinstance(error, OperationFailure) and "errmsg" in (error.details or {}):
            raise  # a refusal, which has words
        raise SourceUnreachable(
            f"MongoDB sent a reply that cannot be read ({type(error).__name__})",
            hint="it is asked again; a proxy may have changed it",
        ) from error


def behind(token: bytes) -> Position:
    """Where to go on behind the event of that token, which is BSON."""
    with well_formed():
        return Position.of_token(bson.decode(token))


class ReplyTap(threading.local, CommandListener):
    """Remembers of the last cursor reply of each thread what PyMongo's raw cursors keep to themselves.

    `server_time` is that of the last operation that a majority has, `clock` that of the last one there is.
    Commands are observed on the thread that runs them.
    """

    def __init__(self) -> None:
        self.token: Mapping[str, Any] | None = None
        self.server_time: Timestamp | None = None
        self.clock: Timestamp | None = None
        self.address: tuple[str, int] | None = None

    @property
    def position(self) -> Position:
        """Behind that reply; now, where no stream has replied yet."""
        with well_formed():
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


@dataclass(frozen=True, slots=True)
class Database:
    """The database that is read, through a client whose replies the tap hears."""

    client: MongoClient[dict[str, Any]]
    tap: ReplyTap
    name: str

    def collection(self, name: str) -> Collection[dict[str, Any]]:
        return self.client[self.name][name]

    def cursor(
        self,
        command: Mapping[str, Any],
        *,
        preference: ReadPreference = PRIMARY,
        await_ms: int | None = None,
    ) -> "RawCursor":
        """What a `find` or `aggregate` gives."""
        return RawCursor(self, command, preference, await_ms)


class _Cursor(RawBatchCommandCursor[Any]):
    """With `streams`, the server sends reply after reply unasked, which PyMongo offers for a `find` alone.

    https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md#exhaustallowed

    PyMongo makes an object of each document before it joins their bytes again, which takes longer than all else that
    becomes of a reply, and holds Python's lock meanwhile; here they are joined at once.
    """

    streams = False

    def _unpack_response(self, response: Any, *_: Any, **__: Any) -> list[dict[str, Any]]:  # type: ignore[override]  # noqa: ANN401 - PyMongo's
        return [opened(bytes(response.raw_command_response()))]

    def _getmore_class(self, *fields: Any) -> Any:  # type: ignore[override]  # noqa: ANN401 - PyMongo's
        getmore = super()._getmore_class(*fields)
        getmore.exhaust = self.streams
        return getmore

    @property
    def sends(self) -> bool:
        """Whether the server does so; who no longer wants it closes the cursor, and its connection with it."""
        return self._sock_mgr is not None and self._sock_mgr.more_to_come


def opened(reply: bytes) -> dict[str, Any]:
    """A cursor's reply with its documents in one piece, and all else decoded; `InvalidBSON` if malformed."""
    told, cursor = _apart(reply, 0, b"cursor")
    if cursor is None:
        return told
    within, batch = _apart(reply, cursor.start, b"nextBatch")
    if batch is not None:
        documents = bson._array_of_documents_to_buffer(memoryview(reply)[batch])  # noqa: SLF001 - C, where PyMongo has it
        within["nextBatch"] = [documents] if documents else []
    return {**told, "cursor": within}


def _apart(raw: bytes, start: int, name: bytes) -> tuple[dict[str, Any], slice | None]:
    """The document at `start` without one of its fields, and where the value of that one is."""
    rest, place = [], None
    try:
        for _, found, value, end in spans(raw, start):
            if found == name:
                place = slice(value, end)
            else:
                rest.append(raw[value - len(found) - 2 : end])
    except SourceUnreachable as error:
        raise InvalidBSON(str(error)) from error
    return bson.decode(enclosed(b"".join(rest))), place


class RawCursor:
    """A cursor in a session of its own, on the one server that answered its command.

    PyMongo offers raw batches of a whole database's stream, and reads at a time of one's own choice, only through the
    cursor class itself: the first reply is left empty and handed to it.
    """

    def __init__(
        self, database: Database, command: Mapping[str, Any], preference: ReadPreference, await_ms: int | None
    ) -> None:
        client, name = database.client, database.name
        empty = {"batchSize": 0} if "find" in command else {"cursor": {"batchSize": 0}}
        self._session = client.start_session(causal_consistency=False)
        try:
            with well_formed():
                reply = client[name].command({**command, **empty}, session=self._session, read_preference=preference)
                first = reply["cursor"]
            self._cursor = _Cursor(
                client[name].get_collection("$cmd.aggregate", codec_options=CodecOptions(), read_preference=preference),
                first,
                database.tap.address,
                max_await_time_ms=await_ms,
                session=self._session,
            )
        except BaseException:
            self._session.end_session()
            raise

    @property
    def alive(self) -> bool:
        """Whether there may be more."""
        return self._cursor.alive

    @property
    def streams(self) -> bool:
        """Whether the server sends replies unasked, each of as many documents as the first of them."""
        return self._cursor.sends

    def reply(self, documents: int, *, stream: bool = False) -> bytes:
        """The next reply, of at most so many documents; empty where there is nothing, or nothing yet.

        With `stream` the server may send all further ones unasked, so that it works while this one is taken apart.
        """
        self._cursor.streams = stream
        self._cursor.batch_size(documents)
        if documents == 1:
            self._cursor._batch_size = 1  # noqa: SLF001 - by its method PyMongo asks for two
        with well_formed():
            return self._cursor.try_next() or b""

    def close(self) -> None:
        self._cursor.close()
        self._session.end_session()
