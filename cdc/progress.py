"""Where the pipeline stands, for those who look at it from outside: the HTTP endpoint and the live line."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bson.timestamp import Timestamp

from cdc.events import Batch, Position

REPLY_GRACE = 2.0
"""Seconds without a reply from the source that are ordinary on an idle stream."""


@dataclass
class Progress:
    """Written by the loop's thread alone, read by any; every read is of one attribute."""

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
        return self.trouble or self.probe()
