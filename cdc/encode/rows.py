"""Documents that were read, as records."""

from bson import Timestamp

from cdc.encode import walked
from cdc.encode.keys import key_of, quick_key
from cdc.encode.record import DOCUMENT, NULL, Fields, Record, namespace
from cdc.encode.relaxed import dumps
from cdc.errors import Unencodable
from cdc.events import Namespace, Operation, Rejected


class Rows:
    """The documents of one collection as of `time`; `source` is their envelope's, as JSON."""

    def __init__(self, read: Namespace, time: Timestamp, source: bytes) -> None:
        self._namespace, self._ns = namespace(*read)
        self._time = time
        self._source = source

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        t, i = self._time.time, self._time.inc
        quick = quick_key(fields.get("_id"))
        key = quick or key_of(raw)
        value = DOCUMENT % (
            b"read",
            self._ns,
            quick or dumps({"_id": fields["_id"]}),
            dumps(fields),
            NULL,
            NULL,
            t,
            i,
            t * 1000,
            NULL,
            self._source,
        )
        return (self._namespace, Operation.READ, key, value, t * 1000, ""), 3

    def walk(self, raw: bytes) -> Fields:
        return walked.document(raw)

    def start(self, raw: bytes) -> int:  # noqa: ARG002 - all of it is the user's
        return 0

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        try:
            key = key_of(raw)
        except Unencodable:
            key = None
        return Rejected(self._namespace, Operation.READ, key, "", reason)
