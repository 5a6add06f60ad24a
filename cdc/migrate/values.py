"""Values of columns in a form that is equal where they are, as they are written and as a database gives them back."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any

from cdc.migrate.differences import Value
from cdc.models.table import (
    BigInteger,
    Binary,
    Boolean,
    Date,
    DateTime,
    Double,
    Id,
    Integer,
    Json,
    Numeric,
    Text,
    Type,
    Uuid,
)

Form = Callable[[Any], str]

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def form(kind: Type) -> Callable[[Any], Value]:
    """Of a column of that type; null stays what it is."""
    text = _FORMS[type(kind)]
    return lambda value: None if value is None else text(value)


def _moment(value: datetime) -> str:
    return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()


def _day(value: date) -> str:
    return f"{value:%Y-%m-%d}"


def _number(value: Decimal | str) -> Decimal:
    """The same for all that are equal, to the last digit."""
    return Decimal(value).normalize(_EXACT) or Decimal()


def _json(text: str) -> str:
    """The order of its fields and how its numbers are written are the database's own."""
    return repr(json.loads(text, parse_int=_number, parse_float=_number, object_pairs_hook=_ordered))


def _ordered(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(dict(fields).items()))


_FORMS: Mapping[type[Type], Form] = {
    Text: str,
    Id: str,
    Integer: lambda value: str(int(value)),
    BigInteger: lambda value: str(int(value)),
    Double: lambda value: repr(float(value) or 0.0),
    Numeric: lambda value: f"{_number(value):f}",
    Boolean: lambda value: str(bool(value)),
    DateTime: _moment,
    Date: _day,
    Binary: lambda value: bytes(value).hex(),
    Uuid: str,
    Json: _json,
}


def shown(kind: Type, value: object) -> object:
    """As JSON has it."""
    match kind:
        case Json():
            return value if value is None else json.loads(str(value))
        case Integer() | BigInteger() | Double() | Boolean():
            return value
        case _:
            return form(kind)(value)
