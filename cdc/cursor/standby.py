"""Waiting for one's turn."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger("cdc")


def _untold(holder: str) -> None:
    del holder


@dataclass(frozen=True, slots=True)
class Standby:
    """Waits until `over` is set; `begun` is told who has the turn, once it has to wait."""

    over: threading.Event
    begun: Callable[[str], None] = _untold

    def came(self, held_by: Callable[[], str | None], *, seconds: float, pipeline: str) -> bool:
        """Whether the turn came before the wait was over: `held_by`, asked so often, gave nobody."""
        told = False
        while (holder := held_by()) is not None:
            if not told:
                told = True
                log.info("standing by", pipeline=pipeline, holder=holder)
                self.begun(holder)
            if self.over.wait(seconds):
                return False
        return True
