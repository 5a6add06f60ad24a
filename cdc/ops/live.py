"""What moves while it runs: on a terminal one live line, elsewhere now and then a line of the log about a load."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from cdc.ops import loading
from cdc.progress import Progress

STDERR = 2
SHOW_CURSOR = b"\x1b[?25h"

RATE_SECONDS = 2.0
"""The window of the rate shown."""


@contextmanager
def line(progress: Progress) -> Iterator[None]:
    """Show how far it is, below the log, until the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with loading.told(progress):
            yield
        return
    rate = Rate()
    with Live(console=console, get_renderable=lambda: shown(progress, rate), refresh_per_second=4, transient=True):
        yield


class Rate:
    """Records a second, over the last window that was full."""

    def __init__(self) -> None:
        self._begun, self._records, self.value = time.monotonic(), 0, 0.0

    def update(self, records: int) -> float:
        now = time.monotonic()
        if (passed := now - self._begun) >= RATE_SECONDS:
            self.value = (records - self._records) / passed
            self._begun, self._records = now, records
        return self.value


def shown(progress: Progress, rate: Rate) -> RenderableType:
    speed = rate.update(progress.records)
    if progress.trouble is not None:
        return Text(words(progress), style="yellow", no_wrap=True)
    if progress.frontier is not None and progress.frontier.loading:
        return loading.bar(progress)
    return Text(f"{speed:,.0f} records/s · {words(progress)}", style="bold", no_wrap=True)


def words(progress: Progress) -> str:
    """Where it is, in one line."""
    frontier = progress.frontier
    if progress.trouble is not None:
        return f"waiting: {progress.trouble}"
    if frontier is not None and frontier.loading:
        return loading.words(progress)
    where = frontier.clock.isoformat(sep=" ") if frontier and frontier.clock else "start"
    counted = f"{progress.records:,} records{loading.counted_beside(progress)}"
    return f"lag {progress.lag:.0f} s · at {where} · {counted}"


def show_cursor() -> None:
    """Give a terminal the cursor back that the live line hides, where the process ends at once."""
    if os.isatty(STDERR):
        os.write(STDERR, SHOW_CURSOR)
