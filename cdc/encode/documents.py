"""Batches of raw BSON into columns of documents, still BSON: for a target that keeps documents, not events."""

from bson import Timestamp
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from cdc.encode import walked
from cdc.encode.elements import elements, malformed, unencodable
from cdc.encode.encoder import MISSHAPEN, columns, documents
from cdc.encode.keys import key_of
from cdc.encode.record import Record, opening
from cdc.errors import Unencodable
from cdc.events import DOCUMENT_OPERATIONS, Batch, Namespace, Operation, Records, Rejected

_OBJECT_ID = b"\x07_id\0"
_AT_HEAD = slice(4, 9)  # where such an `_id` begins a document, as it mostly does
_WITH_VALUE = slice(4, 21)


def encode(batch: Batch) -> Records:
    """A batch's records: the key is `{_id}`, the value the document as it now is, empty where it is gone; both BSON.

    What cannot become one is among `rejected`. `UnknownOperation` ends the run (I5).
    """
    one = _event if batch.namespace is None else _Row(batch.namespace, batch.position.time)
    made: list[Record] = []
    rejected: list[Rejected] = []
    for raw in documents(batch.raw):
        try:
            if batch.unread:
                raise unencodable(batch.unread)
            made.append(one(raw))
        except Unencodable as error:
            rejected.append(_rejected(batch.namespace, raw, str(error)))
    return columns(made, rejected)


class _Row:
    """Documents that were read from a collection, as of `time`."""

    def __init__(self, where: Namespace, time: Timestamp | None) -> None:
        self._where, self._operation, _ = opening(Operation.READ, *where)
        self._ms = 0 if time is None else time.time * 1000

    def __call__(self, raw: bytes) -> Record:
        return self._where, self._operation, _identity(raw), raw, self._ms, ""


def _event(raw: bytes) -> Record:
    try:
        event = RawBSONDocument(raw)
        ns = event.get("ns") or {}
        where, operation, _ = opening(event["operationType"], ns.get("db", ""), ns.get("coll", ""))
        key, value = b"", b""
        if operation in DOCUMENT_OPERATIONS:
            key = _identity(bytes(event["documentKey"].raw))
            document = event.get("fullDocument")
            value = b"" if document is None else bytes(document.raw)  # a view of it where it is large
        return where, operation, key, value, event["clusterTime"].time * 1000, event["_id"]["_data"]
    except (BSONError, ValueError) as reason:
        raise malformed(reason) from reason
    except MISSHAPEN as reason:
        raise unencodable(f"not the shape of a change event: {reason!r}") from reason


def _identity(raw: bytes) -> bytes:
    """The document with its `_id` alone."""
    if raw[_AT_HEAD] == _OBJECT_ID:
        return b"\x16\0\0\0%b\0" % raw[_WITH_VALUE]
    for element in elements(raw):
        if element.name == "_id":
            field = raw[element.start : element.end]
            return b"%b%b\0" % ((len(field) + 5).to_bytes(4, "little"), field)
    raise unencodable("the document has no _id")


def _rejected(where: Namespace | None, raw: bytes, reason: str) -> Rejected:
    """What can be told of bytes that cannot become a record; the key as JSON, as the letter of it has it."""
    if where is not None:
        try:
            key = key_of(raw)
        except Unencodable:
            key = None
        return Rejected(where, Operation.READ, key, "", reason)
    left = walked.remains(raw)
    operation = left.operation if left.operation is None else opening(left.operation, left.db, left.coll)[1]
    return Rejected(Namespace(left.db, left.coll), operation or "unknown", left.key, left.token, reason)
