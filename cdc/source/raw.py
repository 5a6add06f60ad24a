"""Raw BSON replies, taken apart without being decoded, and how large they should be (I8).

https://bsonspec.org/spec.html
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct, error
from typing import NamedTuple

from cdc.errors import SourceUnreachable

REPLY_BYTES = 2 * 1024 * 1024
"""A raw reply is held three times while it is taken apart, and a server sends up to 16 MiB."""

FIRST_DOCUMENTS = 4
"""Asked for while nothing is known of their size."""

STRING, DOCUMENT, ARRAY, UNDEFINED, NULL = 0x02, 0x03, 0x04, 0x06, 0x0A

_SMALLEST = 5  # bytes of an empty document
_LARGEST = 16 * 1024 * 1024  # bytes of a reply
_REGEX = 0x0B
_FIXED = {1: 8, UNDEFINED: 0, 7: 12, 8: 1, 9: 8, NULL: 0, 16: 4, 17: 8, 18: 8, 19: 16, 0x7F: 0, 0xFF: 0}
_COUNTED = {
    STRING: 4,
    DOCUMENT: 0,
    ARRAY: 0,
    5: 5,
    12: 16,
    13: 4,
    14: 4,
    15: 0,
}  # bytes of a value besides those its length counts

_int32 = Struct("<i")
_length = _int32.unpack_from


class Field(NamedTuple):
    """One field of a document: its BSON type, its name, and its value's bytes."""

    kind: int
    name: bytes
    value: bytes

    def document(self, name: str) -> bytes:
        """The BSON document of this value alone, under `name`."""
        return joined([(name, self)])


def joined(named: Iterable[tuple[str, Field]]) -> bytes:
    """The BSON document of these values under these names; under 0, 1, 2 … an array."""
    return enclosed(b"".join(b"%c%b\0%b" % (field.kind, name.encode(), field.value) for name, field in named))


def enclosed(elements: bytes) -> bytes:
    """The BSON document of these elements, names and all."""
    return b"%b%b\0" % (_int32.pack(len(elements) + _SMALLEST), elements)


def among(identities: Sequence[Field]) -> bytes:
    """The filter `{_id: {$in: […]}}`, each `_id` byte for byte."""
    array = joined((str(place), identity) for place, identity in enumerate(identities))
    within = joined([("$in", Field(ARRAY, b"", array))])
    return joined([("_id", Field(DOCUMENT, b"", within))])


def documents(raw: bytes) -> list[int]:
    """Where each document of a reply begins."""
    starts, pos = [], 0
    while pos + _SMALLEST <= len(raw):
        starts.append(pos)
        pos += max(_SMALLEST, _length(raw, pos)[0])
    return starts


def split(raw: bytes) -> list[bytes]:
    """The documents of a reply, one by one."""
    starts = documents(raw)
    return [raw[start:end] for start, end in zip(starts, [*starts[1:], len(raw)], strict=False)]


def spans(raw: bytes, start: int = 0) -> Iterator[tuple[int, bytes, int, int]]:
    """Of each field of the document at `start`: type, name, and where its value begins and ends.

    `SourceUnreachable` where it is malformed.
    """
    try:
        end, pos = min(start + _length(raw, start)[0] - 1, len(raw)), start + 4
        while pos < end:
            stop, kind = raw.index(0, pos + 1), raw[pos]
            name, value = raw[pos + 1 : stop], stop + 1
            size = _FIXED.get(kind)
            pos = value + size if size is not None else _end(raw, kind, value)
            if not stop < pos <= end:
                break
            yield kind, name, value, pos
        else:
            return
    except (error, IndexError, KeyError, ValueError) as reason:
        raise _malformed() from reason
    raise _malformed()


def _malformed() -> SourceUnreachable:
    return SourceUnreachable(
        "MongoDB sent a document that is not BSON", hint="it is read again; a proxy may have changed it"
    )


def fields(raw: bytes, start: int = 0) -> Iterator[Field]:
    """The fields of the document at `start`, or of an array; `SourceUnreachable` where it is malformed."""
    for kind, name, value, end in spans(raw, start):
        yield Field(kind, name, raw[value:end])


def identity(raw: bytes, start: int = 0) -> Field:
    """The `_id` of the document at `start`; the server keeps it in front of all but a shard key."""
    if raw[start + 5 : start + 9] != b"_id\0":
        return _identity_behind(raw, start)
    kind, value = raw[start + 4], start + 9
    try:
        end = value + _FIXED[kind] if kind in _FIXED else _end(raw, kind, value)
    except (error, IndexError, KeyError, ValueError) as reason:
        raise _malformed() from reason
    if not value <= end < len(raw):
        raise _malformed()
    return Field(kind, b"_id", raw[value:end])


def _identity_behind(raw: bytes, start: int) -> Field:
    for field in fields(raw, start):
        if field.name == b"_id":
            return field
    raise SourceUnreachable("MongoDB sent a document without _id", hint="it is read again")


def found_at(document: bytes, path: str) -> Field | None:
    """What stands at a dotted path of documents within documents."""
    name, _, deeper = path.partition(".")
    for field in fields(document):
        if field.name == name.encode():
            if not deeper:
                return field
            return found_at(field.value, deeper) if field.kind == DOCUMENT else None
    return None


def _end(raw: bytes, kind: int, pos: int) -> int:
    if kind == _REGEX:
        return raw.index(0, raw.index(0, pos) + 1) + 1
    length: int = _length(raw, pos)[0]
    return pos + length + _COUNTED[kind]


class ReplySize:
    """How many `documents` the next reply should have, at most `most`: as many like the last ones as are enough."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.documents = min(FIRST_DOCUMENTS, most)
        self.nbytes = _LARGEST

    def learn(self, raw: bytes) -> int:
        """From the documents of a reply, or of an empty one nothing; gives `documents`, of `nbytes` together."""
        if raw and (self.documents < self._most or len(raw) > REPLY_BYTES):
            count = len(documents(raw)) or 1
            self.documents = max(1, min(self._most, count * REPLY_BYTES // len(raw)))
            self.nbytes = max(1, self.documents * len(raw) // count)
        return self.documents
