"""Work beside a block, on a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[threading.Event], None], *, name: str, seconds: float | None = None) -> Iterator[None]:
    """Until the block ends: `work` is to end once the event is set that it is given, and is waited for so long."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(seconds)
