"""The Kafka key: `{"_id":…}`, the same bytes for the same document and for no other (I4).

MongoDB compares numbers by value whatever their type, and a replace may change the type of an `_id`: 1, 1.0 and
NumberDecimal("1.00") are one document. So numbers have one spelling here: integers in the range of int64 as digits,
what a double holds exactly as Python's `repr` of it (orjson's spelling changes with its version), the rest as
normalised decimals. A symbol equals the string of its text. A field name inside `_id` that begins with `$` gets one
more, so that no document looks like an ObjectId, and one that is repeated stays repeated: to MongoDB that is another
document.
"""

from binascii import hexlify
from decimal import Context, Decimal
from math import isfinite, nan
from struct import pack, unpack_from

import orjson
from bson import Binary, Decimal128, Int64, ObjectId

from cdc.encode.elements import REGEX, SYMBOL, elements, unencodable
from cdc.encode.pure import SCALARS, Dialect, binary_text, double, field_name, regex_text, string
from cdc.events import Namespace

_INT64 = 2**63
_DECIMAL128 = Context(prec=34)


def quick_key(value: object) -> bytes | None:
    """The key of a decoded `_id` of the commonest types, or None where `key_of` must read its bytes.

    For these the key is also the relaxed JSON of the document `{_id: value}`.
    """
    kind = type(value)
    if kind is ObjectId:
        return b'{"_id":{"$oid":"%b"}}' % hexlify(value.binary)  # type: ignore[attr-defined]
    if kind is str:
        return b'{"_id":%b}' % orjson.dumps(value)
    if kind is int or kind is Int64:
        return b'{"_id":%d}' % value  # type: ignore[str-format]
    if kind is Binary:
        return b'{"_id":%b}' % binary_text(value.subtype, value)  # type: ignore[attr-defined,arg-type]
    return None


def key_of(raw: bytes, start: int = 0) -> bytes:
    """The key of the document at `start`; `Unencodable` where it is malformed or has no `_id`."""
    for element in elements(raw, start):
        if element.name == "_id":
            return b'{"_id":%b}' % _KEY.field(raw, element)
    raise unencodable("the document has no _id")


def within(where: Namespace, key: bytes) -> bytes:
    """The key for a topic that several collections share: `{"ns":…,"_id":…}`."""
    return b'{"ns":%b,%b' % (orjson.dumps(where._asdict()), key[1:])


def _name(raw: bytes) -> bytes:
    return field_name(b"$" + raw if raw.startswith(b"$") else raw)


def _double(raw: bytes, pos: int) -> tuple[bytes, int]:
    value: float = unpack_from("<d", raw, pos)[0]
    return (_number(value), pos + 8) if isfinite(value) else double(raw, pos)


def _decimal(raw: bytes, pos: int) -> tuple[bytes, int]:
    end = pos + 16
    value = Decimal128.from_bid(raw[pos:end]).to_decimal()
    if value.is_finite():
        return _number(value), end
    return double(pack("<d", nan if value.is_nan() else float(value)), 0)[0], end


def _number(value: float | Decimal) -> bytes:
    if -_INT64 <= value < _INT64 and value == int(value):
        return b"%d" % int(value)
    if value == float(value):
        return repr(float(value)).encode()
    return b'{"$numberDecimal":"%b"}' % str(Decimal(value).normalize(_DECIMAL128)).encode()


def _regex(raw: bytes, pos: int) -> tuple[bytes, int]:
    pattern = raw.index(0, pos)
    options = raw.index(0, pattern + 1)
    return regex_text(raw[pos:pattern], raw[pattern + 1 : options]), options + 1


_KEY = Dialect({**SCALARS, 0x01: _double, REGEX: _regex, SYMBOL: string, 0x13: _decimal}, _name, repeats=True)
