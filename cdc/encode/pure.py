"""BSON to JSON by walking the bytes: the definition of every document's output.

A `Dialect` says how each BSON type is written; `RELAXED` is MongoDB Extended JSON v2, relaxed: UTF-8, no whitespace,
the order of fields kept. A field name that is repeated keeps its first place and its last value, as JSON parsers and
MongoDB's drivers read it. Numbers and strings are spelt as orjson spells them.
https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from struct import Struct

import orjson
from bson.decimal128 import Decimal128

from cdc.encode.elements import (
    ARRAY,
    CODE,
    DOCUMENT,
    MALFORMED,
    REGEX,
    SCOPED_CODE,
    SYMBOL,
    UNDEFINED,
    Element,
    end_of,
    malformed,
)

Render = Callable[[bytes, int], tuple[bytes, int]]
"""Writes the value at an offset as JSON; gives the text and the offset after the value."""

_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last date written as ISO 8601
_int32 = Struct("<i").unpack_from
_int64 = Struct("<q").unpack_from
_uint32x2 = Struct("<II").unpack_from
_float64 = Struct("<d").unpack_from
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - BSON dates are UTC, and the text says so


class Dialect:
    """How documents are written.

    One function for each BSON type, one for field names, whether those may repeat, and the form of code with its scope.
    """

    def __init__(
        self,
        scalars: dict[int, Render],
        name: Callable[[bytes], bytes],
        *,
        repeats: bool = False,
        scoped: bytes = b'{"$code":%b,"$scope":%b}',
    ) -> None:
        self._name = name
        self._repeats = repeats
        self._scoped = scoped
        self._render = {**scalars, DOCUMENT: self._document, ARRAY: self._array, SCOPED_CODE: self._code_with_scope}

    def document(self, raw: bytes) -> bytes:
        """The JSON of a whole document; `Unencodable` where it is malformed."""
        return self._whole(DOCUMENT, raw, 0, len(raw))

    def field(self, raw: bytes, element: Element) -> bytes:
        """The JSON of one field's value; `Unencodable` where it is malformed."""
        return self._whole(element.kind, raw, element.value, element.end)

    def _whole(self, kind: int, raw: bytes, pos: int, end: int) -> bytes:
        try:
            text, stop = self._render[kind](raw, pos)
        except MALFORMED as reason:
            raise malformed(reason) from reason
        if stop != end:
            raise malformed(f"a value of {stop - pos} bytes where there are {end - pos}")
        return text

    def _values(self, raw: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
        end = end_of(raw, start)
        pos = start + 4
        while pos < end - 1:
            stop = raw.index(0, pos + 1)
            name = raw[pos + 1 : stop]
            text, pos = self._render[raw[pos]](raw, stop + 1)
            yield name, text
        if pos != end - 1:
            raise ValueError("a field runs over the end of its document")

    def _document(self, raw: bytes, pos: int) -> tuple[bytes, int]:
        fields = self._values(raw, pos)
        name = self._name
        texts = [name(key) + text for key, text in (fields if self._repeats else dict(fields).items())]
        return b"{%b}" % b",".join(texts), end_of(raw, pos)

    def _array(self, raw: bytes, pos: int) -> tuple[bytes, int]:
        return b"[%b]" % b",".join([text for _, text in self._values(raw, pos)]), end_of(raw, pos)

    def _code_with_scope(self, raw: bytes, pos: int) -> tuple[bytes, int]:
        code, scope = string(raw, pos + 4)
        text, stop = self._document(raw, scope)
        if stop != pos + _int32(raw, pos)[0]:
            raise ValueError("code with scope of a wrong length")
        return self._scoped % (code, text), stop


@lru_cache(4096)
def field_name(raw: bytes) -> bytes:
    return orjson.dumps(raw.decode()) + b":"


def double(raw: bytes, pos: int) -> tuple[bytes, int]:
    value: float = _float64(raw, pos)[0]
    if isfinite(value):
        return orjson.dumps(value), pos + 8
    text = b"NaN" if value != value else b"Infinity" if value > 0 else b"-Infinity"  # noqa: PLR0124 - the test for NaN
    return b'{"$numberDouble":"%b"}' % text, pos + 8


def string(raw: bytes, pos: int) -> tuple[bytes, int]:
    end: int = pos + 4 + _int32(raw, pos)[0]
    if end < pos + 5 or raw[end - 1] != 0:
        raise ValueError("a string of a wrong length")
    return orjson.dumps(raw[pos + 4 : end - 1].decode()), end


def binary_text(subtype: int, data: bytes) -> bytes:
    return b'{"$binary":{"base64":"%b","subType":"%02x"}}' % (b64encode(data), subtype)


def iso(ms: int) -> bytes:
    text = (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    return text.encode() + b"Z"


def date_text(ms: int) -> bytes:
    """A date, from milliseconds since 1970: ISO 8601 in the years 1970 to 9999, else the number."""
    if 0 <= ms <= _LAST_MS:
        return b'{"$date":"%b"}' % iso(ms)
    return b'{"$date":{"$numberLong":"%d"}}' % ms


def _binary(raw: bytes, pos: int) -> tuple[bytes, int]:
    subtype, data, end = binary(raw, pos)
    return binary_text(subtype, data), end


def binary(raw: bytes, pos: int) -> tuple[int, bytes, int]:
    """Subtype and bytes, and where they end."""
    length, subtype = _int32(raw, pos)[0], raw[pos + 4]
    start, end = pos + 5, pos + 5 + length
    if subtype == 2:  # noqa: PLR2004 - the old binary type repeats its length
        start += 4
        if _int32(raw, pos + 5)[0] != length - 4:
            raise ValueError("binary data of a wrong length")
    if not start <= end <= len(raw):
        raise ValueError("binary data of a wrong length")
    return subtype, raw[start:end], end


def _boolean(raw: bytes, pos: int) -> tuple[bytes, int]:
    if raw[pos] > 1:
        raise ValueError(f"a boolean of value {raw[pos]}")
    return b"true" if raw[pos] else b"false", pos + 1


def _regex(raw: bytes, pos: int) -> tuple[bytes, int]:
    pattern = raw.index(0, pos)
    options = raw.index(0, pattern + 1)
    return regex_text(raw[pos:pattern], bytes(sorted(raw[pattern + 1 : options]))), options + 1


def regex_text(pattern: bytes, options: bytes) -> bytes:
    texts = orjson.dumps(pattern.decode()), orjson.dumps(options.decode())
    return b'{"$regularExpression":{"pattern":%b,"options":%b}}' % texts


def _object_id(raw: bytes, pos: int) -> tuple[bytes, int]:
    digits, end = hexadecimal(raw, pos)
    return b'{"$oid":"%b"}' % digits, end


def hexadecimal(raw: bytes, pos: int) -> tuple[bytes, int]:
    """An ObjectId's digits."""
    end = pos + 12
    if end > len(raw):
        raise IndexError("an ObjectId runs over the end")
    return raw[pos:end].hex().encode(), end


def _pointer(raw: bytes, pos: int) -> tuple[bytes, int]:
    collection, pos = string(raw, pos)
    oid, end = _object_id(raw, pos)
    return b'{"$dbPointer":{"$ref":%b,"$id":%b}}' % (collection, oid), end


def _code(raw: bytes, pos: int) -> tuple[bytes, int]:
    text, end = string(raw, pos)
    return b'{"$code":%b}' % text, end


def _symbol(raw: bytes, pos: int) -> tuple[bytes, int]:
    text, end = string(raw, pos)
    return b'{"$symbol":%b}' % text, end


def _timestamp(raw: bytes, pos: int) -> tuple[bytes, int]:
    i, t = _uint32x2(raw, pos)
    return b'{"$timestamp":{"t":%d,"i":%d}}' % (t, i), pos + 8


def _decimal(raw: bytes, pos: int) -> tuple[bytes, int]:
    return b'{"$numberDecimal":"%b"}' % str(Decimal128.from_bid(raw[pos : pos + 16])).encode(), pos + 16


SCALARS: dict[int, Render] = {
    0x01: double,
    0x02: string,
    0x05: _binary,
    UNDEFINED: lambda _, pos: (b'{"$undefined":true}', pos),
    0x07: _object_id,
    0x08: _boolean,
    0x09: lambda raw, pos: (date_text(_int64(raw, pos)[0]), pos + 8),
    0x0A: lambda _, pos: (b"null", pos),
    REGEX: _regex,
    0x0C: _pointer,
    CODE: _code,
    SYMBOL: _symbol,
    0x10: lambda raw, pos: (b"%d" % _int32(raw, pos)[0], pos + 4),
    0x11: _timestamp,
    0x12: lambda raw, pos: (b"%d" % _int64(raw, pos)[0], pos + 8),
    0x13: _decimal,
    0x7F: lambda _, pos: (b'{"$maxKey":1}', pos),
    0xFF: lambda _, pos: (b'{"$minKey":1}', pos),
}

RELAXED = Dialect(SCALARS, field_name)
