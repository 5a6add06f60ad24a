"""What stands in the topic: tombstones, dead letters, documents of every size."""

import random
from pathlib import Path
from typing import Any

import psutil
import pytest
from bson.raw_bson import RawBSONDocument
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from pymongo.collection import Collection

from cdc import Envelope
from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.waiting import until

pytestmark = pytest.mark.servers

MIB = 1024 * 1024
LARGE = 300
"""Documents of 1 MiB: several times what all buffers hold. The benchmark runs a thousand."""


@pytest.fixture
def info(mongo: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo[database].info


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    cursors = str(tmp_path / "cursors")
    return ["watch", "--collection", "info", "--database", database, "--topic", topic, "--cursor-dir", cursors]


def make(kafka: str, topic: str, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result()


def once(args: list[str], servers: dict[str, str]) -> None:
    ended = cdc(*args, "--once", env=servers)
    assert ended.returncode == 0, ended.stderr


def test_every_record_is_an_envelope(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    info.insert_one({"_id": 0})
    once(args, servers)
    info.insert_one({"_id": 1, "list": [1, 2, 3], "gone": True})
    info.update_one({"_id": 1}, {"$set": {"x": 1, "list": [1]}, "$unset": {"gone": ""}})
    info.replace_one({"_id": 1}, {"y": 2})
    info.delete_one({"_id": 1})
    once(args, servers)
    records = topics.read(kafka, topic)
    envelopes = [Envelope.model_validate_json(record.raw or b"") for record in records]
    assert [envelope.op for envelope in envelopes] == ["read", "insert", "update", "replace", "delete"]
    assert [record.key for record in records] == [b'{"_id":0}'] + [b'{"_id":1}'] * 4
    assert [record.ms for record in records] == [envelope.ts_ms for envelope in envelopes]
    assert all(list(record.value) == list(Envelope.model_fields) for record in records)


@pytest.mark.parametrize(
    ("policy", "option", "tombstones"),
    [
        ("compact", [], 1),
        ("delete", [], 0),
        ("compact", ["--no-tombstones"], 0),
        ("delete", ["--tombstones"], 1),
    ],
)
def test_a_delete_leaves_a_tombstone_where_that_is_wanted(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], topic: str,
    policy: str, option: list[str], tombstones: int,
) -> None:  # fmt: skip
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    make(kafka, topic, **{"cleanup.policy": policy})
    once([*args, "--no-snapshot"], servers)
    info.insert_one({"_id": 1})
    info.delete_one({"_id": 1})
    once([*args, *option], servers)
    records = topics.read(kafka, topic)
    assert [record.raw is None for record in records] == [False, False] + [True] * tombstones
    assert {record.key for record in records} == {b'{"_id":1}'}


def test_a_missing_topic_is_made_as_configured(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    info.insert_many([{"_id": n} for n in range(100)])
    file = tmp_path / "cdc.yaml"
    file.write_text("kafka: {partitions: 3, replication_factor: 1, topic_config: {cleanup.policy: compact}}")
    ended = cdc(*args, "--once", "--config", str(file), env=servers)
    assert ended.returncode == 0, ended.stderr
    assert '"event": "topic made"' in ended.stderr
    assert len(topics.partitions(kafka, topic)) == 3
    assert {record.partition for record in topics.read(kafka, topic)} == {0, 1, 2}
    info.delete_one({"_id": 1})
    once(args, servers)
    assert [record.key for record in topics.read(kafka, topic) if record.raw is None] == [b'{"_id":1}']


def unencodable(info: Collection[dict[str, Any]], key: int) -> None:
    """A document that is no UTF-8, as a careless driver may have left it."""
    text = b"\xff\xfe\x00"
    body = b"\x10_id\x00" + key.to_bytes(4, "little") + b"\x02t\x00" + len(text).to_bytes(4, "little") + text + b"\x00"
    info.insert_one(RawBSONDocument((len(body) + 4).to_bytes(4, "little") + body))


def test_poison_becomes_a_dead_letter_and_the_rest_goes_on(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    make(kafka, topic, **{"max.message.bytes": "100000"})
    once([*args, "--no-snapshot"], servers)
    info.insert_one({"_id": 1})
    unencodable(info, 2)
    info.insert_one({"_id": 3, "t": random.Random(3).randbytes(300_000).hex()})
    info.insert_one({"_id": 4})
    once([*args, "--dead-letter-topic", f"{topic}-dead"], servers)
    assert [record.key for record in topics.read(kafka, topic)] == [b'{"_id":1}', b'{"_id":4}']
    letters = {letter.key: letter.value for letter in topics.read(kafka, f"{topic}-dead")}
    assert set(letters) == {b'{"_id":2}', b'{"_id":3}'}
    assert "utf-8" in letters[b'{"_id":2}']["reason"]
    assert "larger than the broker takes" in letters[b'{"_id":3}']["reason"]
    assert all(letter["op"] == "insert" and letter["token"] for letter in letters.values())


@pytest.mark.parametrize("poison", ["unencodable", "too large"])
def test_without_a_dead_letter_topic_poison_stops_before_it(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], topic: str, poison: str
) -> None:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    make(kafka, topic, **{"max.message.bytes": "100000"})
    once([*args, "--no-snapshot"], servers)
    info.insert_one({"_id": 1})
    if poison == "unencodable":
        unencodable(info, 2)
    else:
        info.insert_one({"_id": 2, "t": random.Random(3).randbytes(300_000).hex()})
    info.insert_one({"_id": 3})
    for _ in range(2):
        ended = cdc(*args, "--once", env=servers)
        assert ended.returncode == 5, ended.stderr
        errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert "insert at 2" in errors[0]
        assert "hint: set --dead-letter-topic" in ended.stderr
    once([*args, "--dead-letter-topic", f"{topic}-dead"], servers)
    assert {record.key for record in topics.read(kafka, topic)} == {b'{"_id":1}', b'{"_id":3}'}
    assert {letter.key for letter in topics.read(kafka, f"{topic}-dead")} == {b'{"_id":2}'}


def test_documents_of_a_megabyte_fit_into_little_memory(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], topic: str, tmp_path: Path
) -> None:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    make(kafka, topic, **{"max.message.bytes": str(4 * MIB)})
    noise = random.Random(1)
    for base in range(0, LARGE, 10):
        info.insert_many([{"_id": base + n, "t": noise.randbytes(MIB // 2).hex()} for n in range(10)])
    peak = 0
    with running(*args, env=servers, log=tmp_path / "log") as child:
        process = psutil.Process(child.process.pid)

        def done() -> bool:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)
            return topics.ends(kafka, topic) >= LARGE

        until(done, seconds=100, what=f"{LARGE} records")
        assert child.stop() == 0
    assert peak < 250 * MIB, f"{peak / MIB:.0f} MiB"


def test_stored_images_are_told_apart_from_looked_up_ones(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    info.database.command({"create": "info", "changeStreamPreAndPostImages": {"enabled": True}})
    once([*args, "--no-snapshot"], servers)
    info.insert_one({"_id": 1, "n": 1})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    info.delete_one({"_id": 1})
    once([*args, "--full-document", "required", "--before", "required"], servers)
    found = [record.value for record in topics.read(kafka, topic)]
    assert [(value["before"] or {}).get("n") for value in found] == [None, 1, 2, 3]
    assert [(value["after"] or {}).get("n") for value in found] == [1, 2, 3, None]
    assert [value["source"]["image"] for value in found] == ["event", "stored", "stored", "stored"]


@pytest.mark.parametrize("option", ["--full-document", "--before"])
def test_an_image_that_is_required_and_was_not_stored_stops_by_name(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], option: str
) -> None:
    once([*args, "--no-snapshot"], servers)
    info.insert_one({"_id": 1})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    ended = cdc(*args, "--once", option, "required", env=servers)
    assert ended.returncode == 2, ended.stderr
    assert "did not store the image" in ended.stderr
    assert "collMod" in ended.stderr


@pytest.mark.parametrize("guarantee", [[], ["--guarantee", "exactly-once"]], ids=["at-least-once", "exactly-once"])
def test_a_record_that_is_too_large_takes_no_neighbour_along(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], topic: str, guarantee: list[str]
) -> None:
    args = [*args, *guarantee]
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    make(kafka, topic, **{"max.message.bytes": "20000"})
    once([*args, "--no-snapshot"], servers)
    noise = random.Random(3)
    large = {300, 301, 700}
    info.insert_many([{"_id": n, "t": noise.randbytes(50_000 if n in large else 500).hex()} for n in range(1000)])
    once([*args, "--dead-letter-topic", f"{topic}-dead"], servers)
    assert {record.value["key"]["_id"] for record in topics.committed(kafka, topic)} == set(range(1000)) - large
    letters = [letter.value["key"]["_id"] for letter in topics.committed(kafka, f"{topic}-dead")]
    assert sorted(letters) == sorted(large)
