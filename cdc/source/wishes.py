"""What others wish of a source while it runs: loads, one after another."""

import time
from collections.abc import Callable, Sequence

from cdc.events import CANCELLED, Load, Request

ASK_SECONDS = 0.25
"""How often it is asked for requests."""


class Wishes:
    """`requests` gives the loads that are asked for and have not ended."""

    def __init__(self, requests: Callable[[], Sequence[Request]]) -> None:
        self._requests = requests
        self._asked = 0.0

    def wanted(self, load: Load | None) -> Load | None:
        """The load as others wish it: cancelled, or after its end the next one."""
        now = time.monotonic()
        if now - self._asked < ASK_SECONDS:
            return load
        self._asked = now
        asked = self._requests()
        own = next((request for request in asked if load is not None and request.id == load.id), None)
        if load is not None and load.ended is None:
            cancelled = own is not None and own.cancelled
            return load.end(CANCELLED) if cancelled else load
        if own is not None or not asked:  # its end has yet to be saved
            return load
        first = asked[0]
        ended = CANCELLED if first.cancelled else None
        return Load(first.id, first.collections or None, first.where, ended=ended)
