"""How far the polling of a collection has got, and what of it is not to be sent again.

MongoDB compares like with like, so each type that the increment field has is followed for itself.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from math import ceil, isnan, nan
from struct import Struct
from typing import Any

from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument

from cdc.source.raw import DOCUMENT, Field, fields, joined
from cdc.source.seen import Seen

TYPES = {
    1: "number", 16: "number", 18: "number", 19: "number", 2: "string", 5: "binData", 7: "objectId", 8: "bool",
    9: "date", 17: "timestamp",
}  # fmt: skip
"""The types that can grow, by their BSON number, as `$type` names them."""

_int32, _int64, _float64 = Struct("<i"), Struct("<q"), Struct("<d")
_increment_seconds, _seconds = Struct("<II"), Struct(">I")


TIMED: dict[str, Callable[[int], Field]] = {
    "date": lambda seconds: Field(9, b"", _int64.pack(seconds * 1000)),
    "objectId": lambda seconds: Field(7, b"", _seconds.pack(seconds) + bytes(8)),
    "timestamp": lambda seconds: Field(17, b"", _increment_seconds.pack(0, seconds)),
}
"""The least value of a second since 1970, of the types that tell the time."""


class Mark:
    """The largest value of one type.

    It is open to what comes late until a poll that began more than the lag after the value was reached is done.
    """

    def __init__(self, value: Field, collection: str) -> None:
        self.value = value
        self.since = time.monotonic()
        self.open = True
        self.seen = Seen(collection)

    def reach(self, value: Field) -> None:
        if rank(value) > rank(self.value):
            self.value, self.since, self.open = value, time.monotonic(), True

    def condition(self, lag: float) -> RawBSONDocument:
        """What is yet to be read, and while it is open what may have come late."""
        if not self.open:
            return RawBSONDocument(joined([("$gt", self.value)]))
        return RawBSONDocument(joined([("$gte", earlier(self.value, lag))]))

    def polled(self, begun: float, lag: float, met: set[bytes]) -> None:
        """A poll that began then and asked for all within the lag has met these."""
        self.seen.keep(met)
        self.open = begun - self.since <= lag


class Marks:
    """Of one collection, which is polled by the field `name`."""

    def __init__(self, collection: str, name: str, lag: float) -> None:
        self._collection = collection
        self._name = name
        self._lag = lag
        self._marks: dict[str, Mark] = {}
        self._others = Seen(collection)
        self._met: dict[str, set[bytes]] = {}
        self._begun = 0.0

    def restore(self, saved: Field) -> None:
        """From what `saved` gave."""
        for value in fields(saved.value):
            self._marks[value.name.decode()] = Mark(value, self._collection)

    def saved(self) -> Field:
        """As a document: the value by its type's name."""
        return Field(DOCUMENT, b"", joined((kind, mark.value) for kind, mark in self._marks.items()))

    def begin(self) -> dict[str, Any]:
        """The filter of the next poll: for each type what is new, and all of a type that has not been met."""
        self._begun = time.monotonic()
        self._met = {kind: set() for kind, mark in self._marks.items() if mark.open}
        unmet = sorted(set(TYPES.values()) - self._marks.keys())
        conditions = [{self._name: mark.condition(self._lag)} for mark in self._marks.values()]
        return {"$or": [*conditions, *([{self._name: {"$type": unmet}}] if unmet else [])]}

    def is_new(self, value: Field | None, identity: bytes, document: bytes) -> bool:
        """Whether a document that the poll gave is to be sent."""
        kind = TYPES.get(value.kind) if value else None
        if value is None or kind is None or rank(value) is None:
            return self._others.is_new(identity, document)
        self.reach(value)
        if kind in self._met:
            self._met[kind].add(identity)
        return self._marks[kind].seen.is_new(identity, document)

    def remember(self, value: Field, identity: bytes, document: bytes) -> None:
        """A document was sent by a load, and is not to be sent again by the next poll."""
        mark = self._marks.get(TYPES.get(value.kind, ""))
        if mark is not None and (place := rank(value)) is not None and place >= rank(earlier(mark.value, self._lag)):
            mark.seen.is_new(identity, document)

    def reach(self, value: Field) -> None:
        """This value was read; what is not a number is no mark, since nothing is larger."""
        kind = TYPES[value.kind]
        if kind in self._marks:
            self._marks[kind].reach(value)
        elif rank(value) is not None:
            self._marks[kind] = Mark(value, self._collection)

    def end(self) -> None:
        """Forget what the lag no longer reaches."""
        for kind, met in self._met.items():
            self._marks[kind].polled(self._begun, self._lag, met)


def rank(value: Field) -> Any:  # noqa: ANN401 - comparable within a type
    """By which values of one type compare as in MongoDB; None for those that are not a number."""
    raw = value.value
    match TYPES.get(value.kind):
        case "number":
            number = _number(value)
            return None if isnan(number) else number
        case "date":
            return _int64.unpack(raw)[0]
        case "timestamp":
            increment, seconds = _increment_seconds.unpack(raw)
            return seconds, increment
        case "binData":
            return _int32.unpack_from(raw)[0], raw[4:]
        case "string":
            return raw[4:]
        case _:
            return raw


def _number(value: Field) -> int | float | Decimal:
    match value.kind:
        case 1:
            double: float = _float64.unpack(value.value)[0]
            return double
        case 19:
            number = Decimal128.from_bid(value.value).to_decimal()
            return nan if number.is_nan() else number
        case _:
            return int.from_bytes(value.value, "little", signed=True)


def earlier(value: Field, seconds: float) -> Field:
    """The value at least so many seconds before, of a type that tells the time; any other as it is."""
    match TYPES[value.kind]:
        case "date":
            return value._replace(value=_int64.pack(max(-(2**63), rank(value) - ceil(seconds * 1000))))
        case "objectId":
            return TIMED["objectId"](max(0, _seconds.unpack_from(value.value)[0] - ceil(seconds)))
        case "timestamp":
            return TIMED["timestamp"](max(0, rank(value)[0] - ceil(seconds)))
        case _:
            return value
