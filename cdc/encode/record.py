"""One record as its form makes it, and what the forms share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import orjson

from cdc.encode.relaxed import dumps
from cdc.errors import UnknownOperation
from cdc.events import Namespace, Operation, Rejected

Fields = Mapping[str, Any]
"""A document's fields: values as decoded in C, or as JSON already (`orjson.Fragment`)."""

Record = tuple[Namespace, Operation, bytes, bytes, int, str]
"""One row of `Records`, in the order of its columns."""

Columns = tuple[list[Namespace], list[Operation], list[bytes], list[bytes], list[int], list[str]]
"""Those of `Records`."""

NULL = b"null"

_OPERATIONS = {operation.value: operation for operation in Operation}


class Native(Protocol):
    """The walk over a batch in Rust."""

    def columns(
        self, raw: bytes, odd: Callable[[bytes], Record | None], fits: Callable[[bytes], bool] | None, /
    ) -> Columns:
        """The batch's records: those of odd events as `odd` makes them, of the others those that `fits` wants."""
        ...


class Form(Protocol):
    """What a batch holds: change events, or documents that were read."""

    @property
    def after(self) -> str | None:
        """The field with the document as it is now; None where the whole is that document."""
        ...

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        """The record, and how many nulls its envelope has for what there is not."""
        ...

    def native(self, *, shared: bool) -> Native:
        """The walk in Rust; with `shared`, the keys have their namespace."""
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes: the pipeline's name and the version of `cdc`."""

    name: str
    version: str

    def closing(self, **more: object) -> bytes:
        """An envelope's last field, `source`, and its end."""
        return b',"source":%b}' % orjson.dumps({"name": self.name, "version": self.version, **more})


@lru_cache(1024)
def namespace(db: str, coll: str) -> tuple[Namespace, bytes]:
    """The one `Namespace` object of a collection, and its JSON."""
    found = Namespace(db, coll)
    return found, orjson.dumps(found._asdict())


@lru_cache(1024)
def opening(name: str, db: str, coll: str) -> tuple[Namespace, Operation, bytes]:
    """The namespace, the operation of that name, and the envelope up to the value of its third field; I5."""
    operation = _OPERATIONS.get(name)
    if operation is None:
        raise UnknownOperation(
            f"the server sent an event of operation type {name!r}, which this version of cdc does not know",
            hint="update cdc, or leave such events out on the server with --match",
        )
    found, ns = namespace(db, coll)
    return found, operation, b'{"v":1,"op":"%b","ns":%b,' % (operation.encode(), ns)


def clock(t: int, i: int, ms: int) -> bytes:
    return b'"ts":{"t":%d,"i":%d},"ts_ms":%d' % (t, i, ms)


def section(value: object) -> bytes:
    """A section of an envelope: JSON, or null where the event has none."""
    return NULL if value is None else dumps(value)
