"""A server goes away and comes back: nothing is lost, nothing exits, memory stays where it was."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure

from tests.support import topic as topics
from tests.support.child import Child, running
from tests.support.endpoint import Endpoint
from tests.support.members import primary
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

OUTAGE_SECONDS = 10
MIB = 1024 * 1024


def rss(child: Child) -> int:
    return int(psutil.Process(child.process.pid).memory_info().rss)


def wait_until_ready(endpoint: Endpoint) -> None:
    until(lambda: endpoint.ready()["code"] == 200, seconds=60, what="being ready")


def wait_until_equal(stack: "Stack", topic: str, client: MongoClient[dict[str, Any]], *, records: int) -> None:
    """Wait for so many records; then the topic must be the collection, each key's changes in order."""
    until(lambda: topics.ends(stack.kafka, topic) >= records, seconds=60, what=f"{records} records")
    found = topics.read(stack.kafka, topic)
    assert topics.differences(found, client.shop.info.find()) == []
    assert topics.out_of_order(found) == []


def test_mongod_stopped_and_started_again(own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path) -> None:
    stack = own_stack()
    args = ["watch", "--collection", "info", "--database", "shop", "--topic", topic, "--cursor-dir", str(tmp_path)]
    with (
        running(*args, "--metrics-port", "0", env=stack.environment(), log=tmp_path / "log") as child,
        MongoClient[dict[str, Any]](stack.mongo_uri) as client,
    ):
        endpoint = Endpoint(child)
        wait_until_ready(endpoint)
        client.shop.info.insert_many([{"_id": n, "n": 0} for n in range(1000)])
        wait_until_equal(stack, topic, client, records=1000)
        before = rss(child)

        stack.mongo[0].stop()
        until(lambda: endpoint.metrics()["cdc_lag_seconds"] >= OUTAGE_SECONDS, what="a lag of the outage's length")
        ready = endpoint.ready()
        assert ready["code"] == 503
        assert stack.mongo[0].address in ready["missing"]
        stack.mongo[0].start()

        client.shop.info.update_many({}, {"$inc": {"n": 1}})
        client.shop.info.delete_many({"_id": {"$lt": 100}})
        wait_until_equal(stack, topic, client, records=2100)
        wait_until_ready(endpoint)
        assert rss(child) - before < 20 * MIB
        assert child.stop() == 0


def test_kafka_stopped_and_started_again(own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path) -> None:
    stack = own_stack()
    args = ["watch", "--collection", "info", "--database", "shop", "--topic", topic, "--cursor-dir", str(tmp_path)]
    bounds = {"CDC_KAFKA__BUFFER_BYTES": str(8 * MIB), "CDC_PREFETCH_BYTES": str(4 * MIB)}
    with (
        running(*args, "--metrics-port", "0", env={**stack.environment(), **bounds}, log=tmp_path / "log") as child,
        MongoClient[dict[str, Any]](stack.mongo_uri) as client,
    ):
        endpoint = Endpoint(child)
        wait_until_ready(endpoint)
        client.shop.info.insert_many([{"_id": n, "text": f"{n:010}" * 100} for n in range(10_000)])
        wait_until_equal(stack, topic, client, records=10_000)
        before = rss(child)

        stack.brokers[0].stop()
        for base in range(10_000, 100_000, 10_000):
            client.shop.info.insert_many([{"_id": base + n, "text": f"{n:010}" * 100} for n in range(10_000)])
        until(lambda: endpoint.metrics()["cdc_lag_seconds"] >= OUTAGE_SECONDS, what="a lag of the outage's length")
        ready = endpoint.ready()
        assert ready["code"] == 503
        assert stack.brokers[0].address in ready["missing"]
        assert rss(child) - before < 40 * MIB, "90 MB of changes wait, and not in our memory"
        stack.brokers[0].start()

        wait_until_equal(stack, topic, client, records=100_000)
        wait_until_ready(endpoint)
        assert child.stop() == 0


def test_the_load_waits_for_the_majority(own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path) -> None:
    stack = own_stack(mongo_nodes=3)
    cursors = tmp_path / "cursors"
    args = ["watch", "--collection", "info", "--database", "shop", "--topic", topic, "--cursor-dir", str(cursors)]
    with MongoClient[dict[str, Any]](stack.mongo_uri, w="majority") as client:
        client.shop.info.insert_many([{"_id": n} for n in range(5)])
        first = primary(stack.mongo)
        behind = [node for node in stack.mongo if node is not first]
        for node in behind:
            node.run({"fsync": 1, "lock": True})
        try:
            client.shop.get_collection("info", write_concern=WriteConcern(1)).delete_many({"_id": {"$lt": 3}})
            with running(*args, "--once", env=stack.environment(), log=tmp_path / "log") as child:
                until(lambda: list(cursors.glob("*.json")) or not child.alive, what="a cursor")
                assert child.alive, child.text
                for node in behind:
                    node.run({"fsyncUnlock": 1})
                assert child.wait() == 0, child.text
        finally:
            for node in behind:
                with suppress(OperationFailure):  # not locked any more
                    node.run({"fsyncUnlock": 1})
        assert topics.differences(topics.read(stack.kafka, topic), client.shop.info.find()) == []
