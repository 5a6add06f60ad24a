"""How much a load may read, and when."""

import time
from dataclasses import dataclass
from math import ceil


class Pace:
    """At most `rate` documents a second, in rounds of `seconds`; without a rate, as many as there are."""

    def __init__(self, rate: float | None, seconds: float) -> None:
        self._rate = rate
        self._seconds = seconds
        self._due = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next round may begin."""
        return max(0.0, self._due - time.monotonic())

    def round(self) -> "Round":
        """A round that begins now."""
        most = None if self._rate is None else max(1, ceil(self._rate * self._seconds))
        return Round(self, time.monotonic() + self._seconds, most)

    def spent(self, documents: int) -> None:
        if self._rate is not None:
            self._due = max(self._due, time.monotonic()) + documents / self._rate


@dataclass
class Round:
    """A bounded time and, where there is a rate, about so many documents at `most`."""

    pace: Pace
    deadline: float
    most: int | None
    documents: int = 0

    def count(self, documents: int) -> None:
        """So many more were read."""
        self.documents += documents
        self.pace.spent(documents)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.deadline or (self.most is not None and self.documents >= self.most)

    def share(self, lanes: int) -> int | None:
        """The most documents that one of the lanes should ask for at once."""
        return None if self.most is None else max(1, self.most // lanes)
