"""Writers that keep a journal of what each of their operations left."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import json_util
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from tests.support.at_work import Client, Worker, at_work

Document = dict[str, Any]


class Journal:
    """By the mark `w` that each write leaves in its document: the document as that write left it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self.left: dict[int, Any] = {}

    def mark(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def note(self, mark: int, document: Document | None) -> None:
        self.left[mark] = json_util.loads(json_util.dumps(document))


class Scribe:
    """Writes to documents of its own."""

    def __init__(self, database: str, journal: Journal, number: int) -> None:
        self._database, self._journal = database, journal
        self._random = random.Random(number)
        self._first = number * 100

    def write(self, client: Client) -> None:
        info = client[self._database].info
        if self._random.random() < 0.1:
            with client.start_session() as session:
                session.with_transaction(lambda s: self._together(info, s))
        else:
            self._alone(info, self._first + self._random.randrange(60))

    def _alone(self, info: Collection[Document], key: int) -> None:
        mark, chance = self._journal.mark(), self._random.random()
        if chance < 0.15:
            info.delete_one({"_id": key})
        elif chance < 0.3:
            self._replace(info, key, mark)
        else:
            self._update(info, key, mark, None)

    def _replace(self, info: Collection[Document], key: int, mark: int) -> None:
        document = {"_id": key, "w": mark, "tags": [], "text": "x" * self._random.randrange(300)}
        left = info.find_one_and_replace({"_id": key}, document, upsert=True, return_document=ReturnDocument.AFTER)
        self._journal.note(mark, left)

    def _update(self, info: Collection[Document], key: int, mark: int, session: ClientSession | None) -> None:
        change: Document = {"$set": {"w": mark, "n": {"deep": mark}}}
        match self._random.randrange(4):
            case 0:
                change["$push"] = {"tags": {"$each": [mark, mark % 7], "$slice": -5}}
            case 1:
                change["$pop"] = {"tags": 1}
            case 2:
                change["$unset"] = {"text": 1}
        left = info.find_one_and_update({"_id": key}, change, return_document=ReturnDocument.AFTER, session=session)
        if left is not None:
            self._journal.note(mark, left)

    def _together(self, info: Collection[Document], session: ClientSession) -> None:
        """Several documents, and one of them twice."""
        keys = [self._first + 60 + self._random.randrange(30) for _ in range(3)]
        for key in [*keys, keys[0]]:
            self._update(info, key, self._journal.mark(), session)


@contextmanager
def scribes(uri: str, database: str, count: int = 4) -> Iterator[Journal]:
    """So many of them at work until the block ends; raises what one failed with."""
    journal = Journal()
    with Client(uri) as client:
        for key in range(count * 100):
            mark = journal.mark()
            document = {"_id": key, "w": mark, "tags": [], "text": "x"}
            client[database].info.insert_one(document)
            journal.note(mark, document)
    each = [Scribe(database, journal, number) for number in range(count)]
    with at_work([Worker(uri, scribe.write, pause=0.004) for scribe in each]):
        yield journal
