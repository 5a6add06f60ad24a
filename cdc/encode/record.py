"""One record as its form makes it, and what the forms share."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import orjson

from cdc.encode.relaxed import dumps
from cdc.events import Namespace, Operation, Rejected

Fields = Mapping[str, Any]
"""A document's fields: values as decoded in C, or as JSON already (`orjson.Fragment`)."""

Record = tuple[Namespace, Operation, bytes, bytes, int, str]
"""One row of `Records`, in the order of its columns."""

NULL = b"null"

DOCUMENT = (
    b'{"v":1,"op":"%b","ns":%b,"key":%b,"after":%b,"before":%b,"update":%b,'
    b'"ts":{"t":%d,"i":%d},"ts_ms":%d,"txn":%b,"source":%b}'
)
COLLECTION = b'{"v":1,"op":"%b","ns":%b,"to":%b,"description":%b,"ts":{"t":%d,"i":%d},"ts_ms":%d,"source":%b}'


class Form(Protocol):
    """What a batch holds: change events, or documents that were read."""

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        """The record, and how many nulls its envelope has for what there is not."""
        ...

    def walk(self, raw: bytes) -> Fields:
        """The fields by the walk over the bytes, user data as JSON; `Unencodable` where they are malformed."""
        ...

    def start(self, raw: bytes) -> int:
        """Where user data begins."""
        ...

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        """What can be told of bytes that cannot become a record."""
        ...


@lru_cache(1024)
def namespace(db: str, coll: str) -> tuple[Namespace, bytes]:
    """The one `Namespace` object of a collection, and its JSON."""
    found = Namespace(db, coll)
    return found, orjson.dumps(found._asdict())


def section(value: object) -> bytes:
    """A section of an envelope: JSON, or null where the event has none."""
    return NULL if value is None else dumps(value)
