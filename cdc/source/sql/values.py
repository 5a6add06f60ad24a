"""What a column's value becomes in BSON: as typed as BSON can, and the database's own text where it cannot."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from typing import Any
from uuid import UUID

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64

Convert = Callable[[Any], Any]

LARGEST_INT64 = 2**63 - 1
MOST_DEPTH = 100
"""Of documents within documents, in MongoDB too."""

_FLAGS = {0: False, 1: True}
_MOMENT = re.compile(r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:\+00(?::00)?)?")


class InexactError(ValueError):
    """BSON has no such value."""


def integer(value: int) -> Any:  # noqa: ANN401 - int64, and a decimal beyond it
    return Int64(value) if value <= LARGEST_INT64 else Decimal128(Decimal(value))


def flag(value: int) -> bool | int:
    """A tinyint(1), which can hold more than a boolean."""
    return _FLAGS.get(value, value)


def decimal(value: Decimal) -> Decimal128 | str:
    """Up to 34 digits a decimal; text where there are more."""
    try:
        return Decimal128(value)
    except DecimalException:
        return f"{value:f}"


def binary(value: bytes) -> bytes:
    return bytes(value)


def uuid(value: UUID | str) -> Binary:
    return Binary.from_uuid(value if isinstance(value, UUID) else UUID(value))


def members(value: str) -> list[str]:
    """Of a set."""
    return value.split(",") if value else []


def bit(value: str | bytes) -> bool:
    return value in {"1", b"\x01"}


def bits(width: int) -> Convert:
    """Zeros and ones: PostgreSQL's text, or made of MySQL's bytes."""

    def text(value: str | bytes) -> str:
        return value if isinstance(value, str) else f"{int.from_bytes(value, 'big'):0{width}b}"

    return text


def wall_time(value: str) -> str:
    """Date and time without a zone, in ISO 8601; what is no date, such as 0000-00-00, as it is."""
    found = _MOMENT.fullmatch(value)
    return f"{found[1]}T{found[2]}" if found else value


def moment(value: str) -> str:
    """Date and time in UTC, to the last digit; what is no date as it is."""
    found = _MOMENT.fullmatch(value)
    return f"{found[1]}T{found[2]}Z" if found else value


def date(value: str) -> datetime | str:
    """A BSON date, for columns that keep no more than its milliseconds; what is none as it is."""
    found = _MOMENT.fullmatch(value)
    with suppress(ValueError):
        if found:
            return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    return value


def document(text: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """JSON as BSON where that loses nothing, else its text."""
    try:
        return _bounded(
            json.loads(
                text, parse_float=_number, parse_int=_integer, parse_constant=_number, object_pairs_hook=_object
            ),
            MOST_DEPTH,
        )
    except (ValueError, ArithmeticError, RecursionError):
        return text


def elements(convert: Convert | None) -> Convert | None:
    """Of an array, in as many dimensions as it has."""
    if convert is None:
        return None

    def each(value: Any) -> Any:  # noqa: ANN401 - as above
        if value is None:
            return None
        return [each(inner) for inner in value] if isinstance(value, list) else convert(value)

    return each


def _integer(digits: str) -> int | Decimal128:
    value = int(digits)
    return value if -(2**63) <= value <= LARGEST_INT64 else _exactly(Decimal(digits))


def _number(digits: str) -> float | Decimal128:
    """A double where it is the same number, or the one that prints so."""
    value = float(digits)
    return value if Decimal(repr(value)) == Decimal(digits) else _exactly(Decimal(digits))


def _exactly(value: Decimal) -> Decimal128:
    try:
        return Decimal128(value)
    except DecimalException as error:
        raise InexactError from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs) or any("\0" in name for name in made):
        raise InexactError
    return made


def _bounded(value: Any, depth: int) -> Any:  # noqa: ANN401 - as above
    """The value, which is nested no deeper; surrogates are no text."""
    if depth < 0:
        raise InexactError
    if isinstance(value, str):
        value.encode()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bounded(inner, depth - 1)
    return value
