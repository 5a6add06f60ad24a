"""Values of columns in a form that is equal where they are, as they are written and as a database gives them back."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
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


def form(kind: Type) -> Callable[[Any], Value]:
    """Of a column of that type; null stays what it is."""
    text = _FORMS[type(kind)]
    return lambda value: None if value is None else text(value)


def _moment(value: datetime) -> str:
    return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()


def _day(value: date) -> str:
    return f"{value:%Y-%m-%d}"


def _json(value: object) -> str:
    """Its order of fields is the database's own."""
    found = json.loads(value) if isinstance(value, str | bytes) else value
    return json.dumps(found, sort_keys=True)


_FORMS: Mapping[type[Type], Form] = {
    Text: str,
    Id: str,
    Integer: lambda value: str(int(value)),
    BigInteger: lambda value: str(int(value)),
    Double: lambda value: repr(float(value)),
    Numeric: lambda value: str(Decimal(value).normalize()),
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
            return json.loads(value) if isinstance(value, str | bytes) else value
        case Integer() | BigInteger() | Double() | Boolean():
            return value
        case _:
            return form(kind)(value)
