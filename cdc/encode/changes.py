"""Change events as records.

https://www.mongodb.com/docs/manual/reference/change-events/
"""

import re
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from cdc.encode import walked
from cdc.encode.keys import quick_key
from cdc.encode.record import COLLECTION, DOCUMENT, NULL, Fields, Record, namespace, section
from cdc.encode.relaxed import dumps
from cdc.errors import UnknownOperation
from cdc.events import DOCUMENT_OPERATIONS, Namespace, Operation, Rejected

_OPERATIONS = {operation.value: operation for operation in Operation}
_IMAGES = ("event", "stored", "latest", "none")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - decoded dates are naive and UTC
_NO_PATHS = b',"paths":null}'
_MILLISECOND = timedelta(milliseconds=1)
_USER_DATA = re.compile(rb"\x03(?:%b)\x00" % b"|".join(sorted(map(str.encode, walked.USER_DATA))))


class Changes:
    """The events of a stream that was opened with the images of the options `full_document` and `before`."""

    def __init__(self, *, name: str, version: str, full_document: str, before: str) -> None:
        origin = {"name": name, "version": version}
        self._origin = orjson.dumps(origin)
        self._sources = {image: orjson.dumps(origin | {"snapshot": False, "image": image}) for image in _IMAGES}
        self._found = "latest" if full_document == "lookup" else "stored"
        self._before = before != "off"

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        operation = _operation(fields["operationType"])
        return (
            self._document(operation, raw, fields)
            if operation in DOCUMENT_OPERATIONS
            else self._collection(operation, fields)
        )

    def walk(self, raw: bytes) -> Fields:
        return walked.event(raw)

    def start(self, raw: bytes) -> int:
        """Behind the random bytes of the collection's UUID, which may look like anything."""
        found = _USER_DATA.search(raw)
        return found.start() if found else len(raw)

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        told = walked.remains(raw)
        operation = _operation(told["operationType"]) if "operationType" in told else "unknown"
        where, _ = _namespace(told.get("ns"))
        return Rejected(where, operation, told.get("documentKey"), told.get("_id", {}).get("_data", ""), reason)

    def _document(self, operation: Operation, raw: bytes, fields: Fields) -> tuple[Record, int]:
        where, ns = _namespace(fields["ns"])
        identity = fields["documentKey"]
        quick = quick_key(identity["_id"])
        key = quick or walked.event_key(raw)
        after = section(fields.get("fullDocument"))
        before = section(fields.get("fullDocumentBeforeChange")) if self._before else NULL
        update = _update(fields["updateDescription"]) if operation is Operation.UPDATE else NULL
        txn = _txn(fields)
        t, i, ms = _clock(fields)
        value = DOCUMENT % (
            operation.encode(),
            ns,
            quick if quick and len(identity) == 1 else dumps(identity),
            after,
            before,
            update,
            t,
            i,
            ms,
            txn,
            self._sources[self._image(operation, after, before)],
        )
        blanks = (after, before, update, txn).count(NULL) + update.endswith(_NO_PATHS)
        return (where, operation, key, value, ms, fields["_id"]["_data"]), blanks

    def _image(self, operation: Operation, after: bytes, before: bytes) -> str:
        """The weaker of how the two images were had: latest, stored, event."""
        if operation is Operation.UPDATE and after is not NULL:
            return self._found
        if before is not NULL:
            return "stored"
        return "none" if after is NULL else "event"

    def _collection(self, operation: Operation, fields: Fields) -> tuple[Record, int]:
        where, ns = _namespace(fields.get("ns"))
        to = _namespace(fields["to"])[1] if "to" in fields else NULL
        description = section(fields.get("operationDescription"))
        t, i, ms = _clock(fields)
        value = COLLECTION % (operation.encode(), ns, to, description, t, i, ms, self._origin)
        return (where, operation, ns, value, ms, fields["_id"]["_data"]), (to, description).count(NULL)


def _operation(name: str) -> Operation:
    """The operation of that name, else the end of the run: I5."""
    try:
        return _OPERATIONS[name]
    except KeyError:
        raise UnknownOperation(
            f"the server sent an event of operation type {name!r}, which this version of cdc does not know",
            hint="update cdc, or leave such events out on the server with --match",
        ) from None


def _namespace(ns: Fields | None) -> tuple[Namespace, bytes]:
    return namespace(ns["db"], ns.get("coll", "")) if ns else namespace("", "")


def _clock(fields: Fields) -> tuple[int, int, int]:
    """The cluster time's seconds and increment, and the wall time in milliseconds; before MongoDB 6.0 by the former."""
    time, wall = fields["clusterTime"], fields.get("wallTime")
    return time.time, time.inc, time.time * 1000 if wall is None else (wall - _EPOCH) // _MILLISECOND


def _txn(fields: Fields) -> bytes:
    if "lsid" not in fields:
        return NULL
    session = UUID(bytes=bytes(fields["lsid"]["id"]))
    return b'{"id":"%b","n":%d}' % (str(session).encode(), fields["txnNumber"])


def _update(description: Fields) -> bytes:
    return b'{"set":%b,"unset":%b,"truncated":%b,"paths":%b}' % (
        dumps(description["updatedFields"]),
        dumps(description["removedFields"]),
        dumps(description.get("truncatedArrays", [])),
        section(description.get("disambiguatedPaths")),
    )
