"""One server of the stack: a process, and all it takes to start it again on the same port and data."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

from cdc.errors import ConfigInvalid, Retryable
from cdc.local import port
from cdc.local.process import Process, wait_for

Settings: TypeAlias = Mapping[str, str | int | float | bool]
"""A server's own settings by its own names."""

_START_SECONDS = 60
_STOP_SECONDS = 20


def _unobserved() -> None:
    pass


@dataclass
class Server(ABC):
    """`folder` is the stack's, where it has a folder and a log of its own; `changed` is told of every new process."""

    name: str
    folder: Path
    port: int
    settings: Settings
    process: Process | None = None
    changed: Callable[[], None] = field(default=_unobserved, repr=False, compare=False)
    _log_start: int = field(default=0, init=False, repr=False, compare=False)

    port_option: ClassVar[str]
    unreachable: ClassVar[type[Retryable]]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @abstractmethod
    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """Writes the configuration; the command line and what it needs in its environment."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves its clients; asked only when its port is open."""

    @abstractmethod
    def last_words(self, lines: list[str]) -> str:
        """Why it ended, out of what it wrote."""

    @property
    def home(self) -> Path:
        return self.folder / self.name

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def address(self) -> str:
        return f"{port.HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The running process."""
        return self.process.pid if self.process and self.running else None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def start(self) -> None:
        """Starts it and waits until it serves; does nothing to one that runs.

        Raises:
            ConfigInvalid: its port is taken, or it ended by itself: it says why.
            Retryable: it does not answer in time.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it and does not wait."""
        if self.running:
            return
        if obstacle := port.obstacle(self.port):
            raise ConfigInvalid(
                f"{self.port_option}: {self.name} cannot listen on {self.address}: {obstacle}",
                hint=f"free that port; a new stack takes another one with {self.port_option}",
            )
        self._make_home()
        self._reap()
        command, environment = self.command()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        try:
            self.process = Process.spawn(command, environment=environment, log=self.log)
        except OSError as error:
            raise ConfigInvalid(
                f"{self.name}: {command[0]} cannot be run: {error.strerror}",
                hint="the embedded servers need Linux on x86-64 and a cache folder that allows programs",
            ) from error
        self.changed()

    def wait(self) -> None:
        """Waits until it serves."""
        settled = wait_for(lambda: not self.running or self._serves(), _START_SECONDS)
        if not self.running:
            raise ConfigInvalid(f"{self.name} ended at its start: {self._reason()}", hint=f"its log is {self.log}")
        if not settled:
            raise self.unreachable(
                f"{self.name} does not answer on {self.address} after {_START_SECONDS} s",
                hint=f"its log is {self.log}",
            )

    def prepare(self, command: list[str]) -> None:
        """Runs what must have been done before it is started for the first time.

        Raises:
            ConfigInvalid: it fails, and says why.
        """
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(done.stdout)
            reason = self.last_words(done.stdout.splitlines() or [f"exit code {done.returncode}"])
            raise ConfigInvalid(f"{self.name} cannot be set up: {reason}", hint=f"its log is {self.log}")

    def terminate(self) -> None:
        """Asks it to end and does not wait."""
        if self.process:
            self.process.terminate(self.stop_signal)

    def stop(self) -> None:
        """Ends it in good order."""
        if self.process:
            self.process.stop(_STOP_SECONDS, self.stop_signal)
            self._forget()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.process:
            self.process.kill()
            self._forget()

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigInvalid(
                f"{self.name}: the folder {self.home} cannot be made: {error.strerror}", hint="mend the rights there"
            ) from error

    def _reap(self) -> None:
        """What is left of a child that was killed still answers to its number, which its lock file may hold."""
        if self.process:
            self.process.exit_code()

    def _forget(self) -> None:
        self.process = None
        self.changed()

    def _serves(self) -> bool:
        return port.accepts(self.port) and self.answers()

    def _reason(self) -> str:
        code = self.process.exit_code() if self.process else None
        if code == -signal.SIGILL:
            return "this processor lacks instructions it needs (MongoDB 5.0 and later need AVX)"
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_start)
            lines = log.read().splitlines()
        return (self.last_words(lines) if lines else "") or f"exit code {code}, without a word"


def written(value: str | float) -> str:
    """A setting as servers read it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
