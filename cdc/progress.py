"""Where the pipeline stands, for those who look at it from outside: the HTTP endpoint and the live line."""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.errors import CdcError
from cdc.events import DOCUMENT_OPERATIONS, DONE, Batch, Load, Operation, Position, Records
from cdc.ledger import Slot

log = structlog.get_logger("cdc")

REPLY_GRACE = 2.0
"""Seconds without a reply from the source that are ordinary on an idle stream."""

SILENT = 10.0
"""Seconds without a reply after which the pipeline is not ready."""

PACE_SECONDS = 10
"""The window of a load's pace."""


class Pace:
    """How fast a load goes on: documents a second, over the last window."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=PACE_SECONDS + 1)
        self._documents = 0

    def update(self, documents: int) -> None:
        self._documents, now = documents, time.monotonic()
        if not self._seen or now >= self._seen[-1][0] + 1:
            self._seen.append((now, documents))

    @property
    def per_second(self) -> float:
        if not self._seen:
            return 0.0
        begun, documents = self._seen[0]
        passed = time.monotonic() - begun
        return max(0, self._documents - documents) / passed if passed else 0.0


@dataclass
class Progress:
    """Written by the loop's thread alone but for the notice, read by any; every read is of one attribute."""

    name: str
    frontier: Position | None = None
    began: Position | None = None
    server_time: Timestamp | None = None
    replied: float = field(default_factory=time.monotonic)
    turned: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    records: int = 0
    in_flight_records: int = 0
    in_flight_bytes: int = 0
    prefetched_bytes: int = 0
    trouble: str | None = "the source has not been opened yet"
    notice: str | None = None
    pace: Pace = field(default_factory=Pace)
    probe: Callable[[], str | None] = lambda: None
    beside: Callable[[], Mapping[str, int]] = dict
    """What is counted beside records, by the word for it."""
    stood: threading.Event = field(default_factory=threading.Event)
    """Set once an attempt has stood: the source read, the sink reached."""

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
        self.reached(slot.position)
        if slot.counts:
            metrics.ACK_SECONDS.labels(self.name).observe(time.monotonic() - slot.opened)
            for operation, count in slot.counts.items():
                metrics.RECORDS.labels(self.name, operation).inc(count)
            self.records += slot.counts.total()

    def reached(self, position: Position) -> None:
        """What is acknowledged goes up to here; a load that begins or ends with it is told to the log."""
        before, load = self.load, position.load
        if load is not None:
            if before is None or load.id != before.id or (before.ended is not None and load.ended is None):
                self.pace, before = Pace(), None
            self.pace.update(load.documents)
            if load.ended is None and before is None:
                log.info("load under way", load=load.id, documents=load.documents, pipeline=self.name)
            if load.ended is not None and self.frontier is not None and (before is None or before.ended is None):
                _tell_end(load, self.name)
        self.frontier = position

    def notify(self, text: str) -> None:
        """What the source has to say to who runs it, for as long as it runs."""
        if text != self.notice:
            log.warning(text, pipeline=self.name)
        self.notice = text

    def failed(self, error: CdcError) -> None:
        """An attempt ended."""
        metrics.ERRORS.labels(self.name, type(error).__name__).inc()
        self.trouble = str(error)

    def rests(self, seconds: float) -> None:
        """The loop may stand still for so long from now on, and that is no stall."""
        self.turned = max(self.turned, time.monotonic() + seconds)

    def heard(self, batch: Batch) -> None:
        """The source replied."""
        self.replied = time.monotonic()
        self.trouble = None
        if batch.server_time is not None:
            self.server_time = batch.server_time

    @property
    def load(self) -> Load | None:
        """The last load, under way or ended."""
        return self.frontier.load if self.frontier else None

    @property
    def last_load(self) -> Load:
        """The same for who counts: an empty one where there was none."""
        return self.load or Load()

    @property
    def seconds_left(self) -> float:
        """Until the load is done, by its pace; not a number while nobody can tell, 0 when there is none."""
        load, pace = self.load, self.pace.per_second
        if load is None or load.ended is not None:
            return 0.0
        return max(0, load.estimated - load.documents) / pace if pace and load.estimated else math.nan

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


def _tell_end(load: Load, pipeline: str) -> None:
    told = {"load": load.id, "documents": load.documents, "pipeline": pipeline}
    if load.bare:
        told["without_increment_field"] = load.bare
    if load.ended != DONE:
        log.warning("load ended before it was done", reason=load.ended, **told)
    elif load.bare and load.bare == load.documents:
        log.warning("loaded, though no document has the increment field", **told)
    else:
        log.info("loaded", **told)
