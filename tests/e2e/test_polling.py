"""A standalone server, which has no change streams, polled by its increment field."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from cdc.local.mongod import standalone
from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.refusal import refusal
from tests.support.waiting import until

pytestmark = pytest.mark.servers

Info = Collection[dict[str, Any]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URI."""
    server = standalone(tmp_path_factory.mktemp("standalone"))
    yield server.uri
    server.stop()


@pytest.fixture
def info(alone: str, topic: str) -> Iterator[Info]:
    """A collection, in a database of the topic's name."""
    with MongoClient[dict[str, Any]](alone) as client:
        yield client[topic].info
        client.drop_database(topic)


@pytest.fixture
def env(alone: str, kafka: str) -> dict[str, str]:
    return {"CDC_MONGO__URI": alone, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}


@pytest.fixture
def args(topic: str, tmp_path: Path) -> list[str]:
    where = ["--collection", "info", "--database", topic, "--topic", topic, "--name", "p"]
    return ["watch", *where, "--cursor-dir", str(tmp_path), "--increment-field", "at", "--poll-interval", "0.1"]


def now(*, ago: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=ago)


def has(kafka: str, topic: str, records: int) -> bool:
    return topics.ends(kafka, topic) == records


def sent(kafka: str, topic: str) -> list[Any]:
    return [record.value["after"]["_id"] for record in topics.read(kafka, topic)]


def test_inserts_and_updates_are_seen_once_and_late_ones_too(
    info: Info,
    env: dict[str, str],
    args: list[str],
    kafka: str,
    topic: str,
    tmp_path: Path,
) -> None:
    info.insert_many([{"_id": n, "at": now(ago=1000 - n)} for n in range(500)] + [{"_id": "bare"}])
    with running(*args, "--metrics-port", "0", env=env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) >= 501 or not child.alive, what="the load")
        info.insert_one({"_id": "new", "at": now()})
        until(lambda: topics.ends(kafka, topic) == 502, what="an insert")
        info.update_one({"_id": 7}, {"$set": {"at": now(), "n": 1}})
        until(lambda: topics.ends(kafka, topic) == 503, what="an update")
        info.insert_one({"_id": "late", "at": now(ago=5)})
        until(lambda: topics.ends(kafka, topic) == 504, what="what was written late")
        info.update_one({"_id": "late"}, {"$set": {"n": 2}})
        until(lambda: topics.ends(kafka, topic) == 505, what="a change within the lag, though the field stays")
        for number in range(10):
            info.insert_one({"_id": f"more{number}", "at": now()})
            until(partial(has, kafka, topic, 506 + number), what="one more, and none again")
        ready = Endpoint(child).ready()
        assert ready["code"] == 200
        assert "not seen are deletes" in ready["notice"]
        assert child.stop() == 0, child.text
        assert "not seen are deletes" in child.text
    records = topics.read(kafka, topic)
    assert topics.differences(records, info.find()) == []
    assert {record.value["op"] for record in records} == {"read"}


def test_killed_amid_its_load_and_amid_its_polls_it_goes_on(
    info: Info,
    env: dict[str, str],
    args: list[str],
    kafka: str,
    topic: str,
    tmp_path: Path,
) -> None:
    info.create_index({"at": 1, "_id": 1})
    info.insert_many([{"_id": n, "at": now(ago=10_000 - n)} for n in range(4000)])
    slow = ["--max-rate", "700", "--snapshot-round-ms", "50"]
    with running(*args, *slow, env=env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) > 1500 or not child.alive, what="a part of the load")
        until(lambda: json.loads((tmp_path / "p.json").read_text())["load"]["documents"] > 500, what="a checkpoint")
        child.kill()
    assert topics.ends(kafka, topic) < 4000
    with running(*args, env=env, log=tmp_path / "log") as child:
        until(lambda: len(set(sent(kafka, topic))) == 4000, what="the load")
        info.update_many({"_id": {"$lt": 100}}, {"$set": {"at": now(), "n": 1}})
        child.kill()
    info.insert_many([{"_id": f"new{n}", "at": now()} for n in range(50)])
    last = cdc(*args, "--once", env=env)
    assert last.returncode == 0, last.stderr
    records = topics.read(kafka, topic)
    assert topics.differences(records, info.find()) == []
    assert len(records) < 4150 * 1.7, "what was in flight, and the lag, come again; no more"
    assert json.loads((tmp_path / "p.json").read_text())["phase"] == "poll"


def test_every_type_of_the_field_is_followed_for_itself(
    info: Info,
    env: dict[str, str],
    args: list[str],
    kafka: str,
    topic: str,
    tmp_path: Path,
) -> None:
    info.insert_many([{"_id": 1, "at": now()}, {"_id": 2, "at": 5}, {"_id": 3, "at": "b"}])
    with running(*args, env=env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) >= 3 or not child.alive, what="the load")
        info.insert_many(
            [{"_id": 4, "at": 5.5}, {"_id": 5, "at": "c"}, {"_id": 6, "at": now()}, {"_id": 7, "at": True}]
        )
        until(lambda: set(sent(kafka, topic)) == {1, 2, 3, 4, 5, 6, 7}, what="one of each")
        assert child.stop() == 0, child.text


def test_a_filter_on_documents_holds_for_polls_too(
    info: Info,
    env: dict[str, str],
    args: list[str],
    kafka: str,
    topic: str,
    tmp_path: Path,
) -> None:
    info.insert_many([{"_id": 1, "at": 1, "lang": "de"}, {"_id": 2, "at": 2, "lang": "en"}])
    with running(*args, "--where", '{"lang": "en"}', env=env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) >= 1 or not child.alive, what="the load")
        info.insert_many([{"_id": 3, "at": 3, "lang": "de"}, {"_id": 4, "at": 4, "lang": "en"}])
        until(lambda: 4 in sent(kafka, topic), what="a poll")
        assert child.stop() == 0, child.text
    assert set(sent(kafka, topic)) == {2, 4}


def test_a_snapshot_of_a_polling_watch(
    info: Info,
    env: dict[str, str],
    args: list[str],
    kafka: str,
    topic: str,
    tmp_path: Path,
) -> None:
    info.insert_many([{"_id": n, "at": n} for n in range(20)])
    with running(*args, env=env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) >= 20 or not child.alive, what="the load")
        again = cdc("snapshot", *args[1:9], "--cursor-dir", str(tmp_path), env=env)
        assert again.returncode == 0, again.stderr
        assert topics.ends(kafka, topic) >= 40
        refused = cdc("snapshot", *args[1:9], "--cursor-dir", str(tmp_path), "--where", '{"$nope": 1}', env=env)
        assert "--where: the server refuses it: unknown top level operator: $nope" in refusal(refused, 2)
        assert child.alive
        assert child.stop() == 0, child.text


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--match", "{}"], "--match: a standalone server is polled, and has no change events to filter | filter its"),
        (["--increment-field", "nope"], "--increment-field: no document of {topic}.info has 'nope'"),
    ],
)
def test_what_does_not_fit_is_named(
    info: Info,
    env: dict[str, str],
    args: list[str],
    topic: str,
    option: list[str],
    says: str,
) -> None:
    info.insert_one({"_id": 1, "at": 1})
    assert says.format(topic=topic) in refusal(cdc(*args, *option, env=env), 2)
