"""Values of documents as values of columns: nothing is cut short, rounded or taken for another."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from functools import partial
from math import isfinite
from typing import Any
from uuid import UUID

import orjson
from bson import Binary, Code, Decimal128, Int64, ObjectId, json_util
from bson.binary import UuidRepresentation
from bson.datetime_ms import DatetimeMS
from bson.json_util import JSONMode, JSONOptions

from cdc.config.sql import Dialect
from cdc.models import table as mapping

Convert = Callable[[Any], Any]

_HEX = re.compile("[0-9a-f]{24}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_FIRST_YEAR = 1000  # of MySQL's DATETIME
_EXACT = Context(prec=40)  # more digits than a Decimal128 has
_UUID = 4  # the subtype of Binary
_RELAXED = JSONOptions(json_mode=JSONMode.RELAXED, uuid_representation=UuidRepresentation.STANDARD, tz_aware=True)
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


class RefusedError(ValueError):
    """Why a column does not take a value, without the value."""


def converter(column: mapping.Type, dialect: Dialect, *, key: bool = False) -> Convert:
    """Makes a column's values from those of documents that are not null; raises `RefusedError`."""
    mysql = dialect == "mysql"
    made: Convert
    match column:
        case mapping.Text(size=size):
            made = partial(_text, size=size, nul=mysql, padded=key and mysql)
        case mapping.Id(size=size):
            made = partial(_id, size=size, nul=mysql, padded=mysql)
        case mapping.Numeric(precision=precision, scale=scale):
            made = partial(_decimal, precision=precision, scale=scale)
        case mapping.Binary(size=size):
            made = partial(_binary, size=size)
        case mapping.DateTime():
            made = partial(_datetime, first=_FIRST_YEAR if mysql else 1)
        case mapping.Date():
            made = partial(_date, first=_FIRST_YEAR if mysql else 1)
        case mapping.Json():
            made = partial(_json, nul=mysql)
        case _:
            made = _PLAIN[type(column)]
    return made


def _text(value: object, *, size: int | None, nul: bool, padded: bool) -> str:
    if type(value) is not str:
        raise _not("a text", value)
    if size is not None and len(value) > size:
        raise RefusedError(f"has {len(value)} characters, the column takes {size}")
    if not nul and "\0" in value:
        raise RefusedError("holds U+0000, which PostgreSQL does not take")
    if padded and value.endswith(" "):
        raise RefusedError("ends with a space, by which MySQL tells no keys apart")
    return value


def _id(value: object, *, size: int, nul: bool, padded: bool) -> str:
    if type(value) is ObjectId:
        return str(value)
    text = _text(value, size=size, nul=nul, padded=padded)
    if _HEX.fullmatch(text):
        raise RefusedError("is a text that looks like an ObjectId, and would be taken for it")
    return text


def _integer(value: object, *, bits: int) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int and type(value) is not Int64:
        raise _not("an integer", value)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise RefusedError(f"is beyond {bits} bits")
    return int(value)


def _double(value: object) -> float:
    number = value
    if type(value) is int or type(value) is Int64:
        number = float(value)
    if type(number) is not float:
        raise _not("a number", value)
    if not isfinite(number):
        raise RefusedError("is not finite")
    if number != value:
        raise RefusedError("is an integer that no double holds exactly")
    return number


def _decimal(value: object, *, precision: int, scale: int) -> Decimal:
    if type(value) is Decimal:  # a default
        number = value
    elif type(value) is Decimal128:
        number = value.to_decimal()
    elif type(value) is int or type(value) is Int64:
        number = Decimal(value)
    elif type(value) is float:
        number = Decimal(repr(value))
    else:
        raise _not("a number", value)
    if not number.is_finite():
        raise RefusedError("is not finite")
    _, digits, exponent = number.normalize(_EXACT).as_tuple()
    if number and (-int(exponent) > scale or len(digits) + int(exponent) > precision - scale):
        raise RefusedError(f"needs more digits than the column's {precision}, {scale} of them behind the point")
    return number


def _boolean(value: object) -> bool:
    if type(value) is not bool:
        raise _not("true or false", value)
    return value


def _datetime(value: object, *, first: int) -> datetime:
    if isinstance(value, DatetimeMS) or (isinstance(value, datetime) and value.year < first):
        raise RefusedError(f"is beyond the years {first} to 9999")
    if not isinstance(value, datetime):
        raise _not("a date", value)
    return value


def _date(value: object, *, first: int) -> date:
    moment = _datetime(value, first=first)
    if moment.astimezone(UTC).time() != time():
        raise RefusedError("is not at midnight, UTC")
    return moment.date()


def _binary(value: object, *, size: int | None) -> bytes:
    if type(value) is not bytes and type(value) is not Binary:
        raise _not("binary", value)
    if size is not None and len(value) > size:
        raise RefusedError(f"has {len(value)} bytes, the column takes {size}")
    return bytes(value)


def _uuid(value: object) -> str:
    if type(value) is not Binary or value.subtype != _UUID:
        raise _not("a UUID", value)
    return str(UUID(bytes=bytes(value)))


def _json(value: object, *, nul: bool) -> str:
    text = orjson.dumps(value, _extended, _ORJSON)
    if b"null" in text and not _finite(value):  # orjson writes it in place of such a number
        text = _exact(value)
    if not nul and _NUL.search(text):
        raise RefusedError("holds U+0000, which PostgreSQL does not take")
    return text.decode()


def _finite(value: object) -> bool:
    """Whether all numbers within are."""
    if type(value) is float:
        return isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_finite, inner))


def _extended(value: object) -> int | orjson.Fragment:
    if type(value) is Int64:
        return int(value)
    return orjson.Fragment(_exact(value))


def _exact(value: object) -> bytes:
    return json_util.dumps(value, json_options=_RELAXED, ensure_ascii=False, separators=(",", ":")).encode()


def _not(what: str, value: object) -> RefusedError:
    found = _KINDS.get(type(value), type(value).__name__)
    return RefusedError(f"is {found}, not {what}")


_KINDS: dict[type, str] = {
    bool: "true or false",
    bytes: "binary",
    Binary: "binary",
    Code: "code",
    datetime: "a date",
    Decimal128: "a decimal",
    dict: "a document",
    float: "a double",
    int: "an integer",
    Int64: "an integer",
    list: "an array",
    ObjectId: "an ObjectId",
    str: "a text",
}

_PLAIN: dict[type[mapping.Type], Convert] = {
    mapping.Integer: partial(_integer, bits=32),
    mapping.BigInteger: partial(_integer, bits=64),
    mapping.Double: _double,
    mapping.Boolean: _boolean,
    mapping.Uuid: _uuid,
}
