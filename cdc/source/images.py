"""The document as a change left it and as it found it, read at the change's own time.

One `find` for each cut of a batch and each collection, at a cluster time that is past; nothing is switched on at the
server: https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/#read-concern-and-atclustertime
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from struct import Struct, error
from typing import Any, NamedTuple

import bson
import structlog
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from cdc import metrics
from cdc.errors import SourceUnreachable
from cdc.events import Batch, Position, tick_before
from cdc.source.cursors import UNREADABLE, Database, well_formed
from cdc.source.raw import Field, ReplySize, among, identity, split
from cdc.source.segments import Change, Segment, cut, place_of

log = structlog.get_logger("cdc")

EXACT, LATEST, NONE = "exact", "latest", "none"

CHANGING = frozenset({"update", "replace", "delete"})
"""The operations that find a document."""

_UPDATES = re.compile(rb"\x02operationType\x00\x07\x00\x00\x00update\x00")
_CHANGES = re.compile(rb"\x02operationType\x00.\x00\x00\x00(?:update|replace|delete)\x00", re.DOTALL)

_NONE = re.compile(rb"(?!)")

_OPENING = {name: b"\x03%b\0" % name.encode() for name in ("fullDocument", "fullDocumentBeforeChange")}
_TOLD = {how: bson.encode({"imageRead": how})[4:] for how in (EXACT, LATEST)}

_int32 = Struct("<i").pack


class Image(NamedTuple):
    """A document, and how it was had."""

    document: bytes | None
    how: str | None


NO_IMAGE = Image(None, None)
WEAKER = (None, EXACT, LATEST)


class Standing(NamedTuple):
    """The documents that stood at a time; not `exact` where only the latest ones could be had."""

    documents: dict[Hashable, bytes]
    exact: bool


class Lookup:
    """Completes changes: an update by the document `after` it, any change of one that was there by that `before` it.

    It adds what the server would send as `fullDocument` and `fullDocumentBeforeChange`, and `imageRead`, which says how
    they were had: `exact`, or `latest` where the moment could not be read.
    """

    def __init__(self, database: Database, name: str, batch_size: int, *, after: bool, before: bool) -> None:
        self._database = database
        self._name = name
        self._after = after
        self._before = before
        self._due = _CHANGES if before else _UPDATES if after else _NONE
        self._size = ReplySize(batch_size)
        self._begun: Timestamp | None = None

    def batches(self, batch: Batch) -> Iterator[Batch]:
        """The batch with its images, in as many as keep small what is held at once (I8)."""
        if not self._due.search(batch.raw):
            self._begun = batch.position.time
            yield batch
            return
        try:
            changes = [Change.of(raw) for raw in split(batch.raw)]
        except (SourceUnreachable, KeyError, StopIteration, UnicodeDecodeError, error):
            log.warning("a reply of the stream is malformed; its changes go without images", pipeline=self._name)
            yield batch
            return
        start = 0
        while start < len(changes):
            part = changes[start : start + self._size.documents]
            start += len(part)
            position = batch.position
            if start < len(changes):
                with well_formed():
                    position = replace(Position.of_token(bson.decode(part[-1].token)), load=position.load)
            unfinished = changes[start].time == part[-1].time if start < len(changes) else part[-1].in_transaction
            completed = self._completed(part, unfinished=unfinished)
            yield replace(batch, raw=b"".join(completed), position=position)

    def _completed(self, changes: Sequence[Change], *, unfinished: bool) -> Iterator[bytes]:
        segments = list(cut(changes, before=self._before, begun=self._begun, unfinished=unfinished))
        self._begun = changes[-1].time
        counts: Counter[str] = Counter()
        found = self._standing(tick_before(segments[0].begin), self._found(segments[0]))
        for segment, following in zip(segments, [*segments[1:], Segment()], strict=True):
            earlier, found = found, self._standing(segment.end, [*self._left(segment), *self._found(following)])
            for change in segment.changes:
                after = self._after_of(change, segment, found)
                before = self._before_of(change, segment, earlier)
                images = {"fullDocument": after.document, "fullDocumentBeforeChange": before.document}
                how = max(after.how, before.how, key=WEAKER.index)
                if how is not None:
                    counts[how if any(images.values()) else NONE] += 1
                yield change.raw if how is None else _with_images(change.raw, images, how)
        for how, count in counts.items():
            metrics.IMAGES.labels(self._name, how).inc(count)

    def _left(self, segment: Segment) -> list[Change]:
        """The changes whose documents are wanted as they are behind the segment."""
        return [change for change in segment.changes if change.operation == "update"] if self._after else []

    def _found(self, segment: Segment) -> list[Change]:
        """Those whose documents are wanted as they were before it."""
        return [change for change in segment.changes if change.operation in CHANGING] if self._before else []

    def _after_of(self, change: Change, segment: Segment, standing: Standing) -> Image:
        """Where the moment cannot be read, what stood there later, and nothing where nothing did."""
        if not self._after or change.operation != "update":
            return NO_IMAGE
        document = standing.documents.get(change.place)
        exact = document is not None and standing.exact and segment.last[change.place] == change.time
        return Image(document, EXACT if exact else LATEST)

    def _before_of(self, change: Change, segment: Segment, standing: Standing) -> Image:
        """Where the moment cannot be read, nothing: the latest may be newer than the change."""
        if not self._before or change.operation not in CHANGING:
            return NO_IMAGE
        document = standing.documents.get(change.place)
        exact = document is not None and standing.exact and segment.first[change.place] == change.time
        return Image(document, EXACT) if exact else Image(None, LATEST)

    def _standing(self, time: Timestamp, changes: Iterable[Change]) -> Standing:
        """The documents of these changes as of that time, or where that cannot be read the latest."""
        wanted: dict[str, dict[Hashable, Field]] = defaultdict(dict)
        for change in changes:
            if change.identity is not None:
                wanted[change.collection][change.place] = change.identity
        try:
            return Standing(self._read(wanted, {"level": "snapshot", "atClusterTime": time}), exact=True)
        except OperationFailure as failure:
            if failure.code not in UNREADABLE:
                raise
        return Standing(self._read(wanted, {"level": "majority", "afterClusterTime": time}), exact=False)

    def _read(self, wanted: Mapping[str, Mapping[Hashable, Field]], concern: dict[str, Any]) -> dict[Hashable, bytes]:
        found = {}
        for collection, identities in wanted.items():
            filtered = RawBSONDocument(among(list(identities.values())))
            cursor = self._database.cursor({"find": collection, "filter": filtered, "readConcern": concern})
            try:
                while cursor.alive:
                    raw = cursor.reply(len(identities))
                    self._size.learn(raw)
                    for document in split(raw):
                        found[place_of(collection, identity(document))] = document
            finally:
                cursor.close()
        return found


def _with_images(event: bytes, images: Mapping[str, bytes | None], how: str) -> bytes:
    """The event with more fields behind its own."""
    added = b"".join([_OPENING[name] + document for name, document in images.items() if document is not None])
    told = _TOLD[how]
    return b"%b%b%b%b" % (_int32(len(event) + len(added) + len(told) - 1), event[4:-1], added, told)
