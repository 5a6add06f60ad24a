"""Documents into tables, in one transaction with the cursor."""

import gc
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

from cdc import metrics
from cdc.errors import Unencodable
from cdc.events import DOCUMENT_OPERATIONS, Pending, Records, Rejected, cluster_time
from cdc.metrics import timed
from cdc.models.table import Table
from cdc.sink.sql.fit import fit
from cdc.sink.sql.rows import Refusal, Rows, Values
from cdc.sink.sql.writer import Image, Nobody, Told, Writer
from cdc.sql.transaction import Transaction

BATCH_BYTES = 4 * 1024 * 1024
"""Most bytes of documents in one batch, however few they are (I8)."""

AHEAD = 2
"""How many batches are being written, or wait for it."""

BATCH_SECONDS = 10.0
"""How long a batch may take before a position is not saved for it; fewer rows a second are a fault."""

FEWER_COLLECTIONS = 50_000
"""Decoded documents hold no cycles; to look for some after each 700 new objects, as Python does, costs a sixth."""

TURN_SECONDS = 0.0002
"""Who maps gives way after this to those who read and write, who need little between two waits; not after 5 ms."""

JOIN_SECONDS = 2.0
LONGEST = 65536
"""Characters of a key or a token in a letter; more would be a burden in its turn."""


@dataclass(slots=True)
class _Batch:
    """What is written at once, and whom each image is acknowledged to."""

    images: list[Image] = field(default_factory=list)
    letters: list[Values] = field(default_factory=list)
    slots: Counter[Pending] = field(default_factory=Counter)
    nbytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.images or self.letters)

    def acknowledge(self) -> None:
        for slot, records in self.slots.items():
            for _ in range(records):
                slot.acknowledge()


class SqlSink:
    """Implements `pipeline.Sink`: upserts and deletes on a thread of its own, in a transaction that the store ends.

    `transaction` is the cursor store's, too. `refusal` says which documents do not fit; `letters` names the table of
    those that cannot become a row, `create` makes tables that are missing. `identity` renders the key of a letter;
    `told` hears of what is written and refused before it is committed.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        transaction: Transaction,
        table: Table,
        *,
        name: str,
        identity: Callable[[bytes], bytes],
        refusal: Refusal | None = None,
        letters: str | None = None,
        create: bool = False,
        told: Told | None = None,
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._name = name
        self._identity = identity
        self._letters = letters
        self._create = create
        self._told = told or Nobody()
        self._most = transaction.settings.batch_size
        self._rows = Rows(table, dialect=transaction.address.dialect, refusal=refusal)
        self._batch = _Batch()
        self._waiting: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[_Batch | BaseException] = queue.SimpleQueue()
        self._in_flight = 0
        self._failure: BaseException | None = None
        self._over = threading.Event()
        self._writer: Writer
        self._tuning = ExitStack()
        self._thread = threading.Thread(target=self._write, name="sql", daemon=True)

    @timed("sql.fit")
    def open(self) -> None:
        fit(self._transaction, self._table, letters=self._letters, create=self._create)
        self._writer = Writer(self._transaction, self._table, self._letters, self._refused, self._told)
        self._thread.start()
        self._tuning.enter_context(_tuned())

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        for index in range(start, len(records)):
            if self._full and not self._hand_over():
                return index
            if records.operations[index] in DOCUMENT_OPERATIONS:
                self._take(records, index, slot)
        return len(records)

    def _take(self, records: Records, index: int, slot: Pending) -> None:
        """A document whose `_id` is no key has no row, so there is nothing to delete."""
        document = records.values[index]
        try:
            row = self._rows.row(document) if document else None
            key = self._rows.key(records.keys[index]) if row is None else row.key
        except Unencodable as error:
            if document:
                self._put_aside(self._place(records, index, str(error)), slot)
            return
        self._batch.images.append(Image(key, row and self._writer.form(row), records, index))
        self._batch.nbytes += len(document)
        self._expect(slot)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        self._put_aside(rejected, slot)

    def _put_aside(self, rejected: Rejected, slot: Pending) -> None:
        self._batch.letters.append(self._letter(rejected))
        self._expect(slot)

    def _expect(self, slot: Pending) -> None:
        slot.expect(1)
        self._batch.slots[slot] += 1

    @property
    def _full(self) -> bool:
        batch = self._batch
        return len(batch.images) + len(batch.letters) >= self._most or batch.nbytes >= BATCH_BYTES

    def _hand_over(self) -> bool:
        """Whether there was room for what has been taken, or nothing of it."""
        if self._batch:
            if self._in_flight >= AHEAD:
                return False
            self._in_flight += 1
            self._waiting.put(self._batch)
            self._batch = _Batch()
        return True

    def hurry(self) -> None:
        self._hand_over()

    def poll(self, seconds: float) -> None:
        """While nothing is being written, what has been taken need not wait for company."""
        if not self._in_flight:
            self._hand_over()
        self._serve(seconds)
        if self._failure is not None:
            raise self._failure

    @timed("sql.flush")
    def flush(self, seconds: float) -> None:
        """A slow database gets its time for each batch, or nothing would ever be committed under load."""
        most, patience = self._in_flight, max(seconds, BATCH_SECONDS)
        deadline = time.monotonic() + patience
        while self._failure is None and not (self._hand_over() and not self._in_flight):
            if self._in_flight < most:
                deadline = time.monotonic() + patience
            most = self._in_flight
            if (left := deadline - time.monotonic()) <= 0:
                return
            self._serve(left)

    def _serve(self, seconds: float) -> None:
        """Acknowledge what is written, waiting at most so long for the first of it."""
        with suppress(queue.Empty):
            done = self._done.get(timeout=seconds) if seconds and self._in_flight else self._done.get_nowait()
            while True:
                if isinstance(done, BaseException):
                    self._failure = done
                    return
                self._in_flight -= 1
                done.acknowledge()
                done = self._done.get_nowait()

    def missing(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing of the open transaction stays."""
        self._over.set()
        self._waiting.put(None)
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)
        self._transaction.close(busy=self._thread.is_alive())
        self._tuning.close()

    def _write(self) -> None:
        while (batch := self._waiting.get()) is not None and not self._over.is_set():
            try:
                self._writer.write(batch.images, batch.letters)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                self._done.put(error)
                return
            self._done.put(batch)

    def _refused(self, image: Image, reason: str) -> Values:
        return self._letter(self._place(image.records, image.place, reason))

    def _place(self, records: Records, index: int, reason: str) -> Rejected:
        key = self._identity(records.keys[index])
        return Rejected(records.namespaces[index], records.operations[index], key, records.tokens[index], reason)

    def _letter(self, rejected: Rejected) -> Values:
        """The row of its dead letter, in the order of the table's columns."""
        key = None if rejected.key is None else rejected.key.decode()
        if self._letters is None:
            happened = cluster_time({"_data": rejected.token})
            when = f"at {happened.as_datetime()}" if happened else "in the load"
            raise Unencodable(
                f"{rejected.namespace}: {rejected.operation} {when} of {_short(key)}: {rejected.reason}",
                hint="set --dead-letter-table to go on without such documents; the cursor stays before this one",
            )
        metrics.DEAD_LETTERS.labels(self._name, Unencodable.__name__).inc()
        self._told.refuse(rejected.reason)
        kept = key if key is not None and len(key) <= LONGEST else None
        token = rejected.token if len(rejected.token) <= LONGEST else ""
        at = datetime.now(UTC)
        return token_hex(16), self._name, at, rejected.reason, rejected.operation, *rejected.namespace, kept, token


@contextmanager
def _tuned() -> Iterator[None]:
    """The whole process, as its one sink of rows needs it."""
    before, turn = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(FEWER_COLLECTIONS)
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        gc.set_threshold(*before)


def _short(key: str | None) -> str:
    if key is None:
        return "a document without a key"
    return key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"


_SHOWN = 100
