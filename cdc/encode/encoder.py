"""Batches of raw BSON into columns of records.

The walk in Rust (`compiled`) makes them all but those of odd events, which it hands back; where it was not built, all
come the same way. Each is decoded in C and written by orjson (`relaxed`); one for which that would lose something, and
any in another dialect, is read by the walk over its bytes (`walked`, `pure`), which defines the output. Both give the
same fields to the same form.
"""

from collections.abc import Iterator
from functools import partial
from struct import Struct

from bson.errors import BSONError

from cdc.compiled import ENCODER
from cdc.encode.changes import Changes
from cdc.encode.elements import unencodable
from cdc.encode.fitting import Refusal, misfit
from cdc.encode.keys import within
from cdc.encode.record import Form, Origin, Record
from cdc.encode.relaxed import decode, loses
from cdc.encode.rows import Rows
from cdc.errors import Unencodable
from cdc.events import DOCUMENT_OPERATIONS, Batch, Records, Rejected

MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
"""What an event of another shape makes its reader raise."""
_SMALLEST = 5  # bytes of an empty document

_length = Struct("<i").unpack_from


class Encoder:
    """Makes the records of one pipeline, `name`, in the words of one `version` of `cdc`.

    `full_document` and `before` are the images the stream was opened with, as the options name them. With `shared`,
    the keys tell collections apart that share a topic (I4). `refusal` rejects documents that do not fit a data type.
    `dialect` names the one that documents are written in. `native` is whether the walk in Rust makes the records.
    """

    def __init__(  # noqa: PLR0913 - keywords, one for each thing it follows
        self,
        *,
        name: str,
        version: str,
        full_document: str,
        before: str,
        shared: bool = False,
        refusal: Refusal | None = None,
        dialect: str = "relaxed",
        native: bool = ENCODER == "native",
    ) -> None:
        self._origin = Origin(name, version)
        self._shared = shared
        self._refusal = refusal
        self._native = native
        self._dialect = dialect
        self._changes = Changes(self._origin, full_document=full_document, before=before, dialect=dialect)

    def encode(self, batch: Batch) -> Records:
        """A batch's records; what cannot become one is among `rejected`. `UnknownOperation` ends the run (I5)."""
        form = self._form(batch)
        rejected: list[Rejected] = []
        if batch.unread:
            for raw in documents(batch.raw):
                self._reject(form, rejected, raw, batch.unread)
            return Records(rejected=rejected)
        one = partial(self._one, form, rejected)
        if self._native:
            fits = partial(self._fits, form, rejected, odd=False) if self._refusal else None
            return Records(*form.native(shared=self._shared).columns(batch.raw, one, fits), rejected)
        return columns([record for raw in documents(batch.raw) if (record := one(raw))], rejected)

    def _one(self, form: Form, rejected: list[Rejected], raw: bytes) -> Record | None:
        try:
            quick = _quick(form, raw) if self._dialect == "relaxed" else None
            record = quick or _exact(form, raw)
        except Unencodable as error:
            self._reject(form, rejected, raw, str(error))
            return None
        if not self._fits(form, rejected, raw, odd=quick is None):
            return None
        return _told_apart(record) if self._shared else record

    def _fits(self, form: Form, rejected: list[Rejected], raw: bytes, *, odd: bool) -> bool:
        if self._refusal is None:
            return True
        try:
            reason = misfit(self._refusal, raw, form.after, odd=odd)
        except Unencodable as error:
            reason = str(error)
        if reason:
            self._reject(form, rejected, raw, reason)
        return not reason

    def _reject(self, form: Form, rejected: list[Rejected], raw: bytes, reason: str) -> None:
        event = form.rejected(raw, reason)
        if self._shared and event.key is not None:
            event = event._replace(key=within(event.namespace, event.key))
        rejected.append(event)

    def _form(self, batch: Batch) -> Form:
        if batch.namespace is None:
            return self._changes
        if batch.position.time is None:
            raise ValueError("documents that were read need the time they were read at")
        return Rows(self._origin, batch.namespace, batch.position.time, dialect=self._dialect)


def columns(made: list[Record], rejected: list[Rejected]) -> Records:
    if not made:
        return Records(rejected=rejected)
    namespaces, operations, keys, values, times_ms, tokens = map(list, zip(*made, strict=True))
    return Records(namespaces, operations, keys, values, times_ms, tokens, rejected)


def _told_apart(record: Record) -> Record:
    """The record with its namespace in the key of a document: `{"ns":…,"_id":…}` (I4)."""
    where, operation, key, value, ms, token = record
    if operation in DOCUMENT_OPERATIONS:
        key = within(where, key)
    return where, operation, key, value, ms, token


def _quick(form: Form, raw: bytes) -> Record | None:
    try:
        fields = decode(raw)
        record, blanks = form.record(raw, fields)
    except (*MISSHAPEN, BSONError, Unencodable):
        return None
    return None if loses(raw, fields, record[3], nulls=blanks, start=form.start) else record


def _exact(form: Form, raw: bytes) -> Record:
    fields = form.walk(raw)
    try:
        record, _ = form.record(raw, fields)
    except MISSHAPEN as reason:
        raise unencodable(f"not the shape of a change event: {reason!r}") from reason
    return record


def documents(raw: bytes) -> Iterator[bytes]:
    """The documents one after another; where a length is broken, all that is left comes as the last."""
    pos = 0
    while pos < len(raw):
        end = pos + _length(raw, pos)[0] if pos + _SMALLEST <= len(raw) else pos
        if not pos + _SMALLEST <= end <= len(raw):
            end = len(raw)
        yield raw[pos:end]
        pos = end
