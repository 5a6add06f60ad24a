"""The document as a change left it and as it found it, read at the change's own time.

One `find` for each cut of a batch and each collection, at a cluster time that is past; nothing is switched on at the
server: https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/#read-concern-and-atclustertime
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from struct import error
from typing import Any

import bson
import structlog
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from cdc import metrics
from cdc.errors import SourceUnreachable
from cdc.events import Batch, Position
from cdc.source.cursors import UNREADABLE, Database, well_formed
from cdc.source.plans import Heads, Planned, Reading, Time, Wanted, heads, pair
from cdc.source.raw import ReplySize

log = structlog.get_logger("cdc")

_UPDATES = re.compile(rb"\x02operationType\x00\x07\x00\x00\x00update\x00")
_CHANGES = re.compile(rb"\x02operationType\x00.\x00\x00\x00(?:update|replace|delete)\x00", re.DOTALL)


class Lookup:
    """Completes changes: an update by the document `after` it, any change of one that was there by that `before` it.

    It adds what the server would send as `fullDocument` and `fullDocumentBeforeChange`, and `imageRead`, which says how
    they were had: `exact`, or `latest` where the moment could not be read.
    """

    def __init__(self, database: Database, name: str, batch_size: int, *, after: bool, before: bool) -> None:
        self._database = database
        self._name = name
        self._wanted = Wanted(after, before)
        self._due = _CHANGES if before else _UPDATES
        self._size = ReplySize(batch_size)
        self._begun: Time | None = None

    def batches(self, batch: Batch) -> Iterator[Batch]:
        """The batch with its images, in as many as keep small what is held at once (I8)."""
        if batch.unread or not self._due.search(batch.raw):
            self._begun = pair(batch.position.time) if batch.position.time else None
            yield batch
            return
        try:
            known = heads(batch.raw, self._wanted)
        except (SourceUnreachable, KeyError, StopIteration, UnicodeDecodeError, error):
            log.warning("a reply of the stream is malformed; its changes go without images", pipeline=self._name)
            self._begun = None
            yield batch
            return
        start, begun = 0, self._begun
        self._begun = known.time(len(known) - 1)
        while start < len(known):
            first, start = start, min(start + self._size.documents, len(known))
            position = batch.position
            if start < len(known):
                position = _behind(batch, known.token(start - 1))
                unfinished = known.time(start) == known.time(start - 1)
            else:
                unfinished = known.in_transaction(start - 1)
            try:
                raw = self._completed(known.plan(first, start, begun=begun, unfinished=unfinished))
            except ValueError:
                known = Heads(batch.raw, self._wanted)
                raw = self._completed(known.plan(first, start, begun=begun, unfinished=unfinished))
            begun = known.time(start - 1)
            yield replace(batch, raw=raw, position=position)

    def _completed(self, plan: Planned) -> bytes:
        for number, reading in enumerate(plan.reads):
            self._read(plan, number, reading)
        raw, counts = plan.completed()
        for how, count in counts.items():
            metrics.IMAGES.labels(self._name, how).inc(count)
        return raw

    def _read(self, plan: Planned, number: int, reading: Reading) -> None:
        """What stood at that time, or where that cannot be read stands there now."""
        time = Timestamp(*reading[0])
        try:
            for raw in self._replies(reading, {"level": "snapshot", "atClusterTime": time}):
                plan.stood(number, raw, exact=True)
        except OperationFailure as failure:
            if failure.code not in UNREADABLE:
                raise
            for raw in self._replies(reading, {"level": "majority", "afterClusterTime": time}):
                plan.stood(number, raw, exact=False)

    def _replies(self, reading: Reading, concern: Mapping[str, Any]) -> Iterator[bytes]:
        _, collection, documents, filtered = reading
        cursor = self._database.cursor(
            {"find": collection, "filter": RawBSONDocument(filtered), "readConcern": concern}
        )
        try:
            while cursor.alive:
                raw = cursor.reply(documents)
                self._size.learn(raw)
                yield raw
        finally:
            cursor.close()


def _behind(batch: Batch, token: bytes) -> Position:
    """The position behind one of its events; by time where that came in fragments, as at the end of a reply."""
    with well_formed():
        position = replace(Position.of_token(bson.decode(token)), load=batch.position.load)
    return replace(position, token=None) if token in batch.joined else position
