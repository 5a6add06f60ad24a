"""What is to be read for the changes of a batch, and how they are completed with it.

`Heads` and `Plan` are the definition; those in Rust (`cdc.compiled`) do the same, and refuse with ValueError what is
malformed or rare, which comes here.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import bson
from bson.timestamp import Timestamp

from cdc.compiled import native
from cdc.events import tick_before
from cdc.source.raw import Field, among, enclosed, identity, split
from cdc.source.segments import Change, Segment, cut, place_of

EXACT, LATEST, NONE = "exact", "latest", "none"

CHANGING = frozenset({"update", "replace", "delete"})
"""The operations that find a document."""

MOST_CUTS = 128
"""In one plan; each is another read, of about a millisecond."""

_OPENING = {name: b"\x03%b\0" % name.encode() for name in ("fullDocument", "fullDocumentBeforeChange")}
_TOLD = {how: bson.encode({"imageRead": how})[4:-1] for how in (EXACT, LATEST)}

Time = tuple[int, int]
"""A cluster time: seconds since 1970, and the increment."""

Reading = tuple[Time, str, int, bytes]
"""The documents of a collection that are wanted as of a time: how many at most, and the filter that finds them."""


class Wanted(NamedTuple):
    """Which documents are to be had of changes, and how often their changes may be cut for it."""

    after: bool
    before: bool
    most_cuts: int = MOST_CUTS


def pair(time: Timestamp) -> Time:
    return time.time, time.inc


class Planned(Protocol):
    @property
    def reads(self) -> Sequence[Reading]:
        """What is to be read, each on its own."""

    def stood(self, read: int, raw: bytes, *, exact: bool) -> None:
        """Take documents that a read gave; not `exact` where they are not of its time, but the latest."""

    @property
    def nbytes(self) -> int:
        """What the images take in the events; changes of a transaction have the same."""

    def completed(self) -> tuple[bytes, Mapping[str, int]]:
        """The events with their images, and how many images were had in which way."""


class Known(Protocol):
    def __len__(self) -> int: ...

    def time(self, index: int) -> Time: ...

    def token(self, index: int) -> bytes: ...

    def in_transaction(self, index: int) -> bool:
        """Whether the change may be part of one; now and then true where it is not."""

    def plan(self, start: int, stop: int, *, begun: Time | None, unfinished: bool) -> Planned:
        """What is to be read for some of the changes; `cut` says what the others are."""


def heads(raw: bytes, wanted: Wanted) -> Known:
    """Of the events of a batch. Raises what `Heads` raises where it is malformed."""
    if native is not None:
        try:
            return native.Heads(raw, *wanted)
        except ValueError:
            pass
    return Heads(raw, wanted)


class Heads:
    """Implements `Known`. `SourceUnreachable`, KeyError and the like where an event is malformed."""

    def __init__(self, raw: bytes, wanted: Wanted) -> None:
        self._wanted = wanted
        self._changes = [Change.of(event) for event in split(raw)]

    def __len__(self) -> int:
        return len(self._changes)

    def time(self, index: int) -> Time:
        return pair(self._changes[index].time)

    def token(self, index: int) -> bytes:
        return self._changes[index].token

    def in_transaction(self, index: int) -> bool:
        return b"\x12txnNumber\0" in self._changes[index].raw

    def plan(self, start: int, stop: int, *, begun: Time | None, unfinished: bool) -> "Plan":
        after, before, most_cuts = self._wanted
        known = None if begun is None else Timestamp(*begun)
        changes = self._changes[start:stop]
        segments = cut(changes, before=before, begun=known, unfinished=unfinished, most_cuts=most_cuts)
        return Plan(list(segments), after=after, before=before)


class Image(NamedTuple):
    """A document, and how it was had."""

    document: bytes | None
    how: str | None


NO_IMAGE = Image(None, None)
WEAKER = (None, EXACT, LATEST)


class Stood(NamedTuple):
    """A document that stood at a time; not `exact` where only the latest one could be had."""

    document: bytes
    exact: bool


class Plan:
    """Implements `Planned`: one read for each cut and each collection."""

    def __init__(self, segments: Sequence[Segment], *, after: bool, before: bool) -> None:
        self._segments = segments
        self._after = after
        self._before = before
        self._stood: list[dict[Hashable, Stood]] = [{} for _ in range(len(segments) + 1)]
        self._of: list[int] = []
        self.reads: list[Reading] = []
        none = Segment()
        for number, (segment, following) in enumerate(zip([none, *segments], [*segments, none], strict=True)):
            time = segment.end if segment.changes else tick_before(following.begin)
            for collection, wanted in _by_collection([*self._left(segment), *self._found(following)]).items():
                self._of.append(number)
                self.reads.append((pair(time), collection, len(wanted), among(list(wanted.values()))))

    def stood(self, read: int, raw: bytes, *, exact: bool) -> None:
        collection = self.reads[read][1]
        for document in split(raw):
            self._stood[self._of[read]][place_of(collection, identity(document))] = Stood(document, exact)

    @property
    def nbytes(self) -> int:
        return sum(len(image.document or b"") for _, *images in self._imaged() for image in images)

    def completed(self) -> tuple[bytes, Mapping[str, int]]:
        counts: Counter[str] = Counter()
        made = []
        for change, after, before in self._imaged():
            images = {"fullDocument": after.document, "fullDocumentBeforeChange": before.document}
            how = max(after.how, before.how, key=WEAKER.index)
            if how is not None:
                counts[how if any(images.values()) else NONE] += 1
            made.append(change.raw if how is None else _with_images(change.raw, images, how))
        return b"".join(made), counts

    def _imaged(self) -> Iterator[tuple[Change, Image, Image]]:
        """Each change, and its document after and before it."""
        for number, segment in enumerate(self._segments):
            earlier, later = self._stood[number], self._stood[number + 1]
            for change in segment.changes:
                yield change, self._after_of(change, segment, later), self._before_of(change, segment, earlier)

    def _left(self, segment: Segment) -> list[Change]:
        """The changes whose documents are wanted as they are behind the segment."""
        return [change for change in segment.changes if change.operation == "update"] if self._after else []

    def _found(self, segment: Segment) -> list[Change]:
        """Those whose documents are wanted as they were before it."""
        return [change for change in segment.changes if change.operation in CHANGING] if self._before else []

    def _after_of(self, change: Change, segment: Segment, stood: Mapping[Hashable, Stood]) -> Image:
        """Where the moment cannot be read, what stood there later, and nothing where nothing did."""
        if not self._after or change.operation != "update":
            return NO_IMAGE
        found = stood.get(change.place)
        exact = found is not None and found.exact and segment.last[change.place] == change.time
        return Image(found and found.document, EXACT if exact else LATEST)

    def _before_of(self, change: Change, segment: Segment, stood: Mapping[Hashable, Stood]) -> Image:
        """Where the moment cannot be read, nothing: the latest may be newer than the change."""
        if not self._before or change.operation not in CHANGING:
            return NO_IMAGE
        found = stood.get(change.place)
        exact = found is not None and found.exact and segment.first[change.place] == change.time
        return Image(found.document, EXACT) if found and exact else Image(None, LATEST)


def _by_collection(changes: Iterable[Change]) -> Mapping[str, Mapping[Hashable, Field]]:
    wanted: dict[str, dict[Hashable, Field]] = defaultdict(dict)
    for change in changes:
        if change.identity is not None:
            wanted[change.collection][change.place] = change.identity
    return wanted


def _with_images(event: bytes, images: Mapping[str, bytes | None], how: str) -> bytes:
    """The event with more fields behind its own."""
    added = b"".join([_OPENING[name] + document for name, document in images.items() if document is not None])
    return enclosed(event[4:-1] + added + _TOLD[how])
