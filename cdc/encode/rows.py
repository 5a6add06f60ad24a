"""Documents that were read, as records."""

from bson import Timestamp

from cdc.compiled import native
from cdc.encode import walked
from cdc.encode.dialects import DIALECTS
from cdc.encode.keys import key_of, quick_key
from cdc.encode.record import Fields, Native, Origin, Record, clock, namespace, opening
from cdc.encode.relaxed import dumps
from cdc.errors import Unencodable
from cdc.events import Namespace, Operation, Rejected

_BLANKS = 3  # before, update, txn


class Rows:
    """The documents of one collection as of `time`."""

    after = None

    def __init__(self, origin: Origin, read: Namespace, time: Timestamp, *, dialect: str = "relaxed") -> None:
        self._dialect = dialect
        self._ms = time.time * 1000
        self._namespace, _, self._head = opening(Operation.READ, *read)
        _, self._ns = namespace(*read)
        ts, closing = clock(time.time, time.inc, self._ms), origin.closing(snapshot=True, image="event")
        self._tail = b',"before":null,"update":null,%b,"txn":null%b' % (ts, closing)

    def record(self, raw: bytes, fields: Fields) -> tuple[Record, int]:
        quick = quick_key(fields.get("_id"))
        key = quick or key_of(raw)
        identity = quick or dumps({"_id": fields["_id"]})
        value = b"".join((self._head, b'"key":', identity, b',"after":', dumps(fields), self._tail))
        return (self._namespace, Operation.READ, key, value, self._ms, ""), _BLANKS

    def native(self, *, shared: bool) -> Native:
        return native.Rows(
            dialect=self._dialect,
            head=self._head,
            tail=self._tail,
            ms=self._ms,
            within=self._ns if shared else None,
            namespace=self._namespace,
            operation=Operation.READ,
        )

    def walk(self, raw: bytes) -> Fields:
        return walked.document(raw, DIALECTS[self._dialect])

    def start(self, raw: bytes) -> int:  # noqa: ARG002 - all of it is the user's
        return 0

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        try:
            key = key_of(raw)
        except Unencodable:
            key = None
        return Rejected(self._namespace, Operation.READ, key, "", reason)
