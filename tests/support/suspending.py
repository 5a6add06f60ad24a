"""A process that is there and does nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Running(Protocol):
    """A server, or a process as `subprocess` has it."""

    @property
    def pid(self) -> int | None: ...


@contextmanager
def suspended(process: Running) -> Iterator[None]:
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
