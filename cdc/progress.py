"""Where the pipeline stands, for those who look at it from outside: the HTTP endpoint and the live line."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.errors import CdcError
from cdc.events import DOCUMENT_OPERATIONS, Batch, Operation, Position, Records
from cdc.ledger import Slot

log = structlog.get_logger("cdc")

REPLY_GRACE = 2.0
"""Seconds without a reply from the source that are ordinary on an idle stream."""

SILENT = 10.0
"""Seconds without a reply after which the pipeline is not ready."""


@dataclass
class Progress:
    """Written by the loop's thread alone, read by any; every read is of one attribute."""

    name: str
    frontier: Position | None = None
    server_time: Timestamp | None = None
    replied: float = field(default_factory=time.monotonic)
    turned: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    records: int = 0
    in_flight_records: int = 0
    in_flight_bytes: int = 0
    prefetched_bytes: int = 0
    trouble: str | None = "the source has not been opened yet"
    probe: Callable[[], str | None] = lambda: None

    def received(self, batch: Batch, records: Records, nbytes: int) -> Counter[Operation]:
        """Count what a reply became, in `nbytes` of memory; gives its records by operation."""
        counts = Counter(records.operations)
        metrics.BATCHES.labels(self.name).inc()
        metrics.SOURCE_BYTES.labels(self.name).inc(len(batch.raw))
        metrics.RECORD_BYTES.labels(self.name).inc(nbytes)
        for operation, count in counts.items():
            metrics.EVENTS.labels(self.name, operation).inc(count)
        for rejected in records.rejected:
            metrics.EVENTS.labels(self.name, rejected.operation).inc()
        if not counts.keys() <= DOCUMENT_OPERATIONS:
            for namespace, operation in zip(records.namespaces, records.operations, strict=True):
                if operation not in DOCUMENT_OPERATIONS:
                    log.warning("collection event", operation=operation, namespace=str(namespace), pipeline=self.name)
        return counts

    def acknowledged(self, slot: Slot) -> None:
        """All of a slot has arrived, and of those before it."""
        self.frontier = slot.position
        if slot.counts:
            metrics.ACK_SECONDS.labels(self.name).observe(time.monotonic() - slot.opened)
            for operation, count in slot.counts.items():
                metrics.RECORDS.labels(self.name, operation).inc(count)
            self.records += slot.counts.total()

    def failed(self, error: CdcError) -> None:
        """An attempt ended."""
        metrics.ERRORS.labels(self.name, type(error).__name__).inc()
        self.trouble = str(error)

    def heard(self, batch: Batch) -> None:
        """The source replied."""
        self.replied = time.monotonic()
        self.trouble = None
        if batch.server_time is not None:
            self.server_time = batch.server_time

    @property
    def lag(self) -> float:
        """Seconds from the acknowledged position to the source's last operation; the wait for a reply is added."""
        silence = max(0.0, time.monotonic() - self.replied - REPLY_GRACE)
        if self.server_time is None or self.frontier is None or self.frontier.time is None:
            return silence
        return max(0, self.server_time.time - self.frontier.time.time) + silence

    @property
    def missing(self) -> str | None:
        """What keeps the pipeline from being ready, in words; asks the sink, so it may take a second."""
        silence = time.monotonic() - self.replied
        return self.trouble or self.probe() or (f"no reply for {silence:.0f} s" if silence > SILENT else None)
