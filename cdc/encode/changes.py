"""Change events as records.

https://www.mongodb.com/docs/manual/reference/change-events/
"""

import re
from datetime import datetime, timedelta
from uuid import UUID

from cdc.compiled import native
from cdc.encode import walked
from cdc.encode.dialects import DIALECTS
from cdc.encode.keys import quick_key
from cdc.encode.record import NULL, Fields, Native, Origin, Record, clock, namespace, opening, section
from cdc.encode.relaxed import dumps
from cdc.events import DOCUMENT_OPERATIONS, Namespace, Operation, Rejected

_UPDATE = Operation.UPDATE
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - decoded dates are naive and UTC
_NO_PATHS = b',"paths":null}'
_MILLISECOND = timedelta(milliseconds=1)
_USER_DATA = re.compile(rb"\x03(?:%b)\x00" % b"|".join(sorted(map(str.encode, walked.USER_DATA))))


class Changes:
    """The events of a stream that was opened with the images of the options `full_document` and `before`.

    The documents are written in the `dialect` of that name.
    """

    after = "fullDocument"

    def __init__(self, origin: Origin, *, full_document: str, before: str, dialect: str) -> None:
        self._dialect = dialect
        self._closing = origin.closing()
        self._images = {
            image: origin.closing(snapshot=False, image=image)
            for image in ("event", "exact", "stored", "latest", "none")
        }
        self._found = "latest" if full_document == "lookup" else "stored"
        self._before = before != "off"

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        form = self._document if fields["operationType"] in DOCUMENT_OPERATIONS else self._collection
        return form(raw, fields)

    def native(self, *, shared: bool) -> Native:
        return native.Changes(
            dialect=self._dialect,
            found=self._found,
            images=self._images,
            before=self._before,
            shared=shared,
            namespace=Namespace,
            operation=Operation,
        )

    def walk(self, raw: bytes) -> Fields:
        return walked.event(raw, DIALECTS[self._dialect])

    def start(self, raw: bytes) -> int:
        """Behind the random bytes of the collection's UUID, which may look like anything."""
        found = _USER_DATA.search(raw)
        return found.start() if found else len(raw)

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        left = walked.remains(raw)
        if left.operation is None:
            return Rejected(namespace(left.db, left.coll)[0], "unknown", left.key, left.token, reason)
        where, operation, _ = opening(left.operation, left.db, left.coll)
        return Rejected(where, operation, left.key, left.token, reason)

    def _document(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        ns, identity = fields["ns"], fields["documentKey"]
        where, operation, head = opening(fields["operationType"], ns["db"], ns["coll"])
        quick = quick_key(identity["_id"])
        key = quick or walked.event_key(raw)
        after = section(fields.get("fullDocument"))
        before = section(fields.get("fullDocumentBeforeChange")) if self._before else NULL
        update = _update(fields["updateDescription"]) if operation is _UPDATE else NULL
        txn = _txn(fields) if "lsid" in fields else NULL
        ms, ts = _clock(fields)
        value = b"".join(
            (
                head,
                b'"key":',
                quick if quick and len(identity) == 1 else dumps(identity),
                b',"after":',
                after,
                b',"before":',
                before,
                b',"update":',
                update,
                b",",
                ts,
                b',"txn":',
                txn,
                self._images[self._image(operation, after, before, fields.get("imageRead"))],
            )
        )
        blanks = (after, before, update, txn).count(NULL) + update.endswith(_NO_PATHS)
        return (where, operation, key, value, ms, fields["_id"]["_data"]), blanks

    def _image(self, operation: Operation, after: bytes, before: bytes, read: str | None) -> str:
        """How the images were had: as the source says of those that it `read`, else as the stream was opened."""
        if after is NULL and before is NULL:
            return "none"
        if read is not None:
            return read
        if operation is _UPDATE and after is not NULL:
            return self._found
        return "event" if before is NULL else "stored"

    def _collection(self, raw: bytes, fields: Fields) -> tuple[Record, int]:  # noqa: ARG002 - the shape of `_document`
        ns = fields.get("ns", {})
        where, operation, head = opening(fields["operationType"], ns.get("db", ""), ns.get("coll", ""))
        _, key = namespace(*where)
        to = NULL
        if "to" in fields:
            _, to = namespace(fields["to"]["db"], fields["to"]["coll"])
        description = section(fields.get("operationDescription"))
        ms, ts = _clock(fields)
        value = b'%b"to":%b,"description":%b,%b%b' % (head, to, description, ts, self._closing)
        return (where, operation, key, value, ms, fields["_id"]["_data"]), (to, description).count(NULL)


def _clock(fields: Fields) -> tuple[int, bytes]:
    """The wall time in milliseconds, before MongoDB 6.0 from the cluster time, and both as the envelope has them."""
    time, wall = fields["clusterTime"], fields.get("wallTime")
    ms = time.time * 1000 if wall is None else (wall - _EPOCH) // _MILLISECOND
    return ms, clock(time.time, time.inc, ms)


def _txn(fields: Fields) -> bytes:
    session = UUID(bytes=bytes(fields["lsid"]["id"]))
    return b'{"id":"%b","n":%d}' % (str(session).encode(), fields["txnNumber"])


def _update(description: Fields) -> bytes:
    return b'{"set":%b,"unset":%b,"truncated":%b,"paths":%b}' % (
        dumps(description["updatedFields"]),
        dumps(description["removedFields"]),
        dumps(description.get("truncatedArrays", [])),
        section(description.get("disambiguatedPaths")),
    )
