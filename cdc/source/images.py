"""The document as a change left it and as it found it, read at the change's own time.

One `find` for each cut of a batch and each collection, at a cluster time that is past; nothing is switched on at the
server: https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/#read-concern-and-atclustertime
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from struct import error
from typing import Any

import structlog
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from cdc import metrics
from cdc.errors import SourceUnreachable
from cdc.events import Batch, Position
from cdc.source.cursors import UNREADABLE, Database, behind
from cdc.source.plans import Heads, Planned, Reading, Time, Wanted, heads, pair
from cdc.source.raw import REPLY_BYTES, ReplySize

log = structlog.get_logger("cdc")

_UPDATES = re.compile(rb"\x02operationType\x00\x07\x00\x00\x00update\x00")
_CHANGES = re.compile(rb"\x02operationType\x00.\x00\x00\x00(?:update|replace|delete)\x00", re.DOTALL)


MOST_BYTES = 4 * REPLY_BYTES
"""Of images that are held at once, but for those of a single change; where there are more, fewer changes are taken."""


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
        first, begun = 0, self._begun
        self._begun = known.time(len(known) - 1)
        while first < len(known):
            stop = min(first + self._size.documents, len(known))
            if stop < len(known):
                position = _behind(batch, known.token(stop - 1))
                unfinished = known.time(stop) == known.time(stop - 1)
            else:
                position, unfinished = batch.position, known.in_transaction(stop - 1)
            most = MOST_BYTES if stop - first > 1 else None
            try:
                raw = self._completed(known.plan(first, stop, begun=begun, unfinished=unfinished), most)
            except ValueError:
                known = Heads(batch.raw, self._wanted)
                raw = self._completed(known.plan(first, stop, begun=begun, unfinished=unfinished), most)
            if raw is None:
                self._size.documents = min(self._size.documents, (stop - first) // 2)
                continue
            first, begun = stop, known.time(stop - 1)
            yield replace(batch, raw=raw, position=position)

    def _completed(self, plan: Planned, most: int | None) -> bytes | None:
        """None where the images are more bytes than `most`."""
        held = 0
        for number, reading in enumerate(plan.reads):
            for raw, exact in self._standing(reading):
                held += len(raw)
                if most is not None and held > most:
                    return None
                plan.stood(number, raw, exact=exact)
        if most is not None and plan.nbytes > most:
            return None
        completed, counts = plan.completed()
        for how, count in counts.items():
            metrics.IMAGES.labels(self._name, how).inc(count)
        return completed

    def _standing(self, reading: Reading) -> Iterator[tuple[bytes, bool]]:
        """What stood at that time, exactly, or where that cannot be read stands there now."""
        time = Timestamp(*reading[0])
        try:
            for raw in self._replies(reading, {"level": "snapshot", "atClusterTime": time}):
                yield raw, True
        except OperationFailure as failure:
            if failure.code not in UNREADABLE:
                raise
            for raw in self._replies(reading, {"level": "majority", "afterClusterTime": time}):
                yield raw, False

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
    position = replace(behind(token), load=batch.position.load)
    return replace(position, token=None) if token in batch.joined else position
