"""Events by the walk over their bytes: for those the fast way cannot write, and for what is left of a broken one."""

from contextlib import suppress
from struct import pack
from typing import Any, NamedTuple

from bson.errors import BSONError
from orjson import Fragment

from cdc.encode.elements import DOCUMENT, Element, elements, malformed, unencodable
from cdc.encode.keys import key_of
from cdc.encode.pure import RELAXED, Dialect
from cdc.encode.relaxed import decode
from cdc.errors import Unencodable

DOCUMENTS = {"fullDocument", "fullDocumentBeforeChange", "documentKey", "updatedFields"}
USER_DATA = {"fullDocument", "fullDocumentBeforeChange", "documentKey", "updateDescription", "operationDescription"}


def event(raw: bytes, dialect: Dialect) -> dict[str, Any]:
    """The event's fields: the server's as decoded, user data as JSON; `Unencodable` where it is malformed.

    The documents in it are in the dialect, what the server says of them is relaxed.
    """
    fields: dict[str, Any] = {}
    server = []
    for element in elements(raw):
        if element.name in USER_DATA and element.kind == DOCUMENT:
            fields[element.name] = _section(raw, element, dialect)
        else:
            server.append(raw[element.start : element.end])
    try:
        return fields | _decode(b"".join(server))
    except BSONError as reason:
        raise malformed(reason) from reason


def document(raw: bytes, dialect: Dialect) -> dict[str, Fragment]:
    """A document's fields as JSON; `Unencodable` where it is malformed."""
    return {element.name: Fragment(dialect.field(raw, element)) for element in elements(raw)}


def _section(raw: bytes, section: Element, dialect: Dialect) -> dict[str, Fragment]:
    def written(element: Element) -> bytes:
        told = dialect if {section.name, element.name} & DOCUMENTS else RELAXED
        return told.field(raw, element)

    return {element.name: Fragment(written(element)) for element in elements(raw, section.value)}


def event_key(raw: bytes) -> bytes:
    """The Kafka key of the document an event is about; `Unencodable` where it names none."""
    for element in elements(raw):
        if element.name == "documentKey" and element.kind == DOCUMENT:
            return key_of(raw, element.value)
    raise unencodable("the event names no document")


class Remains(NamedTuple):
    """What a broken event still tells of itself; empty or None what it does not."""

    db: str
    coll: str
    operation: str | None
    key: bytes | None
    token: str


def remains(raw: bytes) -> Remains:
    """Reads on as far as it goes; the length may be broken too, so it is taken from what there is."""
    told: dict[str, Any] = {}
    key = None
    whole = pack("<i", len(raw) + 1) + raw[4:] + b"\0"
    with suppress(Unencodable):
        for element in elements(whole):
            with suppress(BSONError, Unencodable):
                if element.name == "documentKey" and element.kind == DOCUMENT:
                    key = key_of(whole, element.value)
                elif element.name in {"_id", "operationType", "ns"}:
                    told |= _decode(whole[element.start : element.end])
    return Remains(
        _text(told, "ns", "db") or "",
        _text(told, "ns", "coll") or "",
        _text(told, "operationType"),
        key,
        _text(told, "_id", "_data") or "",
    )


def _text(fields: object, *path: str) -> str | None:
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields if type(fields) is str else None  # `Code` is one too


def _decode(fields: bytes) -> dict[str, Any]:
    return decode(pack("<i", len(fields) + 5) + fields + b"\0")
