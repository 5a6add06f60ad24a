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


def suspend(process: Running) -> None:
    """Returns once each of its threads stands still; until then one may still answer."""
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    seen = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert seen is not None
    assert seen.si_code == os.CLD_STOPPED, "it ended instead"


def resume(process: Running) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)


@contextmanager
def suspended(process: Running) -> Iterator[None]:
    suspend(process)
    try:
        yield
    finally:
        resume(process)
