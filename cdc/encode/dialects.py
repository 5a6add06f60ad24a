"""The dialects that documents are written in, by the names of the option `--json`; README.md has them in a table.

Canonical is MongoDB Extended JSON v2 with every type kept, relaxed has numbers and dates as people read them, plain is
what programs expect that know nothing of MongoDB: it tells an ObjectId and a string apart no more.
"""

from base64 import b64encode
from math import isfinite
from struct import unpack_from

import orjson
from bson import Decimal128

from cdc.encode.elements import CODE, DOUBLE, REGEX, SYMBOL, UNDEFINED
from cdc.encode.pure import RELAXED, SCALARS, Dialect, binary, double, field_name, hexadecimal, iso, string

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # of the years 1 to 9999


def _double(raw: bytes, pos: int) -> tuple[bytes, int]:
    text, end = double(raw, pos)
    return text if text.startswith(b"{") else b'{"$numberDouble":"%b"}' % text, end


def _date(raw: bytes, pos: int) -> tuple[bytes, int]:
    return b'{"$date":{"$numberLong":"%d"}}' % unpack_from("<q", raw, pos)[0], pos + 8


def _int32(raw: bytes, pos: int) -> tuple[bytes, int]:
    return b'{"$numberInt":"%d"}' % unpack_from("<i", raw, pos)[0], pos + 4


def _int64(raw: bytes, pos: int) -> tuple[bytes, int]:
    return b'{"$numberLong":"%d"}' % unpack_from("<q", raw, pos)[0], pos + 8


def _plain_double(raw: bytes, pos: int) -> tuple[bytes, int]:
    value: float = unpack_from("<d", raw, pos)[0]
    if isfinite(value):
        return orjson.dumps(value), pos + 8
    return b'"NaN"' if value != value else b'"Infinity"' if value > 0 else b'"-Infinity"', pos + 8  # noqa: PLR0124


def _plain_binary(raw: bytes, pos: int) -> tuple[bytes, int]:
    _, data, end = binary(raw, pos)
    return b'"%b"' % b64encode(data), end


def _plain_object_id(raw: bytes, pos: int) -> tuple[bytes, int]:
    digits, end = hexadecimal(raw, pos)
    return b'"%b"' % digits, end


def _plain_date(raw: bytes, pos: int) -> tuple[bytes, int]:
    ms: int = unpack_from("<q", raw, pos)[0]
    return b'"%b"' % iso(ms) if _FIRST_MS <= ms <= _LAST_MS else b"%d" % ms, pos + 8


def _plain_regex(raw: bytes, pos: int) -> tuple[bytes, int]:
    pattern = raw.index(0, pos)
    options = raw.index(0, pattern + 1)
    text = b"/%b/%b" % (raw[pos:pattern], bytes(sorted(raw[pattern + 1 : options])))
    return orjson.dumps(text.decode()), options + 1


def _plain_pointer(raw: bytes, pos: int) -> tuple[bytes, int]:
    collection, pos = string(raw, pos)
    oid, end = _plain_object_id(raw, pos)
    return b'{"ref":%b,"id":%b}' % (collection, oid), end


def _plain_timestamp(raw: bytes, pos: int) -> tuple[bytes, int]:
    i, t = unpack_from("<II", raw, pos)
    return b'{"t":%d,"i":%d}' % (t, i), pos + 8


def _plain_decimal(raw: bytes, pos: int) -> tuple[bytes, int]:
    return b'"%b"' % str(Decimal128.from_bid(raw[pos : pos + 16])).encode(), pos + 16


_CANONICAL = Dialect({**SCALARS, DOUBLE: _double, 0x09: _date, 0x10: _int32, 0x12: _int64}, field_name)
_PLAIN = Dialect(
    {
        **SCALARS,
        DOUBLE: _plain_double,
        0x05: _plain_binary,
        UNDEFINED: lambda _, pos: (b"null", pos),
        0x07: _plain_object_id,
        0x09: _plain_date,
        REGEX: _plain_regex,
        0x0C: _plain_pointer,
        CODE: string,
        SYMBOL: string,
        0x11: _plain_timestamp,
        0x13: _plain_decimal,
        0x7F: lambda _, pos: (b'"MaxKey"', pos),
        0xFF: lambda _, pos: (b'"MinKey"', pos),
    },
    field_name,
    scoped=b'{"code":%b,"scope":%b}',
)

DIALECTS = {"relaxed": RELAXED, "canonical": _CANONICAL, "plain": _PLAIN}
