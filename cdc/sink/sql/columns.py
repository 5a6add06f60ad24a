"""Whether a column of a database holds all that a type of a mapping may."""

from collections.abc import Mapping
from typing import Any

from cdc.config.sql import Dialect
from cdc.models import table as mapping

Found = Mapping[str, Any]
"""A column as `information_schema` tells it."""

_TYPES: dict[Dialect, dict[type[mapping.Type], frozenset[str]]] = {
    "mysql": {
        mapping.Text: frozenset({"varchar", "tinytext", "text", "mediumtext", "longtext"}),
        mapping.Id: frozenset({"char", "varchar"}),
        mapping.Integer: frozenset({"int", "bigint"}),
        mapping.BigInteger: frozenset({"bigint"}),
        mapping.Double: frozenset({"double"}),
        mapping.Numeric: frozenset({"decimal"}),
        mapping.Boolean: frozenset({"tinyint", "smallint", "int", "bigint"}),
        mapping.DateTime: frozenset({"datetime"}),
        mapping.Date: frozenset({"date"}),
        mapping.Binary: frozenset({"varbinary", "tinyblob", "blob", "mediumblob", "longblob"}),
        mapping.Uuid: frozenset({"char", "varchar", "uuid"}),
        mapping.Json: frozenset({"json", "longtext"}),
    },
    "postgresql": {
        mapping.Text: frozenset({"character varying", "text"}),
        mapping.Id: frozenset({"character varying", "text"}),
        mapping.Integer: frozenset({"integer", "bigint"}),
        mapping.BigInteger: frozenset({"bigint"}),
        mapping.Double: frozenset({"double precision"}),
        mapping.Numeric: frozenset({"numeric"}),
        mapping.Boolean: frozenset({"boolean"}),
        mapping.DateTime: frozenset({"timestamp with time zone"}),
        mapping.Date: frozenset({"date"}),
        mapping.Binary: frozenset({"bytea"}),
        mapping.Uuid: frozenset({"uuid"}),
        mapping.Json: frozenset({"jsonb", "json"}),
    },
}
_LARGEST = 2**24 - 1
"""Bytes that a column without a limit must take: more than any document has."""

_DIGITS = 3  # of a second
_UUID = 36


def misfit(wanted: mapping.Type, there: Found, dialect: Dialect, *, key: bool) -> str | None:
    """What is wrong, as the end of a sentence about the column; None where it holds all."""
    kind = str(there["data_type"]).lower()
    told = str(there.get("column_type") or kind)
    fitting = _TYPES[dialect][type(wanted)]
    if kind not in fitting or "unsigned" in told or "zerofill" in told:
        return f"is {told}, not {' or '.join(sorted(fitting))}"
    if short := _short(wanted, there):
        return f"is too short: {short}"
    return _charset(wanted, there, key=key) if dialect == "mysql" else None


def _short(wanted: mapping.Type, there: Found) -> str | None:
    match wanted:
        case mapping.Text(size=size) | mapping.Id(size=size):
            return _length(there, size, "characters")
        case mapping.Uuid():
            return _length(there, _UUID, "characters")
        case mapping.Binary(size=size):
            return _length(there, size, "bytes")
        case mapping.DateTime():
            digits = there["datetime_precision"]
            return f"{digits} digits of a second, not {_DIGITS}" if digits < _DIGITS else None
        case mapping.Double() | mapping.Numeric():
            return _digits(wanted, there["numeric_precision"], there["numeric_scale"])
    return None


def _digits(wanted: mapping.Double | mapping.Numeric, digits: int | None, behind: int | None) -> str | None:
    """A double has no scale; one of MySQL's that has is rounded to it."""
    if digits is None or behind is None:
        return None
    if isinstance(wanted, mapping.Double):
        return f"{digits}, {behind} digits, not a double's"
    if behind < wanted.scale or digits - behind < wanted.precision - wanted.scale:
        return f"{digits}, {behind} digits, not {wanted.precision}, {wanted.scale}"
    return None


def _length(there: Found, size: int | None, unit: str) -> str | None:
    """A length is told in characters, but that of MySQL's `text` and `blob` in bytes."""
    length = there["character_maximum_length"]
    if length is None:
        return None
    in_bytes = unit == "characters" and str(there["data_type"]).endswith("text")
    if size is None:
        return f"{length} {'bytes' if in_bytes else unit}, not {_LARGEST}" if length < _LARGEST else None
    least = size * 4 if in_bytes else size
    return f"{length} {'bytes' if in_bytes else unit}, not {least}" if length < least else None


def _charset(wanted: mapping.Type, there: Found, *, key: bool) -> str | None:
    if not isinstance(wanted, mapping.Text | mapping.Id | mapping.Json):
        return None
    if there["character_set_name"] not in {"utf8mb4", None}:
        return f"has the character set {there['character_set_name']}, not utf8mb4"
    if key and not isinstance(wanted, mapping.Json) and not str(there["collation_name"]).endswith("_bin"):
        return f"has the collation {there['collation_name']}, which takes different keys for one, not utf8mb4_bin"
    return None
