"""A process whose loop stands still is ended, so that its supervisor can start it again.

Nothing is lost by that: the cursor moves only behind acknowledgements (I1).
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_stack

import structlog

from cdc.beside import beside
from cdc.errors import ExitCode
from cdc.events import Position
from cdc.ops import live
from cdc.pipeline import CursorStore
from cdc.progress import Progress

log = structlog.get_logger("cdc")

LOOK_SECONDS = 1.0
TELL_SECONDS = 2.0
"""How long the last line may take: the loop may be one that waits for who reads the log."""

STORE_SECONDS = 120.0
"""More than a store takes: a transaction's coordinator and its end have half a minute each, a majority ten seconds."""

DEPTH = 30
"""Most functions that are named, the innermost."""


class Standstill:
    """For how many seconds the loop has been seen to stand still.

    They are counted by looks and not by a clock, so that a process which was stopped itself (SIGSTOP, a laptop's lid)
    gives its loop time to turn before anything is held against it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._turned = progress.turned
        self.seconds = 0.0

    def look(self, since: float) -> float:
        """Once more, so many seconds after the last look."""
        turned = self._progress.turned
        if turned == self._turned and turned < time.monotonic():
            self.seconds += since
        else:
            self._turned, self.seconds = turned, 0.0
        return self.seconds


class Unhurried:
    """A cursor store that may take its time: it waits for others, but never for longer than its own limits."""

    def __init__(self, store: CursorStore, progress: Progress) -> None:
        self._store = store
        self._progress = progress

    def load(self) -> Position | None:
        self._progress.rests(STORE_SECONDS)
        return self._store.load()

    def save(self, position: Position) -> None:
        self._progress.rests(STORE_SECONDS)
        self._store.save(position)


@contextmanager
def watched(progress: Progress, seconds: float) -> Iterator[None]:
    """End the process once the loop, which runs on this thread, has stood still for so long; until the block ends."""
    loop = threading.get_ident()

    def watch(over: threading.Event) -> None:
        standstill = Standstill(progress)
        pause = min(LOOK_SECONDS, seconds / 10)
        while not over.wait(pause):
            if standstill.look(pause) >= seconds:
                _end(progress, loop, seconds)

    with beside(watch, name="stall"):
        yield


def _end(progress: Progress, loop: int, seconds: float) -> None:
    def tell() -> None:
        log.error(
            "the loop stands still; the process ends",
            seconds=seconds,
            stack=stack(loop),
            hint="the next start goes on from the saved position; where it stands still again, the stack says why",
            pipeline=progress.name,
        )
        live.show_cursor()

    telling = threading.Thread(target=tell, name="telling", daemon=True)
    telling.start()
    telling.join(TELL_SECONDS)
    os._exit(ExitCode.UNREACHABLE)


def stack(thread: int) -> str:
    """What the thread is doing, outermost first: functions and lines alone, since values may be a document's."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented, underscore and all
    names = [
        f"{each.f_globals.get('__name__')}.{each.f_code.co_qualname}:{line}"
        for each, line in (walk_stack(frame) if frame else ())
    ]
    return " > ".join(reversed(names[:DEPTH]))
