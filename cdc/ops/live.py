"""One live line on a terminal: rate, lag, position. None when standard error is not a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cdc.progress import Progress

RATE_SECONDS = 2.0
"""The window of the rate shown."""


@contextmanager
def line(progress: Progress) -> Iterator[None]:
    """Show the line, below the log, until the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    rate = _Rate()
    with Live(console=console, get_renderable=lambda: _text(progress, rate), refresh_per_second=4, transient=True):
        yield


class _Rate:
    """Records a second, over the last window that was full."""

    def __init__(self) -> None:
        self._begun, self._records, self.value = time.monotonic(), 0, 0.0

    def update(self, records: int) -> float:
        now = time.monotonic()
        if (passed := now - self._begun) >= RATE_SECONDS:
            self.value = (records - self._records) / passed
            self._begun, self._records = now, records
        return self.value


def _text(progress: Progress, rate: _Rate) -> Text:
    if progress.trouble is not None:
        return Text(f"waiting: {progress.trouble}", style="yellow", no_wrap=True)
    frontier = progress.frontier
    where = frontier.clock.isoformat(sep=" ") if frontier and frontier.clock else "start"
    phase = "loading what exists, taken at" if frontier is None or frontier.loading else "at"
    speed = rate.update(progress.records)
    text = f"{speed:,.0f} records/s · lag {progress.lag:.0f} s · {phase} {where} · {progress.records:,} records"
    return Text(text, style="bold", no_wrap=True)
