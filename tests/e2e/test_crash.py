"""SIGKILL at random, and every change is in the topic all the same."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateOne
from pymongo.collection import Collection

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.waiting import until

pytestmark = pytest.mark.servers

KILLS = 20
OPERATIONS = 20_000
DOCUMENTS = 500


class Writer:
    """Mixed operations on a few documents, and a log of the deletes."""

    def __init__(self, collection: Collection[dict[str, Any]], seed: int) -> None:
        self._collection = collection
        self._random = random.Random(seed)
        self._alive: set[int] = set()
        self._count = 0
        self.deletes: dict[int, int] = {}

    def write(self, operations: int) -> None:
        """In order, so that the log is what happened."""
        self._collection.bulk_write([self._operation() for _ in range(operations)], ordered=True)

    def _operation(self) -> InsertOne[Any] | UpdateOne | ReplaceOne[Any] | DeleteOne:
        self._count += 1
        key = self._random.randrange(DOCUMENTS)
        if key not in self._alive:
            self._alive.add(key)
            return InsertOne({"_id": key, "n": self._count, "tags": ["a"]})
        kind = self._random.random()
        if kind < 0.2:
            self._alive.discard(key)
            self.deletes[key] = self.deletes.get(key, 0) + 1
            return DeleteOne({"_id": key})
        if kind < 0.4:
            return ReplaceOne({"_id": key}, {"n": self._count, "replaced": True})
        return UpdateOne({"_id": key}, {"$set": {"n": self._count}, "$push": {"tags": self._count % 7}})


def test_killed_at_random_it_loses_nothing(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    writer = Writer(mongo[database].info, seed=random.randrange(2**32))
    args = ["watch", "--collection", "info", "--database", database, "--topic", topic, "--cursor-dir", str(tmp_path)]
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    writer.write(DOCUMENTS)
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: list(tmp_path.glob("*.json")), what="a cursor")
        child.kill()
    writer.deletes.clear()

    for _ in range(KILLS):
        with running(*args, env=servers, log=tmp_path / "log") as child:
            before = topics.ends(kafka, topic)
            goal = before + random.randrange(1, OPERATIONS // KILLS)
            for _ in range(10):
                writer.write(OPERATIONS // KILLS // 10)
            reached = partial(_reached, kafka, topic, goal, child)
            until(reached, what=f"{goal} records")
            assert child.alive, child.text
            child.kill()

    last = cdc(*args, "--once", env=servers)
    assert last.returncode == 0, last.stderr
    records = topics.read(kafka, topic)
    assert topics.differences(records, mongo[database].info.find()) == []
    assert topics.out_of_order(records) == []
    deleted: dict[int, set[tuple[int, int]]] = {}
    for record in records:
        if record.value["op"] == "delete":
            deleted.setdefault(record.value["key"]["_id"], set()).add(record.ts)
    assert {key: len(times) for key, times in deleted.items()} == writer.deletes


def _reached(kafka: str, topic: str, goal: int, child: Child) -> bool:
    return topics.ends(kafka, topic) >= goal or not child.alive
