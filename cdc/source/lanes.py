"""Several chunks read at once, each on a thread of its own."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cdc.events import Chunk

PATIENCE_SECONDS = 0.1
"""How often a lane that nobody takes anything from looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A reply of the chunk at `place` among those of the round, read up to `after`; `done` with the last one."""

    place: int
    raw: bytes
    documents: int
    after: bytes | None
    done: bool


Read = Callable[[int, Chunk], Iterator[Piece]]


class Lanes:
    """Reads pieces of the chunks until it is `over`; each lane reads at least one.

    At most `count` pieces wait, and each lane holds one.
    """

    def __init__(self, chunks: Sequence[Chunk], read: Read, count: int, over: Callable[[], bool]) -> None:
        self._chunks = iter(list(enumerate(chunks)))
        self._read = read
        self._count = count
        self._over = over
        self._out: queue.Queue[Piece | BaseException | None] = queue.Queue(count)
        self._taking = threading.Lock()
        self._ended = threading.Event()

    def pieces(self) -> Iterator[Piece]:
        """In the order in which they come; raises what a lane fails with."""
        threads = [threading.Thread(target=self._run, name="lane", daemon=True) for _ in range(self._count)]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                piece = self._out.get()
                if isinstance(piece, BaseException):
                    raise piece
                if piece is None:
                    running -= 1
                else:
                    yield piece
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(2 * PATIENCE_SECONDS)

    def _run(self) -> None:
        try:
            self._lane()
        except BaseException as error:  # noqa: BLE001 - handed to who takes the pieces, which raises it
            self._put(error)
        finally:
            self._put(None)

    def _lane(self) -> None:
        while not self._ended.is_set() and (chunk := self._next()):
            for piece in self._read(*chunk):
                self._put(piece)
                if self._over() or self._ended.is_set():
                    return

    def _next(self) -> tuple[int, Chunk] | None:
        with self._taking:
            return next(self._chunks, None)

    def _put(self, item: Piece | BaseException | None) -> None:
        while not self._ended.is_set():
            with suppress(queue.Full):
                self._out.put(item, timeout=PATIENCE_SECONDS)
                return
