"""What is asked of a pipeline's watcher: one file for each request, in a folder beside the cursor."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cdc.cursor import disk
from cdc.errors import CursorCorrupt, StoreUnreachable
from cdc.events import Load, Request

OUTSTANDING, ENDED = ".json", ".ended"

KEPT = 100
"""How many ended ones are kept, for the commands that wait for them."""


class Asked(BaseModel):
    """A request, and once it is no longer outstanding how it ended and after how many documents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    request: Request
    ended: str | None = None
    documents: int = 0


class Requests:
    """Of one pipeline: `DIR/NAME.requests/ID.json`, and `ID.ended` once the cursor that says so is saved.

    Anyone may add one or cancel it; only who holds the pipeline's lock settles them.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.folder = directory / f"{name}.requests"

    def outstanding(self) -> list[Request]:
        """Oldest first; a request stays until the cursor that tells its end is saved."""
        found = (self._read(path) for path in self._paths(OUTSTANDING))
        return [asked.request for asked in found if asked is not None]

    def add(self, request: Request) -> None:
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(OUTSTANDING, Asked(request=request))

    def cancel(self, id_: str) -> None:
        """Wish it undone; nothing where it is no longer outstanding."""
        if asked := self._read(self._path(id_, OUTSTANDING)):
            with self._writing():
                self._write(OUTSTANDING, Asked(request=replace(asked.request, cancelled=True)))

    def settle(self, load: Load | None) -> None:
        """Keep how a load ended in place of the request for it, once it has and where there is one."""
        if load is None or load.ended is None:
            return
        path = self._path(load.id, OUTSTANDING)
        if asked := self._read(path):
            with self._writing():
                self._write(ENDED, Asked(request=asked.request, ended=load.ended, documents=load.documents))
                disk.remove(path)
                for old in self._paths(ENDED)[:-KEPT]:
                    disk.remove(old)

    def ended(self, id_: str) -> Asked | None:
        return self._read(self._path(id_, ENDED))

    def clear(self) -> None:
        """Drop what is outstanding: who loads everything needs no request."""
        with self._writing():
            for path in self._paths(OUTSTANDING):
                disk.remove(path)

    def _path(self, id_: str, suffix: str) -> Path:
        return self.folder / f"{id_}{suffix}"

    def _paths(self, suffix: str) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == suffix)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreachable("read", error) from error

    def _read(self, path: Path) -> Asked | None:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreachable("read", error) from error
        try:
            asked = Asked.model_validate_json(text)
        except ValidationError as error:
            raise self._corrupt(path, disk.damage(text, error)) from error
        if asked.request.id != path.stem:
            raise self._corrupt(path, f"holds the request {asked.request.id}")
        return asked

    def _write(self, suffix: str, asked: Asked) -> None:
        disk.replace(self._path(asked.request.id, suffix), asked.model_dump_json(indent=2) + "\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unreachable("written", error) from error

    def _unreachable(self, done: str, error: OSError) -> StoreUnreachable:
        return StoreUnreachable(
            f"the requests in {self.folder} cannot be {done}: {error.strerror}",
            hint="mend --cursor-dir or free its disk",
        )

    def _corrupt(self, path: Path, problem: str) -> CursorCorrupt:
        return CursorCorrupt(
            f"request {path} {problem}; it was left untouched", hint="delete it, and ask again with `cdc snapshot`"
        )


def new_id() -> str:
    """Later ones sort behind; two of one instant differ."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"


def pipelines(directory: Path) -> list[str]:
    """The pipelines that were ever asked for something in this folder."""
    return sorted(path.stem for path in directory.glob("*.requests"))
