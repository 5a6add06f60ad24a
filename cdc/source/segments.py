"""A batch of changes cut where a document changes again, so that what stands at a cut is what one change left.

All changes of a transaction have one cluster time. No cut goes through it: they share what stood before and after it.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from struct import Struct
from typing import NamedTuple

from bson.timestamp import Timestamp

from cdc.source.marks import TYPES, rank
from cdc.source.raw import Field, identity, spans

DOCUMENTS = {b"insert": "insert", b"update": "update", b"replace": "replace", b"delete": "delete"}

NUMBERS = frozenset(kind for kind, name in TYPES.items() if name == "number")

_HEAD = frozenset({b"_id", b"operationType", b"clusterTime", b"ns", b"documentKey"})
_time = Struct("<II").unpack_from


class Change(NamedTuple):
    """An event: its resume token as BSON, its time, and for a document's its `_id`, and a `place` that is its alone."""

    raw: bytes
    token: bytes
    operation: str | None
    time: Timestamp
    collection: str
    identity: Field | None
    place: Hashable

    @classmethod
    def of(cls, raw: bytes) -> "Change":
        """Of an event as the server sends it; it keeps to itself what a collection event says."""
        head: dict[bytes, bytes] = {}
        for _, name, start, end in spans(raw):
            if name in _HEAD:
                head[name] = raw[start:end]
                if len(head) == len(_HEAD):
                    break
        inc, seconds = _time(head[b"clusterTime"])
        operation = DOCUMENTS.get(head[b"operationType"][4:-1])
        token, time = head[b"_id"], Timestamp(seconds, inc)
        if operation is None:
            return cls(raw, token, None, time, "", None, None)
        found, collection = identity(head[b"documentKey"]), _collection(head[b"ns"])
        return cls(raw, token, operation, time, collection, found, place_of(collection, found))


@lru_cache(1024)
def _collection(ns: bytes) -> str:
    return next(ns[start + 4 : end - 1].decode() for _, name, start, end in spans(ns) if name == b"coll")


def place_of(collection: str, found: Field) -> Hashable:
    """A document's, by its `_id`: numbers are equal by value, whatever their type."""
    if found.kind in NUMBERS and (number := rank(found)) is not None:
        return collection, number
    return collection, found.kind, found.value


@dataclass(slots=True)
class Segment:
    """Changes between two cuts, and the times of each document's first and last change among them."""

    changes: list[Change] = field(default_factory=list)
    first: dict[Hashable, Timestamp] = field(default_factory=dict)
    last: dict[Hashable, Timestamp] = field(default_factory=dict)

    def add(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        for change in changes:
            self.first.setdefault(change.place, change.time)
            self.last[change.place] = change.time

    @property
    def begin(self) -> Timestamp:
        return self.changes[0].time

    @property
    def end(self) -> Timestamp:
        return self.changes[-1].time


def cut(
    changes: Sequence[Change], *, before: bool, begun: Timestamp | None, unfinished: bool, most_cuts: int
) -> Iterator[Segment]:
    """The changes in segments, in each of which a document's last update is its last change.

    With `before`, each document changes only once in a segment, transactions apart. After `most_cuts` what is left is
    one segment, but for a collection event: it stands alone, since behind it other documents may have the same names.
    So does a transaction of which not all is here, since what else it changed is not to be seen: the last one where it
    is `unfinished`, the first where it `begun` earlier, at that time; None is unknown.
    """
    segment, cuts = Segment(), 0
    updated: set[Hashable] = set()
    last = changes[-1].time if unfinished else None
    for time, group in groupby(changes, attrgetter("time")):
        together = list(group)
        known = segment.last.keys() if before else updated
        again = cuts < most_cuts and any(change.place in known for change in together if change.place is not None)
        alone = any(change.operation is None for change in together)
        if segment.changes and (again or alone or time == last):
            yield segment
            segment, cuts = Segment(), cuts + 1
            updated.clear()
        segment.add(together)
        if alone or (before and begun in {None, time}):
            yield segment
            segment, begun = Segment(), Timestamp(0, 0)
        else:
            updated.update(change.place for change in together if change.operation == "update")
    if segment.changes:
        yield segment
