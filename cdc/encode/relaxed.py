"""The fast way to the text of `pure.RELAXED`: the C decoder and orjson, wherever the two lose nothing.

They lose silently: symbols become strings, undefined becomes null, and orjson writes NaN and infinities as null.
`loses` finds these from the bytes. What else has no quick form, such as code, makes `dumps` raise.
"""

import re
from binascii import hexlify
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import bson
import orjson
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from orjson import Fragment

from cdc.encode.elements import DOUBLE, SYMBOL, UNDEFINED
from cdc.encode.pure import binary_text, date_text

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)

_FIRST_YEAR = 1970
_EXPONENT, _NEGATIVE_EXPONENT = 0x7F, 0xFF  # the last byte of an infinite double, and of NaN
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def decode(raw: bytes) -> dict[str, Any]:
    """A whole document; `bson.errors.InvalidBSON` where it is malformed."""
    return bson.decode(raw, OPTIONS)


def dumps(value: object) -> bytes:
    """The JSON of a decoded value; `orjson.JSONEncodeError` where only the walk over its bytes can tell."""
    return orjson.dumps(value, _render, _ORJSON)


def loses(raw: bytes, decoded: Mapping[str, Any], text: bytes, *, nulls: int, start: Callable[[bytes], int]) -> bool:
    """Whether decoding `raw`, or writing it as `text`, may have lost something; true at times where it has not.

    `nulls` is how many nulls `text` has that stand for nothing in `raw`, `start` tells where user data begins in it.
    The cheapest questions come first: a single byte that is not there rules a type out.
    """
    missing = text.count(b"null") > nulls
    symbol, undefined = SYMBOL in raw, missing and UNDEFINED in raw
    infinite = missing and (_EXPONENT in raw or _NEGATIVE_EXPONENT in raw)
    if not (symbol or undefined or infinite):
        return False
    begin = start(raw)
    if infinite and any(_INFINITES(raw, begin)):
        return True
    suspect = (symbol and _symbols(raw, begin)) or (undefined and any(_UNDEFINEDS(raw, begin)))
    return suspect and bson.encode(decoded, codec_options=OPTIONS) != raw


def _candidates(kind: int, value: bytes = b"") -> re.Pattern[bytes]:
    """Finds what may be fields of a type; the group is there where what follows looks like its value.

    A field is its type, a name, NUL and the value. All candidates before one NUL share what follows it, so the search
    may go on behind it: linear, whatever the text.
    """
    return re.compile(rb"\x%02x[^\x00]*+\x00(?=(%b)|)" % (kind, value), re.DOTALL)


def _symbols(raw: bytes, begin: int) -> bool:
    """Whether a candidate's value begins with a length that ends at a NUL."""
    for candidate in _SYMBOLS(raw, begin):
        pos = candidate.end() + 4
        end = pos + int.from_bytes(raw[pos - 4 : pos], "little")
        if end <= len(raw) and raw[end - 1] == 0:
            return True
    return False


_SYMBOLS = _candidates(SYMBOL).finditer
_INFINITES = _candidates(DOUBLE, rb".{6}[\xf0-\xff][\x7f\xff]").findall
_UNDEFINEDS = _candidates(UNDEFINED, rb"\x00*+(?:[\x01-\x13\x7f\xff]|\Z)").findall  # then the next field's type


def _render(value: object) -> Fragment | int:
    if isinstance(value, Int64):
        return int(value)
    kind = type(value)
    if kind is ObjectId:
        return Fragment(b'{"$oid":"%b"}' % hexlify(value.binary))  # type: ignore[attr-defined]
    return _RENDER[kind](value)


def _date(value: datetime) -> Fragment:
    if value.year < _FIRST_YEAR:
        return Fragment(date_text(int(DatetimeMS(value))))
    text = orjson.dumps(value)  # in quotes, with six digits of a second's fraction or none
    return Fragment(b'{"$date":%bZ"}' % text[: -4 if value.microsecond else -1])


_RENDER: dict[type, Callable[[Any], Fragment]] = {
    datetime: _date,
    DatetimeMS: lambda value: Fragment(date_text(int(value))),
    Decimal128: lambda value: Fragment(f'{{"$numberDecimal":"{value}"}}'),
    bytes: lambda value: Fragment(binary_text(0, value)),
    Binary: lambda value: Fragment(binary_text(value.subtype, value)),
    Timestamp: lambda value: Fragment(f'{{"$timestamp":{{"t":{value.time},"i":{value.inc}}}}}'),
    MinKey: lambda _: Fragment(b'{"$minKey":1}'),
    MaxKey: lambda _: Fragment(b'{"$maxKey":1}'),
}
