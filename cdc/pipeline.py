"""The product: batches out of a source, records into a sink, and the position they were acknowledged up to.

    source ──Batch──▶ encode ──Records──▶ sink ──acks──▶ ledger ──frontier──▶ cursor store

It is crash-only: every retry (`attempts`) closes the attempt and opens it again from the saved cursor, by the same code
as a start of the process, with new source, sink and ledger, so that a late acknowledgement reaches a discarded object.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.errors import CdcError, SinkUnreachable
from cdc.events import BEHIND_SECONDS, Batch, Load, Position, Records, Rejected
from cdc.leaps import Leap
from cdc.ledger import Ledger, Slot
from cdc.progress import Progress
from cdc.reader import Reader

log = structlog.get_logger("cdc")

BUSY_WAIT, IDLE_WAIT = 0.01, 0.1
"""Seconds to wait for a batch with and without records in flight, whose acknowledgements want to be served, or that
are yet to be made visible."""

JOIN_SECONDS = 2.0
"""How long the reader may take to end; it is a daemon, and touches nothing that another attempt uses."""

OPEN_SECONDS = 60.0
"""How long opening a source or a sink may take before it counts as a stall; what they wait for ends sooner."""


class Source(Protocol):
    """Where events come from. One instance serves one attempt."""

    def read(self, start: Position) -> Iterator[Batch]:
        """Batches from `start` on, for ever, a heartbeat at least every second or so; called on the reader's thread.

        The first batch is a heartbeat at the position taken. Raises `Retryable`, `Fatal` or `Poison`.
        """

    def close(self) -> None:
        """End what `read` waits for; called from any thread."""


class Sink(Protocol):
    """Where records go. One instance serves one attempt; acknowledgements run inside `poll` and `flush`."""

    def open(self) -> None:
        """Reach it, or raise."""

    def produce(self, records: Records, start: int, slot: Slot) -> int:
        """Hand over the records from index `start` on; gives the index of the first that did not fit just now."""

    def reject(self, rejected: Rejected, slot: Slot) -> None:
        """Send a dead letter, or raise `Poison` where none is configured."""

    def poll(self, seconds: float) -> None:
        """Serve acknowledgements, waiting at most so long for the first; raises what went wrong."""

    def flush(self, seconds: float) -> None:
        """Wait at most so long for every acknowledgement."""

    def hurry(self) -> None:
        """Nothing more comes just now: send what still waits for company."""

    def missing(self) -> str | None:
        """What cannot be reached, in words; called from any thread."""

    def close(self) -> None:
        """Drop what is unacknowledged."""


class CursorStore(Protocol):
    """Where the position is kept between runs."""

    def load(self) -> Position | None:
        """The saved position, or None where nothing was ever saved."""

    def save(self, position: Position) -> None:
        """Keep the position; it survives a crash at any instant once this returns (I2)."""


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
    """What a pipeline is made of.

    `first` is where it begins when nothing was saved; `leap` is made when history is lost, which stops it without one.
    With `whole`, to save a position makes all visible that was sent: it covers that, and nothing is in flight.
    """

    name: str
    source: Callable[[], Source]
    encode: Callable[[Batch], Records]
    sink: Callable[[], Sink]
    store: CursorStore
    first: Position
    bounds: Bounds
    once: bool = False
    leap: Leap | None = None
    whole: bool = False


class Attempt:
    """From opening source and sink to the first thing that fails, or the wish to stop.

    It begins at `start`, else at the saved position, else where a first start does. `load` is how far the load is by
    the position that was saved last, and `moved` says whether one was saved since the start.
    """

    def __init__(self, parts: Parts, progress: Progress, start: Position | None) -> None:
        self._parts = parts
        self._progress = progress
        self._start = start
        self._saved: Position | None = None
        self._sent = False
        self._ledger = Ledger(self._settled)
        self._due = 0.0
        self._end: float | None = None
        self._until: Timestamp | None = None
        self._goal: Slot | None = None
        self._done = False
        self.moved = False
        self.load: Load | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, or with `once` until caught up; raises what ended it otherwise.

        A position that was just taken is saved before anything else: the next attempt must begin at the *same* one,
        or changes between the two would be lost (I6). The sink is opened then, so that a source that refuses leaves no
        topic behind.
        """
        self._progress.rests(OPEN_SECONDS)
        saved = self._parts.store.load()
        self._saved = None if self._start else saved
        begin = self._start or self._saved or self._parts.first
        log.info("begins", pipeline=self._parts.name, resumes=str(begin.clock) if saved else None)
        self.load, self._progress.began = begin.load, begin
        self._source, self._sink = self._parts.source(), self._parts.sink()
        self._reader = Reader(self._source.read(begin), self._parts.bounds.prefetch_bytes)
        try:
            self._reader.start()
            if first := self._first(stop):
                if self._saved is None:
                    self._save(first.position)
                self._progress.rests(OPEN_SECONDS)
                self._sink.open()
                self._progress.probe = self._sink.missing
                self._progress.stood.set()
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
            while not stop.is_set() and not self._done:
                if batch is not None:
                    self._pass_on(batch, stop)
                    if batch.raw and batch.behind < BEHIND_SECONDS and not self._reader.nbytes:
                        self._sink.hurry()
                self._turn(0)
                batch = self._reader.get(BUSY_WAIT if self._ledger or self._hidden else IDLE_WAIT)
        except SinkUnreachable:
            raise
        except CdcError:
            self._drain()
            raise
        self._drain()

    @property
    def _hidden(self) -> bool:
        """Whether something is acknowledged that nobody sees until the position is saved."""
        return self._parts.whole and self._ledger.frontier is not None and self._unsaved(self._ledger.frontier)

    def _unsaved(self, position: Position) -> bool:
        """Whether to save it changes something: rows of one position may be sent after it was saved."""
        return position != self._saved or (self._parts.whole and self._sent)

    def _pass_on(self, batch: Batch, stop: threading.Event) -> None:
        self._progress.heard(batch)
        if not batch.raw:
            self._aim(batch, self._ledger.heartbeat(batch.position))
            return
        records = self._parts.encode(batch)
        nbytes = records.nbytes
        counts = self._progress.received(batch, records, nbytes)
        while self._ledger and self._ledger.in_flight_bytes + nbytes > self._parts.bounds.in_flight_bytes:
            self._turn(IDLE_WAIT)
            if stop.is_set():
                return
        slot, self._sent = self._ledger.open(batch.position, nbytes, counts), True
        for rejected in records.rejected:
            self._sink.reject(rejected, slot)
        sent = self._sink.produce(records, 0, slot)
        while sent < len(records):
            self._turn(IDLE_WAIT)
            if stop.is_set() and self._leaves():
                return
            sent = self._sink.produce(records, sent, slot)
        slot.seal()
        self._aim(batch, slot)

    def _leaves(self) -> bool:
        """Whether a stop leaves a batch amid; with `whole` that would undo all since the saved position."""
        if self._parts.whole and not self._left():
            raise SinkUnreachable(
                "ended amid a batch", hint="it is sent again, with all else from the saved position on"
            )
        return not self._parts.whole

    def _left(self) -> float:
        """Seconds that the end may yet take; they begin when this is first asked."""
        now = time.monotonic()
        self._end = self._end or now + self._parts.bounds.shutdown_timeout
        return max(0.0, self._end - now)

    def _aim(self, batch: Batch, slot: Slot) -> None:
        """With `once`, find the slot that ends the run: the first after all that was there at the start.

        The events of a transaction share one cluster time, so that time is only over with a later one, or when the
        source has nothing more.
        """
        now = batch.position.time
        if not self._parts.once or batch.position.loading or now is None or self._goal is not None:
            return
        asked = self._until is not None
        self._until = self._until or batch.server_time
        if self._until is not None and (now > self._until or (now == self._until and asked and not batch.raw)):
            self._goal = slot

    def _turn(self, wait: float) -> None:
        """What every round owes: acknowledgements served, the frontier moved, a checkpoint when it is due."""
        self._sink.poll(wait)
        self._checkpoint()
        self._progress.turned = time.monotonic()
        self._progress.in_flight_records = self._ledger.in_flight_records
        self._progress.in_flight_bytes = self._ledger.in_flight_bytes
        self._progress.prefetched_bytes = self._reader.nbytes

    def _checkpoint(self, *, at_once: bool = False) -> None:
        """Save the frontier (I1) when it is due; at once when the load is done, which nobody wants again."""
        frontier = self._ledger.settle()
        if frontier is None or self._saved is None:
            return
        if time.monotonic() >= self._due or at_once or frontier.loading != self._saved.loading:
            if self._parts.whole and (frontier := self._settled_whole()) is None:
                return
            self.moved |= self._save(frontier)

    def _settled_whole(self) -> Position | None:
        """The frontier once all that was sent is acknowledged; None amid a batch, or where Kafka is slow."""
        if self._ledger and self._ledger.sealed:
            self._sink.flush(self._parts.bounds.checkpoint_interval)
        frontier = self._ledger.settle()
        return None if self._ledger else frontier

    def _save(self, position: Position) -> bool:
        """Whether there was something to save."""
        if moves := self._unsaved(position):
            self._parts.store.save(position)
            self._saved, self._sent, self.load = position, False, position.load
            metrics.CHECKPOINTS.labels(self._parts.name).inc()
        self._progress.saved = time.monotonic()
        self._due = self._progress.saved + self._parts.bounds.checkpoint_interval
        return moves

    def _drain(self) -> None:
        """Nothing more is read; what is in flight gets its time, and the position is saved."""
        self._progress.rests(self._parts.bounds.shutdown_timeout)
        self._reader.stop()
        self._sink.flush(self._left())
        self._checkpoint(at_once=True)
        self._sink.poll(0)
        if waiting := self._ledger.in_flight_records:
            raise SinkUnreachable(
                f"ended with {waiting} records unacknowledged", hint="they are sent again from the saved position"
            )

    def _close(self) -> None:
        self._progress.rests(JOIN_SECONDS)
        self._reader.stop()
        try:
            self._source.close()
        finally:
            self._sink.close()
        self._reader.join(JOIN_SECONDS)

    def _settled(self, slot: Slot) -> None:
        self._progress.acknowledged(slot)
        self._done = self._done or slot is self._goal
