"""The fields of BSON documents, found in their bytes.

https://bsonspec.org/spec.html
"""

from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple

from cdc.errors import Unencodable

DOUBLE, DOCUMENT, ARRAY, UNDEFINED, REGEX = 0x01, 0x03, 0x04, 0x06, 0x0B
CODE, SYMBOL, SCOPED_CODE = 0x0D, 0x0E, 0x0F

MALFORMED = (error, IndexError, KeyError, RecursionError, ValueError)
"""What reading bytes raises that are not BSON."""

_SIZES = {
    0x01: 8,
    UNDEFINED: 0,
    0x07: 12,
    0x08: 1,
    0x09: 8,
    0x0A: 0,
    0x10: 4,
    0x11: 8,
    0x12: 8,
    0x13: 16,
    0x7F: 0,
    0xFF: 0,
}
_EXTRA = {  # bytes of a value besides those its length counts
    0x02: 4,
    DOCUMENT: 0,
    ARRAY: 0,
    0x05: 5,
    0x0C: 16,
    CODE: 4,
    SYMBOL: 4,
    SCOPED_CODE: 0,
}

_int32 = Struct("<i").unpack_from


class Element(NamedTuple):
    """One field of a document: its BSON type, its name, and where it starts, its value starts, and it ends."""

    kind: int
    name: str
    start: int
    value: int
    end: int


def elements(raw: bytes, start: int = 0) -> Iterator[Element]:
    """The fields of the document at `start`, values unread; `Unencodable` where the next one cannot be found."""
    try:
        end = end_of(raw, start)
        pos = start + 4
        while pos < end - 1:
            stop = raw.index(0, pos + 1)
            after = _skip(raw[pos], raw, stop + 1)
            yield Element(raw[pos], raw[pos + 1 : stop].decode(), pos, stop + 1, after)
            pos = after
    except MALFORMED as reason:
        raise malformed(reason) from reason
    if pos != end - 1:
        raise malformed("a field runs over the end of its document")


def malformed(reason: object) -> Unencodable:
    """The error for bytes that are not BSON."""
    what = f"unknown type 0x{reason.args[0]:02x}" if isinstance(reason, KeyError) else reason
    return unencodable(f"malformed BSON: {what}")


def unencodable(message: str) -> Unencodable:
    return Unencodable(message, hint="set a dead-letter topic to put such events aside and go on")


def end_of(raw: bytes, start: int) -> int:
    """Where the document at `start` ends; `ValueError` where it says what cannot be."""
    end: int = start + _int32(raw, start)[0]
    if end < start + 5 or raw[end - 1] != 0:
        raise ValueError("a document of a wrong length")
    return end


def _skip(kind: int, raw: bytes, pos: int) -> int:
    size = _SIZES.get(kind)
    if size is not None:
        return pos + size
    if kind == REGEX:  # two texts, each ended by NUL
        return raw.index(0, raw.index(0, pos) + 1) + 1
    length: int = _int32(raw, pos)[0]
    if length < 0:
        raise ValueError("a negative length")
    return pos + length + _EXTRA[kind]
