"""When Python looks for objects that only need each other, and how many pools the C library has for its threads."""

import gc
import os
from contextlib import suppress

STARTING = 200_000
"""New objects between two looks. A start makes 65,000, and they stay: to look at them after every 700, as Python does,
takes a seventh of its time."""

ARENAS = 2
"""glibc would make eight a core, and what is free in one serves the threads of no other: a load of 500,000 documents
took 127 MB, with two 102, as fast. https://man7.org/linux/man-pages/man3/mallopt.3.html"""

_M_ARENA_MAX = -8
_AS_EVER = gc.get_threshold()


def starting() -> None:
    gc.set_threshold(STARTING)


def pooled() -> None:
    """Before there are threads; a user's own number stands, and a C library without pools is left alone."""
    import ctypes  # noqa: PLC0415 - `cdc --help` stays fast

    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def running() -> None:
    """What is there now stays as long as the process, so it is not looked at any more, not even at the end."""
    gc.freeze()
    gc.set_threshold(*_AS_EVER)
