"""A sink that writes nothing: rows as they would be written, told to who counts, shows or compares them."""

import bson
from bson import json_util
from bson.errors import BSONError

from cdc.errors import Unencodable
from cdc.events import DOCUMENT_OPERATIONS, Pending, Records, Rejected
from cdc.sink.sql.rows import Rows, Values
from cdc.sink.sql.writer import Told


class MappedSink:
    """Implements `pipeline.Sink`."""

    def __init__(self, rows: Rows, told: Told) -> None:
        self._rows = rows
        self._told = told

    def open(self) -> None:
        pass

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        del slot  # what is told is done
        columns = zip(records.operations, records.keys, records.values, strict=True)
        for operation, key, document in list(columns)[start:]:
            if operation not in DOCUMENT_OPERATIONS:
                continue
            try:
                if document:
                    self._told.write(self._rows.row(document))
                else:
                    self._told.delete(self._rows.key(key))
            except Unencodable as error:
                self._told.refuse(str(error), self._key(key))
        return len(records)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        del slot
        key = None if rejected.key is None else key_of(self._rows, rejected.key.decode())
        self._told.refuse(rejected.reason, key)

    def poll(self, seconds: float) -> None:
        pass

    def flush(self, seconds: float) -> None:
        pass

    def hurry(self) -> None:
        pass

    def missing(self) -> str | None:
        return None

    def close(self) -> None:
        pass

    def _key(self, identity: bytes) -> Values | None:
        try:
            return self._rows.key(identity)
        except Unencodable:
            return None


def key_of(rows: Rows, text: str) -> Values | None:
    """The key of a row, by that of a dead letter in JSON; None where no row could have it."""
    try:
        return rows.key(bson.encode(json_util.loads(text)))
    except (Unencodable, BSONError, OverflowError, ValueError, TypeError):
        return None
