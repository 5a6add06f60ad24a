"""Attempts at a pipeline, one after another: what is tried again, from where, and what is not."""

import threading
import time

import structlog

from cdc import metrics
from cdc.backoff import Backoff
from cdc.errors import CdcError, HistoryLost, Retryable, SourceUnreachable
from cdc.events import Position
from cdc.leaps import Leaps
from cdc.pipeline import Attempt, Parts
from cdc.progress import Progress

log = structlog.get_logger("cdc")


def run(parts: Parts, progress: Progress, stop: threading.Event) -> None:
    """Attempts, one after another, until `stop` is set or, with `once`, all that was there is acknowledged.

    What is out of reach is tried again for ever, but at the start only for `startup_timeout`. Raises `CdcError`.
    """
    deadline = time.monotonic() + parts.bounds.startup_timeout
    backoff, leaps = Backoff(), Leaps(parts.leap)
    start: Position | None = None
    while True:
        attempt = Attempt(parts, progress, start)
        try:
            attempt.run(stop)
        except HistoryLost as lost:
            progress.failed(lost)
            leaps.tried(attempt.load, moved=attempt.moved)
            start, how = leaps.after(lost, attempt.load)
            log.warning(how, error=str(lost), pipeline=parts.name)
        except Retryable as error:
            progress.failed(error)
            leaps.tried(attempt.load, moved=attempt.moved)
            wait = backoff.after(moved=attempt.moved)
            if not backoff.started and time.monotonic() + wait > deadline:
                raise
            progress.rests(wait)
            if _stopped(error, wait, stop, parts.name):
                return
            start = None
        except CdcError as error:
            progress.failed(error)
            raise
        else:
            return


def _stopped(error: Retryable, wait: float, stop: threading.Event, name: str) -> bool:
    """Wait for the next attempt; true once no more is wanted, and all that was read is acknowledged and saved."""
    if not stop.is_set():
        metrics.RETRIES.labels(name, type(error).__name__).inc()
        log.warning("trying again", error=str(error), hint=error.hint, seconds=round(wait, 1), pipeline=name)
    if not stop.wait(wait):
        return False
    if isinstance(error, SourceUnreachable):
        return True
    raise error
