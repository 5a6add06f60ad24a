"""Cursors as files: one JSON file for a pipeline, and one lock that its watcher holds."""

import fcntl
import json
import os
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from pydantic import ValidationError

from cdc.cursor import disk
from cdc.cursor.cursor import Cursor, WatchedSource
from cdc.cursor.requests import Requests
from cdc.errors import ConfigInvalid, CursorCorrupt, Fenced, StoreUnreachable
from cdc.events import Position
from cdc.metrics import timed

LOCK_TRIES, LOCK_PAUSE = 2, 0.01
"""How often, and after how many seconds, a lock that is held is asked for again."""


class FileStore:
    """Implements `pipeline.CursorStore` for one pipeline: `DIR/NAME.json`."""

    def __init__(self, directory: Path, name: str, source: WatchedSource) -> None:
        self.path = directory / f"{name}.json"
        self.requests = Requests(directory, name)
        self._lock = directory / f"{name}.lock"
        self._name = name
        self._source = source

    def load(self) -> Position | None:
        cursor = self.read()
        if cursor is None:
            return None
        if cursor.source != self._source:
            raise CursorCorrupt(
                f"cursor {self.path} belongs to {cursor.source}, not to {self._source}",
                hint=f"give this pipeline a --name of its own, or forget the cursor with {self._reset}",
            )
        return cursor.position

    def read(self) -> Cursor | None:
        """The cursor as it stands; a file that is torn or of another version is refused, never taken for none (I2)."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be read: {error.strerror}", hint="mend --cursor-dir"
            ) from error
        try:
            return Cursor.model_validate_json(text)
        except ValidationError as error:
            raise CursorCorrupt(
                f"cursor {self.path} {disk.damage(text, error)}; it was left untouched",
                hint=f"restore it from a copy, or forget it with {self._reset} and load everything again",
            ) from error

    @timed("cursor.save")
    def save(self, position: Position) -> None:
        """In one step (I2); a request is settled only after the position at which its load has ended is saved."""
        text = Cursor.of(self._name, self._source, position).model_dump_json(indent=2) + "\n"
        try:
            disk.replace(self.path, text)
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be saved: {error.strerror}", hint="mend --cursor-dir or free its disk"
            ) from error
        self.requests.settle(position.load)

    def forget(self) -> None:
        """Drop the position, and with it what was asked for: the next start loads everything."""
        try:
            disk.remove(self.path)
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be forgotten: {error.strerror}", hint="mend --cursor-dir or delete the file"
            ) from error
        self.requests.clear()

    @property
    def holder(self) -> str | None:
        """Who owns the name, in words, or None where no process does."""
        try:
            file = self._lock.open("rb", buffering=0)
        except FileNotFoundError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(file.read())
            return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Own the name until the block ends, or the process does; raises `Fenced` where another process owns it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigInvalid(
                f"--cursor-dir: {self.path.parent} cannot be written: {error.strerror}", hint="name another folder"
            ) from error
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            self._claim(file)
            yield

    def _claim(self, file: FileIO) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            _lock(file)
            file.truncate(0)
            file.write(json.dumps(holder).encode())
        except BlockingIOError:
            raise Fenced(
                f"pipeline {self._name!r} is already running: {_holder(file.read())}",
                hint="stop that one first, or give this pipeline a --name of its own",
            ) from None
        except OSError as error:
            raise ConfigInvalid(
                f"--cursor-dir: {self.path.parent} takes no lock: {error.strerror}",
                hint="free its disk, or name a folder on a local one",
            ) from error

    @property
    def _reset(self) -> str:
        return f"`cdc cursor reset --name {self._name} --cursor-dir {shlex.quote(str(self.path.parent))}`"


def names(directory: Path) -> list[str]:
    """The pipelines that have a cursor in this folder."""
    return sorted(path.stem for path in directory.glob("*.json"))


def _lock(file: FileIO) -> None:
    """Raises `BlockingIOError` where it is held for longer than `holder` takes to look at it."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(text: bytes) -> str:
    try:
        holder = json.loads(text)
        return f"pid {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "the holder has not said who it is yet"
