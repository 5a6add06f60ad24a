"""The product: batches out of a source, records into a sink, and the position they were acknowledged up to.

    source ──Batch──▶ encode ──Records──▶ sink ──acks──▶ ledger ──frontier──▶ cursor store

It is crash-only: every retry closes the attempt and opens it again from the saved cursor, by the same code as a
start of the process, with a new source, sink and ledger, so that a late acknowledgement reaches a discarded object.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.errors import CdcError, HistoryLost, Poison, Retryable, SinkUnreachable
from cdc.events import DOCUMENT_OPERATIONS, Batch, Operation, Position, Records, Rejected
from cdc.ledger import Ledger, Slot
from cdc.progress import Progress
from cdc.reader import Reader

log = structlog.get_logger("cdc")

BUSY_WAIT, IDLE_WAIT = 0.01, 0.1
"""Seconds to wait for a batch with and without records in flight, whose acknowledgements want to be served."""

BACKOFF_MIN, BACKOFF_MAX = 0.5, 10.0
"""Seconds between attempts, doubled with each that brought nothing, less up to half of it at random."""


class Source(Protocol):
    """Where events come from. One instance serves one attempt."""

    def read(self, start: Position) -> Iterator[Batch]:
        """Batches from `start` on, for ever, a heartbeat at least every second or so; called on the reader's thread.

        The first batch is a heartbeat at the position taken. Raises `Retryable`, `Fatal` or `Poison`.
        """
        ...

    def close(self) -> None:
        """End what `read` waits for; called from any thread."""
        ...


class Sink(Protocol):
    """Where records go. One instance serves one attempt; acknowledgements run inside `poll` and `flush`."""

    def open(self) -> None:
        """Reach it, or raise."""
        ...

    def produce(self, records: Records, start: int, slot: Slot) -> int:
        """Hand over the records from index `start` on; gives the index of the first that did not fit just now."""
        ...

    def reject(self, rejected: Rejected, slot: Slot) -> None:
        """Send a dead letter, or raise `Poison` where none is configured."""
        ...

    def poll(self, seconds: float) -> None:
        """Serve acknowledgements, waiting at most so long for the first; raises what went wrong."""
        ...

    def flush(self, seconds: float) -> None:
        """Wait at most so long for every acknowledgement."""
        ...

    def missing(self) -> str | None:
        """What cannot be reached, in words; called from any thread."""
        ...

    def close(self) -> None:
        """Drop what is unacknowledged."""
        ...


class CursorStore(Protocol):
    """Where the position is kept between runs."""

    def load(self) -> Position | None:
        """The saved position, or None where nothing was ever saved."""
        ...

    def save(self, position: Position) -> None:
        """Keep the position; it survives a crash at any instant once this returns (I2)."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Memory in bytes, time in seconds."""

    prefetch_bytes: int
    in_flight_bytes: int
    checkpoint_interval: float
    startup_timeout: float
    shutdown_timeout: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of; `first` is where it begins when nothing was saved."""

    name: str
    source: Callable[[], Source]
    encode: Callable[[Batch], Records]
    sink: Callable[[], Sink]
    store: CursorStore
    first: Position
    bounds: Bounds
    once: bool = False
    skip_lost: bool = False


class Attempt:
    """From opening source and sink to the first thing that fails, or the wish to stop."""

    def __init__(self, parts: Parts, progress: Progress, start: Position | None = None) -> None:
        self._parts = parts
        self._progress = progress
        self._saved = parts.store.load()
        self._source = parts.source()
        self._sink = parts.sink()
        self._ledger = Ledger(self._settled)
        self._reader = Reader(self._source.read(start or self._saved or parts.first), parts.bounds.prefetch_bytes)
        self._due = 0.0
        self._until: Timestamp | None = None
        self.moved = False

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, or with `once` until caught up; raises what ended it otherwise.

        The sink is opened once the source has answered, so that a source that refuses leaves no topic behind.
        """
        try:
            self._reader.start()
            if first := self._first(stop):
                self._sink.open()
                self._progress.probe = self._sink.missing
                self._follow(first, stop)
        finally:
            self._close()

    def _first(self, stop: threading.Event) -> Batch | None:
        while not stop.is_set():
            if batch := self._reader.get(IDLE_WAIT):
                return batch
            self._progress.turned = time.monotonic()
        return None

    def _follow(self, first: Batch, stop: threading.Event) -> None:
        batch: Batch | None = first
        try:
            while not stop.is_set() and not self._caught_up():
                if batch is not None:
                    self._pass_on(batch, stop)
                self._turn(0)
                batch = self._reader.get(BUSY_WAIT if self._ledger else IDLE_WAIT)
            self._drain()
        except SinkUnreachable:
            raise
        except (Retryable, Poison, HistoryLost):
            self._drain()
            raise

    def _pass_on(self, batch: Batch, stop: threading.Event) -> None:
        self._progress.heard(batch)
        if self._until is None and not batch.position.loading:
            self._until = batch.server_time
        records = self._parts.encode(batch)
        counts = Counter(records.operations)
        nbytes = sum(map(len, records.keys)) + sum(map(len, records.values))
        self._count(batch, records, counts, nbytes)
        while self._ledger and self._ledger.in_flight_bytes + nbytes > self._parts.bounds.in_flight_bytes:
            self._turn(IDLE_WAIT)
            if stop.is_set():
                return
        slot = self._ledger.open(batch.position, nbytes, counts)
        for rejected in records.rejected:
            self._sink.reject(rejected, slot)
        sent = self._sink.produce(records, 0, slot)
        while sent < len(records):
            self._turn(IDLE_WAIT)
            if stop.is_set():
                return
            sent = self._sink.produce(records, sent, slot)
        slot.seal()

    def _turn(self, wait: float) -> None:
        """What every round owes: acknowledgements served, the frontier moved, a checkpoint when it is due."""
        self._sink.poll(wait)
        self._checkpoint()
        self._progress.turned = time.monotonic()
        self._progress.in_flight_records = self._ledger.in_flight_records
        self._progress.in_flight_bytes = self._ledger.in_flight_bytes
        self._progress.prefetched_bytes = self._reader.nbytes

    def _checkpoint(self, *, at_once: bool = False) -> None:
        """Save the frontier (I1) when it is due.

        It is due at once where nothing was saved before, since a load that is killed must begin again at the *same*
        position or deletes between the two would be lost (I6), and when the load is done, which nobody wants again.
        """
        frontier = self._ledger.settle()
        now = time.monotonic()
        if frontier is None:
            return
        at_once = at_once or self._saved is None or frontier.loading != self._saved.loading
        if now < self._due and not at_once:
            return
        self._due = now + self._parts.bounds.checkpoint_interval
        if frontier != self._saved:
            self._parts.store.save(frontier)
            self._saved = frontier
            metrics.CHECKPOINTS.labels(self._parts.name).inc()
        self._progress.saved = now

    def _caught_up(self) -> bool:
        frontier = self._ledger.frontier
        if not self._parts.once or self._until is None or frontier is None or frontier.loading:
            return False
        return frontier.time is not None and frontier.time >= self._until

    def _drain(self) -> None:
        self._reader.stop()
        self._sink.flush(self._parts.bounds.shutdown_timeout)
        self._checkpoint(at_once=True)
        if waiting := self._ledger.in_flight_records:
            log.warning("stopped before every record was acknowledged; the rest will be sent again", records=waiting)

    def _close(self) -> None:
        self._reader.stop()
        self._source.close()
        self._sink.close()
        if self._reader.ident is not None:
            self._reader.join(self._parts.bounds.shutdown_timeout)

    def _count(self, batch: Batch, records: Records, counts: Counter[Operation], nbytes: int) -> None:
        if not batch.raw:
            return
        name = self._parts.name
        metrics.BATCHES.labels(name).inc()
        metrics.SOURCE_BYTES.labels(name).inc(len(batch.raw))
        metrics.RECORD_BYTES.labels(name).inc(nbytes)
        for operation, count in counts.items():
            metrics.EVENTS.labels(name, operation).inc(count)
            if operation not in DOCUMENT_OPERATIONS:
                log.warning("collection event", operation=operation, pipeline=name)
        for rejected in records.rejected:
            metrics.EVENTS.labels(name, rejected.operation).inc()

    def _settled(self, slot: Slot) -> None:
        self.moved = True
        self._progress.frontier = slot.position
        if slot.counts:
            name = self._parts.name
            metrics.ACK_SECONDS.labels(name).observe(time.monotonic() - slot.opened)
            for operation, count in slot.counts.items():
                metrics.RECORDS.labels(name, operation).inc(count)
            self._progress.records += slot.counts.total()


def run(parts: Parts, progress: Progress, stop: threading.Event) -> None:
    """Attempts, one after another, until `stop` is set or, with `once`, all that was there is acknowledged.

    What is out of reach is tried again for ever, but at the start only for `startup_timeout`. Raises `CdcError`.
    """
    deadline = time.monotonic() + parts.bounds.startup_timeout
    started, failures = False, 0
    start: Position | None = None
    while True:
        attempt: Attempt | None = None
        try:
            attempt = Attempt(parts, progress, start)
            attempt.run(stop)
        except HistoryLost as lost:
            metrics.ERRORS.labels(parts.name, type(lost).__name__).inc()
            moved = attempt is not None and attempt.moved
            if not parts.skip_lost or (start is not None and not moved):
                raise
            log.warning("history lost; going on from now", error=str(lost), pipeline=parts.name)
            start = Position()
        except Retryable as error:
            moved = attempt is not None and attempt.moved
            started, failures = started or moved, 0 if moved else failures + 1
            progress.trouble = str(error)
            metrics.ERRORS.labels(parts.name, type(error).__name__).inc()
            wait = random.uniform(0.5, 1) * min(BACKOFF_MAX, BACKOFF_MIN * 2**failures)  # noqa: S311 - jitter
            if not started and time.monotonic() + wait > deadline:
                raise
            metrics.RETRIES.labels(parts.name, type(error).__name__).inc()
            log.warning("trying again", error=str(error), hint=error.hint, seconds=round(wait, 1), pipeline=parts.name)
            if stop.wait(wait):
                return
            start = start if not moved else None
        except CdcError as error:
            metrics.ERRORS.labels(parts.name, type(error).__name__).inc()
            raise
        else:
            return
