"""Threads that write until they are told to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

Client = MongoClient[dict[str, Any]]


class Worker(threading.Thread):
    """Writes again and again, with a client of its own; `failure` is what ended it before it was stopped."""

    def __init__(self, uri: str, write: Callable[[Client], None], *, pause: float) -> None:
        super().__init__(name="worker", daemon=True)
        self._uri = uri
        self._write = write
        self._pause = pause
        self._quiet = threading.Event()
        self.operations = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with Client(self._uri) as client:
                while not self._quiet.wait(self._pause):
                    self._write(client)
                    self.operations += 1
        except BaseException as error:  # noqa: BLE001 - raised by `at_work`
            self.failure = error

    def stop(self) -> None:
        self._quiet.set()


@contextmanager
def at_work(workers: Sequence[Worker]) -> Iterator[None]:
    """They write until the block ends; raises what one of them failed with."""
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
    for worker in workers:
        if worker.failure is not None:
            raise worker.failure
