"""A child `cdc`, as a user would start it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

COMMAND = [sys.executable, "-m", "cdc"]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own environment without settings of the user's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CDC_")}
    return kept | dict(extra or {})


def pure(folder: Path) -> dict[str, str]:
    """The environment of a child whose Python imports no native encoder, by a module put into `folder`."""
    (folder / "sitecustomize.py").write_text("import sys\n\nsys.modules['cdc._native'] = None\n")
    return {"PYTHONPATH": str(folder)}


def cdc(
    *args: str, env: Mapping[str, str] | None = None, seconds: float = 60, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        [*COMMAND, *args],
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        input=stdin,
    )


class Child:
    """A running `cdc`; its log goes to a file."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None, log: Path) -> None:
        self.log = log
        self._file: IO[bytes] = log.open("ab")
        self.process = subprocess.Popen(
            command, env=environment(env), stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 30) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        if self.alive:
            self.kill()
        self._file.close()


@contextmanager
def running(
    *args: str, command: Sequence[str] = COMMAND, env: Mapping[str, str] | None = None, log: Path
) -> Iterator[Child]:
    """A child that is gone when the block ends, whatever happens in it."""
    child = Child([*command, *args], env, log)
    try:
        yield child
    finally:
        child.close()
