"""A load whose server goes away, changes its primary, forgets its history, or takes other documents' space."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.fire import document, fire
from tests.support.members import primary
from tests.support.suspending import suspended
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

DOCUMENTS = 10_000
MIB = 1024 * 1024


def arguments(topic: str, cursors: Path, *more: str) -> list[str]:
    where = ["--collection", "info", "--database", "shop", "--topic", topic, "--name", "p"]
    return ["watch", *where, "--cursor-dir", str(cursors), *more]


def load(cursors: Path) -> dict[str, Any]:
    path = cursors / "p.json"
    found: dict[str, Any] = json.loads(path.read_text())["load"] if path.exists() else {"documents": 0, "ended": None}
    return found


def wait_for(cursors: Path, child: Child, *, documents: int = 0) -> None:
    """Until so many are read, or without a number all."""

    def there() -> bool:
        assert child.alive, child.text
        found = load(cursors)
        return found["ended"] == "done" or (documents > 0 and found["documents"] >= documents)

    until(there, seconds=90, what="the load")


def check(uri: str, kafka: str, topic: str) -> None:
    records = topics.read(kafka, topic)
    with MongoClient[dict[str, Any]](uri) as client:
        assert topics.differences(records, client.shop.info.find()) == []
    assert topics.stale_reads(records) == []


def fill(client: MongoClient[dict[str, Any]], count: int = DOCUMENTS) -> None:
    client.shop.info.insert_many(document(n) for n in range(count))


def written(client: MongoClient[dict[str, Any]]) -> bool:
    """Whether there is a primary that takes a change of many documents."""
    with suppress(AutoReconnect):
        return client.shop.info.update_many({"n": {"$lt": 1000}}, {"$inc": {"v": 1}}).acknowledged
    return False


def test_mongod_killed_amid_a_load(own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path) -> None:
    stack = own_stack()
    slow = ["--max-rate", "3000", "--snapshot-round-ms", "100"]
    with MongoClient[dict[str, Any]](stack.mongo_uri) as client:
        fill(client)
        with running(*arguments(topic, tmp_path, *slow), env=stack.environment(), log=tmp_path / "log") as child:
            wait_for(tmp_path, child, documents=DOCUMENTS // 4)
            stack.mongo[0].kill()
            until(lambda: '"trying again"' in child.text, what="a retry")
            assert load(tmp_path)["ended"] is None, "the kill came amid the load"
            stack.mongo[0].start()
            client.shop.info.delete_many({"n": {"$gt": DOCUMENTS - 100}})
            wait_for(tmp_path, child)
            assert child.stop() == 0, child.text
        assert cdc(*arguments(topic, tmp_path, "--once"), env=stack.environment()).returncode == 0
    check(stack.mongo_uri, stack.kafka, topic)
    assert topics.ends(stack.kafka, topic) < DOCUMENTS * 1.5, "what was read is not read again"


def test_another_primary_amid_a_load(own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path) -> None:
    stack = own_stack(mongo_nodes=3)
    slow = ["--max-rate", "3000", "--snapshot-round-ms", "100", "--read-preference", "secondaryPreferred"]
    with MongoClient[dict[str, Any]](stack.mongo_uri, w="majority") as client:
        fill(client)
        with running(*arguments(topic, tmp_path, *slow), env=stack.environment(), log=tmp_path / "log") as child:
            for quarter in (1, 2, 3):
                wait_for(tmp_path, child, documents=DOCUMENTS * quarter // 4)
                with suppress(AutoReconnect):  # which is how some servers answer
                    primary(stack.mongo).run({"replSetStepDown": 5, "force": True})
                until(lambda: written(client), what="another primary")
            wait_for(tmp_path, child)
            assert child.stop() == 0, child.text
        assert cdc(*arguments(topic, tmp_path, "--once"), env=stack.environment()).returncode == 0
    check(stack.mongo_uri, stack.kafka, topic)


def test_a_load_longer_than_the_history_that_the_server_keeps(
    own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path
) -> None:
    stack = own_stack(mongo_settings={"setParameter.minSnapshotHistoryWindowInSeconds": 1})
    env = {**stack.environment(), "CDC_MONGO__BATCH_SIZE": "50", "CDC_PREFETCH_BYTES": "1"}
    env["CDC_KAFKA__BUFFER_BYTES"] = str(MIB)
    args = arguments(topic, tmp_path, "--debug", "--snapshot-round-ms", "60000")
    with (
        MongoClient[dict[str, Any]](stack.mongo_uri) as client,
        fire(stack.mongo_uri, "shop", documents=4 * DOCUMENTS, writers=4),
        running(*args, env=env, log=tmp_path / "log") as child,
    ):
        until(lambda: topics.ends(stack.kafka, topic) > 0 or not child.alive, what="a first record")
        with suspended(stack.brokers[0]):
            resumes = client.admin.command("ping")["operationTime"].time + 4
            until(lambda: client.admin.command("ping")["operationTime"].time > resumes, what="a history that is over")
        wait_for(tmp_path, child)
        assert child.stop() == 0, child.text
        assert "not readable at this time any more" in child.text
    assert cdc(*arguments(topic, tmp_path, "--once"), env=stack.environment()).returncode == 0
    check(stack.mongo_uri, stack.kafka, topic)


def test_large_documents_on_many_lanes_take_little_memory(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    mongo[database].info.insert_many([{"_id": n, "text": f"{n:010}" * 70_000} for n in range(150)])
    args = arguments(topic, tmp_path, "--parallel", "8", "--database", database)
    with running(*args, env=servers, log=tmp_path / "log") as child:
        process, peak = psutil.Process(child.process.pid), 0

        def done() -> bool:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)
            return bool(load(tmp_path)["ended"] == "done")

        until(done, seconds=60, what="the load")
        assert child.stop() == 0, child.text
    assert peak < 250_000_000
    assert topics.ends(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic) == 150
