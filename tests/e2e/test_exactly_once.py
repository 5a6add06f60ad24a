"""Killed, stopped and replaced at random, and a consumer of what is committed sees each change once."""

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.e2e.test_crash import DOCUMENTS, Writer
from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.refusal import refusal
from tests.support.suspending import resume, suspend
from tests.support.waiting import until

pytestmark = pytest.mark.servers

KILLS = 10
BATCH = 500


def doubles(records: Iterable[topics.Consumed]) -> list[Any]:
    """Changes that are there more than once; each has a time of its own, and a document is read once."""
    seen = Counter((record.key, record.value["op"], record.ts) for record in records)
    return [change for change, count in seen.items() if count > 1]


def written(kafka: str, topic: str) -> int:
    """With what is not committed yet."""
    return topics.ends(kafka, topic, isolation="read_uncommitted")


def arguments(database: str, topic: str, folder: Path, *more: str) -> list[str]:
    where = ["--collection", "info", "--database", database, "--topic", topic, "--cursor-dir", str(folder)]
    return ["watch", *where, "--guarantee", "exactly-once", "--cursor-topic", f"{topic}-cursors", *more]


def test_killed_at_random_it_sends_nothing_twice(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    writer = Writer(mongo[database].info, seed=random.randrange(2**32))
    args = arguments(database, topic, tmp_path)
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    writer.write(DOCUMENTS)
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: topics.committed(kafka, topic) or not child.alive, what="a first transaction")
        child.kill()
    writer.deletes.clear()
    for _ in range(KILLS):
        with running(*args, env=servers, log=tmp_path / "log") as child:
            goal = topics.ends(kafka, topic) + random.randrange(1, BATCH)
            for _ in range(5):
                writer.write(BATCH // 5)
            until(lambda: topics.ends(kafka, topic) >= goal or not child.alive, what="records")  # noqa: B023
            assert child.alive, child.text
            child.kill()
    last = cdc(*args, "--once", env=servers)
    assert last.returncode == 0, last.stderr
    records = topics.committed(kafka, topic)
    assert doubles(records) == []
    assert topics.differences(records, mongo[database].info.find()) == []
    assert topics.out_of_order(records) == []
    deleted = Counter(record.value["key"]["_id"] for record in records if record.value["op"] == "delete")
    assert deleted == writer.deletes


def test_one_that_slept_is_fenced_out_and_told_by_whom(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    info, kafka = mongo[database].info, servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    info.insert_many([{"_id": number} for number in range(100)])
    args = arguments(database, topic, tmp_path / "one")
    with running(*args, env=servers, log=tmp_path / "log") as first:
        until(lambda: len(topics.committed(kafka, topic)) == 100 or not first.alive, what="the load")
        suspend(first.process)
        info.insert_many([{"_id": number} for number in range(100, 200)])
        args = arguments(database, topic, tmp_path / "two")
        with running(*args, env=servers, log=tmp_path / "log2") as second:
            until(lambda: len(topics.committed(kafka, topic)) == 200 or not second.alive, what="the rest")
            resume(first.process)
            info.insert_many([{"_id": number} for number in range(200, 300)])
            assert first.wait(60) == 6
            assert f"was taken over by pid {second.process.pid} on" in first.text
            assert "Traceback" not in first.text
            until(lambda: len(topics.committed(kafka, topic)) >= 300 or not second.alive, what="the last")
            assert second.stop() == 0
    assert doubles(topics.committed(kafka, topic)) == []


def test_a_transaction_that_was_open_for_too_long_is_sent_again(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    info, kafka = mongo[database].info, servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    config = tmp_path / "cdc.yaml"
    config.write_text("kafka: {transaction.timeout.ms: 2000}\n")
    info.insert_one({"_id": 0})
    args = arguments(database, topic, tmp_path, "--commit-interval-ms", "1500", "--config", str(config))
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: len(topics.committed(kafka, topic)) == 1 or not child.alive, what="the load")
        stopped = until(lambda: stopped_amid_a_transaction(child, info, kafka, topic), what="an open transaction")
        until(lambda: written(kafka, topic) > stopped, seconds=60, what="the broker's end of the transaction")
        resume(child.process)
        there = info.count_documents({})
        until(lambda: len(topics.committed(kafka, topic)) >= there or not child.alive, seconds=60, what="all")
        assert child.stop() == 0, child.text
    records = topics.committed(kafka, topic)
    assert (doubles(records), len(records)) == ([], there)


def stopped_amid_a_transaction(child: Child, info: Collection[dict[str, Any]], kafka: str, topic: str) -> int:
    """How much is written where it is stopped; 0 where a commit was faster, and it goes on."""
    assert child.alive, child.text
    before = written(kafka, topic)
    info.insert_many([{} for _ in range(100)])
    until(lambda: written(kafka, topic) > before or not child.alive, what="records")
    suspend(child.process)
    if (there := written(kafka, topic)) > topics.ends(kafka, topic):
        return there
    resume(child.process)
    return 0


def test_only_kafka_can_save_the_position_with_the_records(servers: dict[str, str], tmp_path: Path) -> None:
    refused = cdc(*arguments("d", "t", tmp_path, "--cursor-store", "file"), env=servers)
    assert refused.returncode == 2
    assert "--guarantee and --cursor-store" in refused.stderr
    assert "write --cursor-store kafka" in refused.stderr


def test_a_topic_of_cursors_that_must_not_be_made_is_missed(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    mongo[database].info.insert_one({"_id": 0})
    said = refusal(cdc(*arguments(database, topic, tmp_path, "--no-create-topics"), env=servers), 2)
    assert f"--cursor-topic: '{topic}-cursors' does not exist, and --no-create-topics is set | " in said
    assert f"--create --topic {topic}-cursors --partitions 1 --config cleanup.policy=compact" in said
    assert not topics.partitions(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], f"{topic}-cursors")
