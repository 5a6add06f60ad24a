"""One process of a pipeline at a time, on one machine."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path

from cdc.cursor.owner import Owner
from cdc.cursor.standby import Standby
from cdc.errors import ConfigInvalid, Fenced

TRIES, PAUSE = 10, 0.02
"""How often, and after how many seconds, a lock that is held is asked for again."""

STANDBY_SECONDS = 0.2


class Lock:
    """`DIR/NAME.lock`, which the kernel takes back when its holder dies."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path = directory / f"{name}.lock"
        self._name = name

    @property
    def holder(self) -> str | None:
        """Who has it, in words, or None where no process does."""
        try:
            file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(file.read())
            return None

    @contextmanager
    def held(self, *, standby: Standby | None = None) -> Iterator[None]:
        """Until the block ends, or the process does; raises `Fenced` where another process has it.

        With `standby` it is waited for, until that is over: the block then has no lock.
        """
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigInvalid(
                f"--cursor-dir: {folder} cannot be written: {error.strerror}", hint="name another folder"
            ) from error
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            locked = partial(_locked_by, file)
            if standby is None or standby.came(locked, seconds=STANDBY_SECONDS, pipeline=self._name):
                self._claim(file)
            yield

    def _claim(self, file: FileIO) -> None:
        try:
            _lock(file)
            file.seek(0)
            file.truncate(0)
            file.write(Owner.this().model_dump_json(exclude={"id"}).encode())
        except BlockingIOError:
            raise Fenced(
                f"pipeline {self._name!r} is already running: {_holder(file.read())}",
                hint="stop that one first, give this pipeline a --name of its own, or wait for its end with --standby",
            ) from None
        except OSError as error:
            raise ConfigInvalid(
                f"--cursor-dir: {self._path.parent} takes no lock: {error.strerror}",
                hint="free its disk, or name a folder on a local one",
            ) from error


def _locked_by(file: FileIO) -> str | None:
    """Lock it, or give who has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return _holder(file.read())
    return None


def _lock(file: FileIO) -> None:
    """Raises `BlockingIOError` where it is held for longer than `holder` takes to look at it."""
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(text: bytes) -> str:
    try:
        holder = json.loads(text)
        return f"pid {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "the holder has not said who it is yet"
