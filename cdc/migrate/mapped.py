"""A sink that writes nothing: rows as they would be written, handed to who counts, shows or compares them."""

from typing import Protocol

from cdc.errors import Unencodable
from cdc.events import DOCUMENT_OPERATIONS, Pending, Records, Rejected
from cdc.sink.sql.rows import Row, Rows, Values


class Taker(Protocol):
    """Who wants them, in the order in which they would be written."""

    def write(self, row: Row) -> None: ...

    def delete(self, key: Values) -> None: ...

    def refuse(self, reason: str) -> None: ...


class MappedSink:
    """Implements `pipeline.Sink`."""

    def __init__(self, rows: Rows, taker: Taker) -> None:
        self._rows = rows
        self._taker = taker

    def open(self) -> None:
        pass

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        del slot  # what is taken is done
        columns = zip(records.operations, records.keys, records.values, strict=True)
        for operation, key, document in list(columns)[start:]:
            if operation not in DOCUMENT_OPERATIONS:
                continue
            try:
                if document:
                    self._taker.write(self._rows.row(document))
                else:
                    self._taker.delete(self._rows.key(key))
            except Unencodable as error:
                self._taker.refuse(str(error))
        return len(records)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        del slot
        self._taker.refuse(rejected.reason)

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
