"""Where cursors are kept, behind one face: a folder, a collection, a compacted topic."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from pydantic import ValidationError

from cdc.cursor import disk
from cdc.cursor.cursor import Cursor, WatchedSource
from cdc.cursor.lock import Lock
from cdc.cursor.requests import Requests
from cdc.cursor.standby import Standby
from cdc.errors import CursorCorrupt, Fenced
from cdc.events import Position
from cdc.metrics import timed


class Store(ABC):
    """Implements `pipeline.CursorStore` for one pipeline, `name`, that watches `source`.

    `directory` holds the lock of the name on this machine and what is asked of its watcher, wherever the cursor is.
    """

    def __init__(self, directory: Path, name: str, source: WatchedSource) -> None:
        self.requests = Requests(directory, name)
        self._lock = Lock(directory, name)
        self.name = name
        self._source = source

    @property
    @abstractmethod
    def where(self) -> str:
        """Where the cursor is, in words."""

    @property
    @abstractmethod
    def options(self) -> str:
        """The options of a command that is to find it there."""

    @abstractmethod
    def text(self) -> bytes | None:
        """The cursor as it is kept, None where there is none. Raises `StoreUnreachable`."""

    @abstractmethod
    def keep(self, text: str | None) -> None:
        """Keep this cursor, or none, in one step (I2). Raises `StoreUnreachable`, or `Fenced` where it is another's."""

    @abstractmethod
    def names(self) -> list[str]:
        """The pipelines that have a cursor there."""

    patience: float | None = None
    """Seconds after which a record is not to be sent any more: another instance may have gone on; None is for ever."""

    def confirm(self) -> None:  # noqa: B027 - where there is no lease there is nothing to ask
        """Raises `Fenced` where the lease may have ended meanwhile, and another instance goes on."""

    def begin(self) -> bytes | None:
        """What stands there as an attempt begins; from now on nobody else may change it, where that can be had."""
        return self.text()

    def load(self) -> Position | None:
        cursor = self._parsed(self.begin())
        if cursor is None:
            return None
        if cursor.source != self._source:
            raise CursorCorrupt(
                f"cursor {self.where} belongs to {cursor.source}, not to {self._source}",
                hint=f"give this pipeline a --name of its own, or forget the cursor with {self._reset}",
            )
        return cursor.position

    def read(self) -> Cursor | None:
        """The cursor as it stands; one that is torn or of another version is refused, never taken for none (I2)."""
        return self._parsed(self.text())

    @timed("cursor.save")
    def save(self, position: Position) -> None:
        """A request is settled only after the position at which its load has ended is saved."""
        self.keep(Cursor.of(self.name, self._source, position).written)
        self.requests.settle(position.load)

    def forget(self) -> None:
        """Drop the position, and with it what was asked for: the next start loads everything."""
        self.keep(None)
        self.requests.clear()

    @property
    def holder(self) -> str | None:
        """Who owns the name on this machine, in words, or None where no process does."""
        return self._lock.holder

    @contextmanager
    def held(self, *, standby: Standby | None = None) -> Iterator[None]:
        """Own the name until the block ends, or the process does.

        With `standby`, wait while another process has it, or until that is over: the block then owns nothing.

        Raises: Fenced: another process owns it.
        """
        with self._lock.held(standby=standby), nullcontext() if _over(standby) else self.leased(standby=standby):
            yield

    @abstractmethod
    def leased(self, *, standby: Standby | None) -> AbstractContextManager[None]:
        """Own the cursor among all machines, where that can be had."""

    def _parsed(self, text: bytes | None) -> Cursor | None:
        if text is None:
            return None
        try:
            return Cursor.model_validate_json(text)
        except ValidationError as error:
            raise CursorCorrupt(
                f"cursor {self.where} {disk.damage(text, error)}; it was left untouched",
                hint=f"restore it from a copy, or forget it with {self._reset} and load everything again",
            ) from error

    def _taken_over(self, owner: object, *, hint: str) -> Fenced:
        return Fenced(f"pipeline {self.name!r} was taken over by {owner or 'another instance'}", hint=hint)

    @property
    def _reset(self) -> str:
        return f"`cdc cursor reset --name {self.name} {self.options}`"


def _over(standby: Standby | None) -> bool:
    return standby is not None and standby.over.is_set()
