"""How far the position stands before the end of what the oplog keeps: as metrics, and as a warning in time."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.beside import beside
from cdc.errors import AccessDenied, CdcError
from cdc.events import Position
from cdc.progress import Progress
from cdc.source.oplog import Oplog, Window

log = structlog.get_logger("cdc")

ASK_SECONDS = 5.0
JOIN_SECONDS = 0.5
PACE_SECONDS = 600.0
"""The window of a forecast's pace: MongoDB cuts its oplog by pieces, so that a short one sees none or a whole one."""
SETTLE_SECONDS = 30.0
"""The least that a pace is told by."""
LAGS_SECONDS = 10
"""Further behind the newest entry a position lags, and may be overtaken; one that follows moves on with the oplog."""
EASE = 1.25
"""How much more than what was warned of there must be, before it is said to be well."""


class Forecast:
    """In how many seconds a lagging position is lost, by the pace at which its headroom has shrunk."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def follow(self) -> float:
        """The position follows: never."""
        self._seen.clear()
        return math.inf

    def lag(self, now: float, headroom: float) -> float:
        """Not a number while the pace is unknown, infinite where the headroom does not shrink."""
        self._seen.append((now, headroom))
        while self._seen[0][0] < now - PACE_SECONDS:
            self._seen.popleft()
        begun, before = self._seen[0]
        if headroom < 0:
            return 0.0
        if now - begun < SETTLE_SECONDS:
            return math.nan
        return headroom * (now - begun) / (before - headroom) if before > headroom else math.inf


class Headroom:
    """Keeps the metrics, and says once that there are fewer than `warn` seconds left, and once that there are again."""

    def __init__(self, progress: Progress, warn: float) -> None:
        self._progress = progress
        self._warn = warn
        self._forecast = Forecast()
        self._notice: str | None = None
        self._left = metrics.OPLOG_HEADROOM.labels(progress.name)
        self._lost_in = metrics.OPLOG_LOST_IN.labels(progress.name)
        self.unknown()

    def unknown(self) -> None:
        self._left.set(math.nan)
        self._lost_in.set(math.nan)

    def seen(self, window: Window, position: Timestamp, now: float) -> None:
        """The oplog's window, and where the position stood in it at the monotonic time `now`."""
        left, lag = position.time - window.oldest.time, window.newest.time - position.time
        lost_in = self._forecast.lag(now, left) if lag > LAGS_SECONDS else self._forecast.follow()
        self._left.set(left)
        self._lost_in.set(lost_in)
        least = left if math.isnan(lost_in) else min(left, lost_in)
        if lag > LAGS_SECONDS and least < self._warn:
            self._tell(_words(left, lag, lost_in))
        elif lag <= LAGS_SECONDS / 2 or least >= self._warn * EASE:
            self._tell(None)

    def _tell(self, notice: str | None) -> None:
        """Into the log where it is news, and to whoever asks for as long as it is so."""
        before, self._notice = self._notice, notice
        if self._progress.notice in {None, before}:
            self._progress.notice = notice
        if notice and not before:
            log.warning(notice, hint="see why it lags, or enlarge the oplog", pipeline=self._progress.name)
        if before and not notice:
            log.info("the position is no longer about to be lost", pipeline=self._progress.name)


@contextmanager
def watched(
    oplog: Oplog, progress: Progress, position: Callable[[], Position | None], *, warn: float
) -> Iterator[None]:
    """Look every few seconds, from a thread of its own, until the block ends; what fails there ends nothing here."""
    headroom = Headroom(progress, warn)

    def watch(over: threading.Event) -> None:
        try:
            while not over.wait(ASK_SECONDS) and _look(oplog, headroom, position):
                pass
        finally:
            oplog.close()

    with beside(watch, name="headroom", seconds=JOIN_SECONDS):
        yield


def _look(oplog: Oplog, headroom: Headroom, position: Callable[[], Position | None]) -> bool:
    """Whether it is worth another look."""
    stands = position()
    try:
        window = oplog.window()
    except AccessDenied as error:
        log.info("the oplog's headroom is not known", error=str(error), hint=error.hint)
        headroom.unknown()
        return False
    except CdcError as error:
        log.debug("the oplog's headroom is not known just now", error=str(error))
        headroom.unknown()
        return True
    if window is None:
        return False
    if stands is None or stands.time is None:
        headroom.unknown()
    else:
        headroom.seen(window, stands.time, time.monotonic())
    return True


def _words(left: float, lag: float, lost_in: float) -> str:
    if left < 0:
        return "the oplog no longer reaches back to the position"
    if math.isfinite(lost_in):
        return f"at this rate the position is lost in {span(lost_in)}"
    return f"the position is {span(lag)} behind, and the oplog reaches back only {span(left)} further"


def span(seconds: float) -> str:
    """In the two largest units that there are: `3 h 10 m`."""
    rest, parts = int(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
