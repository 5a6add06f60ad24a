"""What a record says, in the words of each of those who wrote it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Message


class Change(NamedTuple):
    """`kind` is r, c, u or d, as Debezium has it; `identity` is the document's `_id`, an ObjectId in hexadecimal."""

    identity: str
    kind: str
    after: bool
    before: bool


Parse = Callable[[Message], Change]
"""Of a record that is not a tombstone."""

_CDC = {"read": "r", "insert": "c", "update": "u", "delete": "d"}
_MONGODB = {"insert": "c", "update": "u", "delete": "d"}


def cdc(message: Message) -> Change:
    value = _value(message)
    identity = value["key"]["_id"]["$oid"]
    return Change(identity, _CDC[value["op"]], value["after"] is not None, value["before"] is not None)


def debezium(message: Message) -> Change:
    value = _value(message)
    identity = orjson.loads(orjson.loads(message.key() or b"")["id"])["$oid"]
    return Change(identity, value["op"], value["after"] is not None, value["before"] is not None)


def mongodb(message: Message) -> Change:
    value = _value(message)
    identity = value["documentKey"]["_id"]
    kind = "r" if "copyingData" in value["_id"] else _MONGODB[value["operationType"]]
    found = (value.get(image) is not None for image in ("fullDocument", "fullDocumentBeforeChange"))
    return Change(identity if isinstance(identity, str) else identity["$oid"], kind, *found)


def _value(message: Message) -> Any:  # noqa: ANN401 - JSON
    return orjson.loads(message.value() or b"")
