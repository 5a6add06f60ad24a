"""Four writers that go on through every fault, and their own log of what they were told is done."""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError
from pymongo.write_concern import WriteConcern

from tests.support.at_work import Client, Worker, at_work

WRITERS, KEYS = 4, 100
MAJORITY = WriteConcern("majority", wtimeout=60_000)
PASSING = frozenset({64, 91, 189, 11602})
Document = dict[str, Any]
Write = tuple[int, int]
"""A document's `_id`, and the mark that the write left in it."""


@dataclass
class Log:
    """What a majority confirmed: the marks that writes left, and of deletes, by the document they took, their own.

    What the watcher cannot have seen is left out: `forget` it while all are quiet. So are deletes of what was written
    before, which a load may come too late for: their records do not tell what went. `renewed` are the documents that
    were written since.
    """

    written: set[Write] = field(default_factory=set)
    deleted: dict[Write, int] = field(default_factory=dict)
    renewed: set[int] = field(default_factory=set)
    _since: int = 0
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writing: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(WRITERS)])

    def mark(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def write(self, key: int, mark: int) -> None:
        if mark > self._since:
            self.written.add((key, mark))
            self.renewed.add(key)

    def delete(self, key: int, mark: int, found: int) -> None:
        if mark > self._since:
            self.renewed.add(key)
            if found > self._since:
                self.deleted[key, found] = mark

    def forget(self, begun: int = 0) -> None:
        """What was begun after that mark, up to now."""
        self._since = self.mark()
        self.written = {write for write in self.written if write[1] <= begun}
        self.deleted = {write: mark for write, mark in self.deleted.items() if mark <= begun}
        self.renewed = set()

    def writing(self, number: int) -> threading.Lock:
        return self._writing[number]

    @contextmanager
    def hush(self) -> Iterator[int]:
        """Nobody writes until the block ends; gives the last mark."""
        with ExitStack() as quiet:
            for lock in self._writing:
                quiet.enter_context(lock)
            yield self.mark()

    @property
    def operations(self) -> int:
        return len(self.written) + len(self.deleted)


class Writer:
    """Writes to documents of its own; what fails is not logged, since nobody knows whether it was done."""

    def __init__(self, database: str, log: Log, number: int) -> None:
        self._database, self._log, self._number = database, log, number
        self._random = random.Random(number)
        self._first = number * KEYS

    def write(self, client: Client) -> None:
        with self._log.writing(self._number):
            try:
                self._write(client)
            except (ConnectionFailure, WriteConcernError):
                return
            except OperationFailure as error:
                if not _passing(error):
                    raise

    def _write(self, client: Client) -> None:
        info = client[self._database].get_collection("info", write_concern=MAJORITY)
        key, mark = self._first + self._random.randrange(KEYS), self._log.mark()
        match self._random.randrange(10):
            case 0:
                self._delete(info, key, mark)
            case 1:
                self._many(info, mark)
            case 2:
                with client.start_session() as session:
                    session.with_transaction(lambda within: self._together(info, within), write_concern=MAJORITY)
            case 3 | 4:
                info.replace_one({"_id": key}, {"w": mark, "text": "x" * self._random.randrange(500)}, upsert=True)
                self._log.write(key, mark)
            case _:
                change = {"$set": {"w": mark}, "$push": {"tags": {"$each": [mark], "$slice": -20}}}
                info.update_one({"_id": key}, change, upsert=True)
                self._log.write(key, mark)

    def _delete(self, info: Collection[Document], key: int, mark: int) -> None:
        found = info.find_one_and_delete({"_id": key})
        if found is not None:
            self._log.delete(key, mark, found["w"])

    def _many(self, info: Collection[Document], mark: int) -> None:
        """Several documents in one command."""
        first = self._first + self._random.randrange(KEYS - 10)
        chosen = {"_id": {"$gte": first, "$lt": first + 10}}
        info.update_many(chosen, {"$set": {"w": mark}})
        for found in info.find({**chosen, "w": mark}, {"_id": 1}):
            self._log.write(found["_id"], mark)

    def _together(self, info: Collection[Document], session: ClientSession) -> None:
        """Several documents in one transaction, and one of them twice."""
        keys = [self._first + self._random.randrange(KEYS) for _ in range(3)]
        for key in [*keys, keys[0]]:
            info.update_one({"_id": key}, {"$set": {"w": self._log.mark()}}, upsert=True, session=session)


def _passing(error: PyMongoError) -> bool:
    """Elections, conflicts and the like."""
    labels = ("RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult")
    return any(error.has_error_label(label) for label in labels) or getattr(error, "code", None) in PASSING


@contextmanager
def writers(uri: str, database: str) -> Iterator[Log]:
    """They write until the block ends; raises what one of them failed with."""
    log = Log()
    each = [Writer(database, log, number) for number in range(WRITERS)]
    with at_work([Worker(uri, writer.write, pause=0.01) for writer in each]):
        yield log
