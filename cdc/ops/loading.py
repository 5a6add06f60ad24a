"""How far a load is: a bar on a terminal, lines of the log elsewhere."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cdc.beside import beside
from cdc.events import CANCELLED, DONE, Load
from cdc.progress import Progress

log = structlog.get_logger("cdc")

TOLD_SECONDS = 10.0
"""How often the log says how far a load is."""

BAR_WIDTH = 30


def bar(progress: Progress) -> Table:
    """Of the load under way, in one row."""
    load = progress.last_load
    row = Table.grid(padding=(0, 1))
    row.add_row(
        ProgressBar(total=load.estimated or None, completed=load.documents, width=BAR_WIDTH),
        Text(words(progress), style="bold", no_wrap=True),
    )
    return row


def words(progress: Progress) -> str:
    """How far the load under way is, in one line: with what else is counted in place of its chunks, where it is."""
    load = progress.last_load
    return f"{_documents(load)} · {_pace(progress)}{counted_beside(progress) or f' · {_chunks(load)}'}"


def counted_beside(progress: Progress) -> str:
    """What else is counted, behind the rest of a line."""
    return "".join(f" · {count:,} {word}" for word, count in progress.beside().items())


def state(load: Load) -> str:
    """How far it is, or how it ended, for `cdc snapshot --list`."""
    if load.ended is None:
        return f"running  {_documents(load)}, {_chunks(load)}"
    how = load.ended if load.ended in {DONE, CANCELLED} else f"failed: {load.ended}"
    return f"{how}  {counted(load.documents)}"


def counted(documents: int) -> str:
    return f"{documents:,} document{'' if documents == 1 else 's'}"


@contextmanager
def told(progress: Progress) -> Iterator[None]:
    """Tell the log about a load under way, now and then, until the block ends."""

    def tell(over: threading.Event) -> None:
        while not over.wait(TOLD_SECONDS):
            load = progress.load
            if load is not None and load.ended is None:
                left = progress.seconds_left
                log.info(
                    "loading",
                    load=load.id,
                    documents=load.documents,
                    estimated=load.estimated,
                    per_second=round(progress.pace.per_second),
                    seconds_left=None if math.isnan(left) else round(left),
                    chunks=f"{load.chunks_done}/{load.chunks_done + len(load.chunks)}",
                    **progress.beside(),
                    pipeline=progress.name,
                )

    with beside(tell, name="loading"):
        yield


def _documents(load: Load) -> str:
    of = f" of about {load.estimated:,}" if load.estimated else ""
    return f"{load.documents:,}{of} documents"


def _pace(progress: Progress) -> str:
    left = progress.seconds_left
    time = "time left unknown" if math.isnan(left) else f"{timedelta(seconds=round(left))} left"
    return f"{progress.pace.per_second:,.0f}/s · {time}"


def _chunks(load: Load) -> str:
    return f"{load.chunks_done}/{load.chunks_done + len(load.chunks)} chunks"
