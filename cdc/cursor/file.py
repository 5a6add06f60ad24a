"""Cursors as files: one JSON file for a pipeline, and one lock that its watcher holds."""

import fcntl
import json
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from pydantic import ValidationError

from cdc.cursor.cursor import Cursor, WatchedSource
from cdc.errors import ConfigInvalid, CursorCorrupt, Fenced, StoreUnreachable
from cdc.events import Position
from cdc.metrics import timed


class FileStore:
    """Implements `pipeline.CursorStore` for one pipeline: `DIR/NAME.json`."""

    def __init__(self, directory: Path, name: str, source: WatchedSource) -> None:
        self.path = directory / f"{name}.json"
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
                f"cursor {self.path} {_damage(text, error)}; it was left untouched",
                hint=f"restore it from a copy, or forget it with {self._reset} and load everything again",
            ) from error

    @timed("cursor.save")
    def save(self, position: Position) -> None:
        """Aside, fsync, rename, fsync of the folder (I2)."""
        text = Cursor.of(self._name, self._source, position).model_dump_json(indent=2) + "\n"
        aside = self.path.with_suffix(".json.new")
        try:
            with aside.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
            self._sync_folder()
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be saved: {error.strerror}", hint="mend --cursor-dir or free its disk"
            ) from error

    def forget(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be forgotten: {error.strerror}", hint="mend --cursor-dir or delete the file"
            ) from error

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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def names(directory: Path) -> list[str]:
    """The pipelines that have a cursor in this folder."""
    return sorted(path.stem for path in directory.glob("*.json"))


def _damage(text: bytes, error: ValidationError) -> str:
    try:
        version = json.loads(text).get("version")
    except (ValueError, AttributeError):
        return "is cut short or is not JSON"
    if version != 1:
        return f"is of version {version}, and this cdc reads version 1"
    first = error.errors(include_input=False, include_url=False)[0]
    return f"is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _holder(text: bytes) -> str:
    try:
        holder = json.loads(text)
        return f"pid {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "the holder has not said who it is yet"
