"""A place in a table, as the increment and the primary key of a row, and how it is kept."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

from cdc.source.sql.values import LARGEST_INT64

_NUMBER = "number"
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


class Place(NamedTuple):
    """Values as the database gave them, by which it is asked again."""

    by: Any
    key: tuple[Any, ...]

    def saved(self) -> dict[str, Any]:
        return {"by": kept(self.by), "key": [kept(value) for value in self.key]}

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Place":
        return cls(given_back(saved["by"]), tuple(given_back(value) for value in saved["key"]))

    def encoded(self) -> bytes:
        return encoded(self.saved())

    @classmethod
    def decoded(cls, raw: bytes) -> "Place":
        return cls.restored(decoded(raw))


def encoded(document: dict[str, Any]) -> bytes:
    return bson.encode(document, codec_options=_OPTIONS)


def decoded(raw: bytes) -> dict[str, Any]:
    return bson.decode(raw, codec_options=_OPTIONS)


def kept(value: Any) -> Any:  # noqa: ANN401 - of any type
    """As BSON that gives back the very value: a number of many digits is their text."""
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) > LARGEST_INT64):
        return {_NUMBER: str(value)}
    return value


def given_back(value: Any) -> Any:  # noqa: ANN401 - as above
    match value:
        case dict():
            return Decimal(value[_NUMBER])
        case int() if not isinstance(value, bool):
            return int(value)
        case bytes() | str() | UUID() | None:
            return value
    raise ValueError("no value of a place")
