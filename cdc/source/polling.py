"""A server without change streams, asked again and again for what its increment field says is new."""

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC

from bson.timestamp import Timestamp

from cdc.events import Batch, Load, Namespace, Position
from cdc.source.change_stream import Scope
from cdc.source.collections import plain, require_field, wheres
from cdc.source.cursors import Database
from cdc.source.keys import indexed
from cdc.source.marks import TIMED, TYPES, Marks
from cdc.source.raw import Field, ReplySize, fields, found_at, identity, joined, split
from cdc.source.snapshot import Loader

Wanted = Callable[[Load | None], Load | None]
"""The load as others wish it to be."""


@dataclass(frozen=True, slots=True)
class Polls:
    """By which `field` a collection is polled, every so many seconds, and how far back for what was written late."""

    field: str
    where: str | None
    interval: float
    lag: float


class Poller:
    """Loads what exists, then polls. Its positions have the server's wall clock for a time."""

    def __init__(self, database: Database, scope: Scope, polls: Polls, batch_size: int) -> None:
        self._database = database
        self._scope = scope
        self._polls = polls
        self._field = polls.field
        self._size = ReplySize(batch_size)
        self._marks: dict[str, Marks] = {}

    @property
    def blind(self) -> str:
        """What polling cannot see."""
        return (
            f"a standalone server is polled by {self._field!r}: not seen are deletes, changes that leave the field as "
            "it was, documents without it, and all but the last of several changes between two polls"
        )

    def read(self, start: Position, loader: Loader, wanted: Wanted, pause: threading.Event) -> Iterator[Batch]:
        """See `pipeline.Source`; `pause` is set when nothing more is wanted."""
        load = start.load
        self._take(start)
        yield Batch(b"", replace(self._position(load), time=start.time or self._clock()))
        while True:
            load = wanted(load)
            if load is not None and load.ended is None:
                load = yield from self._load(loader, load)
                pause.wait(loader.wait)
            else:
                yield from self._poll(load)
                pause.wait(self._polls.interval)

    def _load(self, loader: Loader, load: Load) -> Generator[Batch, None, Load]:
        now = self._clock()
        for raw, collection, so_far in loader.round(load, now):
            load = so_far
            self._remember(collection, raw)
            yield Batch(raw, replace(self._position(load), time=now), Namespace(self._scope.database, collection))
        return load

    def _remember(self, collection: str, raw: bytes) -> None:
        """What the first poll would otherwise send again."""
        if marks := self._marks.get(collection):
            for document in split(raw):
                if value := found_at(document, self._field):
                    marks.remember(value, identity(document).document("_id"), document)

    def _poll(self, load: Load | None) -> Iterator[Batch]:
        now = self._clock()
        for name in self._scope.collections or plain(self._database):
            if name not in self._marks:
                self._marks[name] = Marks(name, self._field, self._polls.lag)
                indexed(self._database, name, self._field)
            for raw in self._news(name, self._marks[name]):
                yield Batch(raw, replace(self._position(load), time=now), Namespace(self._scope.database, name))
        yield Batch(b"", replace(self._position(load), time=now), server_time=now)

    def _news(self, name: str, marks: Marks) -> Iterator[bytes]:
        """Reply by reply, what is to be sent."""
        pipeline = [
            *wheres(self._polls.where),
            {"$match": marks.begin()},
            {"$sort": {self._field: 1, "_id": 1}},
        ]
        command = {"aggregate": name, "pipeline": pipeline, "allowDiskUse": True}
        cursor = self._database.cursor(command)
        try:
            while cursor.alive:
                raw = cursor.reply(self._size.documents)
                self._size.learn(raw)
                if new := self._new(raw, marks):
                    yield new
        finally:
            cursor.close()
        marks.end()

    def _new(self, raw: bytes, marks: Marks) -> bytes:
        new = [
            document
            for document in split(raw)
            if marks.is_new(found_at(document, self._field), identity(document).document("_id"), document)
        ]
        return b"".join(new)

    def _take(self, start: Position) -> None:
        """Go on from the position's marks; where it has none, from what is there now, or from its time."""
        if start.marks is not None:
            for saved in fields(start.marks):
                marks = self._marks[saved.name.decode()] = Marks(saved.name.decode(), self._field, self._polls.lag)
                marks.restore(saved)
            return
        for name in self._scope.collections or plain(self._database):
            require_field(self._database, name, self._field)
            marks = self._marks[name] = Marks(name, self._field, self._polls.lag)
            if not start.loading:
                indexed(self._database, name, self._field)
            for kind in sorted(set(TYPES.values())):
                if value := self._largest(name, kind, start.time):
                    marks.reach(value)

    def _largest(self, name: str, kind: str, time: Timestamp | None) -> Field | None:
        """The largest value of a type; of one that tells the time that `time`, where there is one."""
        if time is not None and kind in TIMED:
            return TIMED[kind](time.time)
        found = {
            "find": name,
            "filter": {self._field: {"$type": kind}},
            "projection": {self._field: 1},
            "sort": {self._field: -1},
            "limit": 1,
        }
        cursor = self._database.cursor(found)
        try:
            raw = cursor.reply(1)
        finally:
            cursor.close()
        value = found_at(raw, self._field) if raw else None
        return value if value is not None and TYPES.get(value.kind) == kind else None

    def _position(self, load: Load | None) -> Position:
        marks = joined((name, marks.saved()) for name, marks in self._marks.items())
        return Position(load=load, marks=marks)

    def _clock(self) -> Timestamp:
        now = self._database.client.admin.command("hello")["localTime"]
        return Timestamp(int(now.replace(tzinfo=UTC).timestamp()), 0)
