"""Loads: what exists, read in rounds while the changes go on.

A round reads as of the cluster time that the stream has got to, for a bounded time, while the stream stands still. So
a document that was read stands exactly where it belongs among the changes: no newer change of it came before, no older
one comes after (I6). Nothing is written to the source, and the stream never falls far behind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import structlog
from bson import json_util
from bson.timestamp import Timestamp
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from cdc.errors import ConfigInvalid, SourceUnreachable
from cdc.events import DONE, Chunk, Load
from cdc.source.change_stream import Scope
from cdc.source.chunks import Size, plan
from cdc.source.collections import ANSWER_MS, as_inserted, capped, plain, require_field, wheres
from cdc.source.cursors import UNREADABLE, Database
from cdc.source.keys import Keyed, Order, indexed
from cdc.source.pace import Pace, Round
from cdc.source.ranges import Ranges

log = structlog.get_logger("cdc")

MOST_FRUITLESS = 20


@dataclass(frozen=True, slots=True)
class Loads:
    """How loads read: in order of `field`, so many chunks at once, at most so many documents a second."""

    field: str
    parallel: int
    max_rate: float | None
    read_preference: str
    round_seconds: float


class Reading(Protocol):
    """How one collection is read."""

    def read(self, load: Load, concern: dict[str, Any], limits: Round) -> Iterator[tuple[bytes, Load]]:
        """Documents, and the load as it is with them, until the round is over."""
        ...

    def close(self) -> None:
        """Forget what was read ahead."""
        ...


Refused = Callable[[PyMongoError | ConfigInvalid, Load], Load]
"""What becomes of a load that the server refuses: it has ended, or the error is raised."""


class Loader:
    """Reads loads round by round. `level` is the read concern: `snapshot` where the server can read at a past time."""

    def __init__(  # noqa: PLR0913 - keywords, one for each thing it follows
        self,
        database: Database,
        scope: Scope,
        loads: Loads,
        *,
        batch_size: int,
        level: Literal["snapshot", "majority", "local"],
        refused: Refused,
    ) -> None:
        self._database = database
        self._scope = scope
        self._loads = loads
        self._batch_size = batch_size
        self._best = self._level = level
        self._refused = refused
        self._pace = Pace(loads.max_rate, loads.round_seconds)
        self._reading: Reading | None = None
        self._of: tuple[str, str] | None = None
        self._fruitless = 0

    @property
    def wait(self) -> float:
        """Seconds until the next round may begin."""
        return self._pace.wait

    def round(self, load: Load, at: Timestamp) -> Iterator[tuple[bytes, str, Load]]:
        """What one round reads as of the cluster time `at`: documents, their collection, how far the load is with them.

        Nothing is left of a load once it comes with how it `ended`.
        """
        try:
            for row in self._rows(load, at):
                load = row[2]
                yield row
        except (PyMongoError, ConfigInvalid) as error:
            self.close()
            yield b"", "", self._refused(error, load)

    def _rows(self, load: Load, at: Timestamp) -> Iterator[tuple[bytes, str, Load]]:
        load = self._begun(load)
        if not load.chunks:
            yield b"", "", load.end(DONE)
            return
        collection = load.chunks[0].collection
        reading = self._turned_to(collection, load, at)
        try:
            for raw, now in reading.read(load, self._concern(at), self._pace.round()):
                self._fruitless = 0
                yield raw, collection, now
        except OperationFailure as error:
            if error.code not in UNREADABLE:
                raise
            log.debug("not readable at this time any more", collection=collection, code=error.code)
            self._count_fruitless()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self._reading = self._of = None

    def _begun(self, load: Load) -> Load:
        """The load with chunks, where there is another collection to cut."""
        if load.collections is None:
            load = replace(load, collections=tuple(self._scope.collections) or plain(self._database))
        if not load.chunks and not load.chunks_done:
            load = replace(load, estimated=sum(self._count(name, load.where) for name in load.collections or ()))
        while not load.chunks and load.collections:
            name, *others = load.collections
            load = replace(load, collections=tuple(others), chunks=self._chunks(name, load))
        return load

    def _count(self, name: str, where: str | None) -> int:
        collection = self._database.collection(name)
        if where is None:
            return collection.estimated_document_count()
        try:
            return collection.count_documents(json_util.loads(where), maxTimeMS=ANSWER_MS)
        except ExecutionTimeout:
            return 0

    def _chunks(self, name: str, load: Load) -> tuple[Chunk, ...]:
        if self._loads.field != "_id":
            require_field(self._database, name, self._loads.field)
            return (Chunk(name, self._loads.field),)
        if self._filtered(load):
            return (Chunk(name),)
        return plan(self._database, name, Size.of(self._database, name))

    def _filtered(self, load: Load) -> bool:
        return load.where is not None or self._scope.match is not None

    def _turned_to(self, collection: str, load: Load, at: Timestamp) -> Reading:
        """How this collection is read by this load."""
        if self._reading is None or self._of != (load.id, collection):
            self.close()
            self._level = self._level_of(collection)
            self._reading = self._reader(load.chunks[0], load, at)
            self._of = load.id, collection
        return self._reading

    def _reader(self, chunk: Chunk, load: Load, at: Timestamp) -> Reading:
        match = self._scope.match
        preference = make_read_preference(read_pref_mode_from_name(self._loads.read_preference), None)
        if chunk.field == "_id" and not self._filtered(load):
            return Ranges(self._database, preference, batch_size=self._batch_size, parallel=self._loads.parallel)
        by_index = chunk.field != "_id" and indexed(self._database, chunk.collection, chunk.field)
        concern = {"level": "local"} if self._best == "local" else {"level": "majority", "afterClusterTime": at}
        order = Order(chunk, load.where, concern, indexed=by_index)
        stages = [*wheres(load.where), *(as_inserted(self._database.name, chunk.collection, match) if match else [])]
        return Keyed(self._database, order, stages, preference, batch_size=self._batch_size)

    def _level_of(self, collection: str) -> Literal["snapshot", "majority", "local"]:
        if self._best == "local":
            return "local"
        if self._best == "snapshot" and not capped(self._database, collection):
            return "snapshot"
        log.warning(
            "cannot be read at a time that is past: a row may be newer than its ts, and the change itself follows",
            collection=f"{self._scope.database}.{collection}",
        )
        return "majority"

    def _concern(self, at: Timestamp) -> dict[str, Any]:
        times = {"snapshot": {"atClusterTime": at}, "majority": {"afterClusterTime": at}, "local": {}}
        return {"level": self._level, **times[self._level]}

    def _count_fruitless(self) -> None:
        self._fruitless += 1
        if self._fruitless > MOST_FRUITLESS:
            raise SourceUnreachable(
                f"MongoDB cannot read {self._scope.database} at the time that its changes have got to",
                hint="raise its parameter minSnapshotHistoryWindowInSeconds",
            )
