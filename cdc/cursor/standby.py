"""Waiting for one's turn."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("cdc")


def came(held_by: Callable[[], str | None], over: threading.Event, *, seconds: float, pipeline: str) -> bool:
    """Whether the turn came before `over` was set: `held_by`, asked so often, gave nobody."""
    told = False
    while (holder := held_by()) is not None:
        if not told:
            told = True
            log.info("standing by", pipeline=pipeline, holder=holder)
        if over.wait(seconds):
            return False
    return True
