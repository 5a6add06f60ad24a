"""A detached process, known by its id and its start time: a recycled id is neither mistaken for it nor killed."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_CLOCK_STEP = 2.0
"""Seconds by which a start time may seem to move when the machine's clock is set."""

_KILLED_SECONDS = 20
"""A process that is killed ends once the kernel has done what it was asked for; as to write to a slow disk."""


@dataclass(frozen=True, slots=True)
class Process:
    """`started` is in seconds since the epoch, as the kernel tells it."""

    pid: int
    started: float

    @classmethod
    def spawn(cls, command: list[str], *, environment: Mapping[str, str], log: Path) -> Self:
        """Starts `command` in a session of its own, which outlives this process; its output is added to `log`."""
        pid = os.posix_spawn(
            command[0],
            command,
            {**os.environ, **environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def running(self) -> bool:
        return self._found() is not None

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end, and returns at once."""
        if found := self._found():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.send_signal(number)

    def kill(self) -> None:
        """Ends it and its children, before one of them can act on another's end."""
        if found := self._found():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.suspend()
                family = [found, *found.children(recursive=True)]
                for member in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.kill()
                wait_for(lambda: all(map(over, family)), _KILLED_SECONDS)
            self.exit_code()

    def stop(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end, and after `seconds` makes it."""
        self.terminate(number)
        if not wait_for(lambda: not self.running, seconds):
            self.kill()
        self.exit_code()

    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs, and where only its parent could know."""
        try:
            return psutil.Process(self.pid).wait(0)
        except psutil.Error:
            return None

    def _found(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            ours = abs(process.create_time() - self.started) < _CLOCK_STEP
            if ours and not over(process):
                return process
        return None


def over(process: psutil.Process) -> bool:
    """While a killed process still has threads, it still holds its ports and files."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1
    return True


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Asks until `condition` holds, and says whether it came to hold within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
