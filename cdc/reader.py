"""Reads ahead of the loop, on a thread of its own, within a bound in bytes (I8)."""

import threading
from collections import deque
from collections.abc import Generator, Iterator

from cdc.events import Batch

BATCH_OVERHEAD = 1024
"""Counted for each batch beside its bytes, so that heartbeats alone cannot grow the queue without bound."""


class Reader(threading.Thread):
    """Pulls batches out of the source until it is stopped or the source fails; a generator is closed then.

    The queue takes a batch while it holds fewer than `max_bytes`, so at most one batch more than that is held.
    """

    def __init__(self, batches: Iterator[Batch], max_bytes: int) -> None:
        super().__init__(name="reader", daemon=True)
        self._batches = batches
        self._max_bytes = max_bytes
        self._queue: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._failure: BaseException | None = None
        self.nbytes = 0

    def run(self) -> None:
        try:
            for batch in self._batches:
                if not self._put(batch):
                    break
            if isinstance(self._batches, Generator):
                self._batches.close()
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which raises it
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _put(self, batch: Batch) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self.nbytes < self._max_bytes or self._stopped)
            if self._stopped:
                return False
            self._queue.append(batch)
            self.nbytes += len(batch.raw) + BATCH_OVERHEAD
            self._changed.notify_all()
        return True

    def get(self, seconds: float) -> Batch | None:
        """The next batch, or None if none came in time; what made the source fail is raised after its last batch."""
        with self._changed:
            if not self._queue and self._failure is None:
                self._changed.wait(seconds)
            if self._queue:
                batch = self._queue.popleft()
                self.nbytes -= len(batch.raw) + BATCH_OVERHEAD
                self._changed.notify_all()
                return batch
            if self._failure is not None:
                raise self._failure
        return None

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self.nbytes = 0
            self._changed.notify_all()
