"""How long to wait before the next attempt."""

import random

FIRST, LONGEST = 0.5, 10.0
"""Seconds; doubled with each attempt that brought nothing, less up to half of it at random."""
DOUBLINGS = 5
"""After so many it is the longest."""


class Backoff:
    """Exponential, with jitter, until an attempt has moved the saved position."""

    def __init__(self) -> None:
        self._failures = 0
        self.started = False

    def after(self, *, moved: bool) -> float:
        """Seconds to wait after an attempt that has failed; `moved` says that it saved a position all the same."""
        self.started = self.started or moved
        self._failures = 0 if moved else self._failures + 1
        longest: float = min(LONGEST, FIRST * 2.0 ** min(self._failures, DOUBLINGS))
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter
