"""How `cdc watch` begins, what it reads, and how it ends."""

import json
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.suspending import suspended
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

CONTENT = "content-of-a-document"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_saves(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, tmp_path: Path, number: int
) -> None:
    kafka, topic = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], database
    args = ["watch", "--database", database, "--collection", "info", "--topic", topic, "--name", "p"]
    args += ["--cursor-dir", str(tmp_path)]
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: '"loaded"' in child.text or not child.alive, what="the load")
        assert child.alive, child.text
        mongo[database].info.insert_many([{"_id": n} for n in range(5000)])
        until(lambda: topics.ends(kafka, topic), what="a first record")
        assert child.stop(number) == 0
        log = child.text
    assert '"event": "stopped"' in log
    assert "error" not in log
    assert "will be sent again" not in log
    drained = topics.read(kafka, topic)
    saved = json.loads((tmp_path / "p.json").read_text())["time"]
    assert (saved["t"], saved["i"]) >= max(record.ts for record in drained)

    for _ in range(2):
        assert cdc(*args, "--once", env=servers).returncode == 0
        keys = [record.value["key"]["_id"] for record in topics.read(kafka, topic)]
        assert sorted(keys) == list(range(5000)), "each once, none missing"


def test_a_second_signal_ends_it_at_once(
    own_stack: "Callable[..., Stack]", mongo: MongoClient[dict[str, Any]], mongo_uri: str, database: str, tmp_path: Path
) -> None:
    stack = own_stack(mongo_nodes=0)
    env = {"CDC_MONGO__URI": mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka}
    args = ["watch", "--database", database, "--topic", "t", "--cursor-dir", str(tmp_path)]
    args += ["--shutdown-timeout", "100"]
    with running(*args, "--metrics-port", "0", env=env, log=tmp_path / "log") as child:
        endpoint = Endpoint(child)
        until(lambda: endpoint.ready()["code"] == 200, what="being ready")
        with suspended(stack.brokers[0]):
            mongo[database].info.insert_one({"_id": 1})
            until(lambda: endpoint.metrics()["cdc_in_flight_records"] == 1, what="a record in flight")

            def ended() -> bool:
                child.process.send_signal(signal.SIGTERM)
                return not child.alive

            until(ended, seconds=30, what="an end before the drain's own")
        assert child.wait() == 128 + signal.SIGTERM
    assert cdc(*args, "--once", env=env).returncode == 0
    assert {record.value["key"]["_id"] for record in topics.read(stack.kafka, "t")} == {1}


def dry(env: dict[str, str], *args: str) -> list[tuple[str, str, Any]]:
    """What a dry run that catches up prints: collection, operation and `_id` of each record."""
    done = cdc("watch", "--dry-run", "--once", *args, env=env)
    assert done.returncode == 0, done.stderr
    values = [json.loads(line)["value"] for line in done.stdout.splitlines()]
    return [(value["ns"]["coll"], value["op"], value["key"]["_id"]) for value in values]


def test_a_dry_run_prints_and_leaves_no_trace(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    mongo[database].info.insert_many([{"_id": 1, "n": 5}, {"_id": 2, "n": 6}])
    env = {**servers, "CDC_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "HOME": str(tmp_path), "XDG_STATE_HOME": ""}
    done = cdc("watch", "--dry-run", "--once", "--database", database, "--topic", topic, env=env)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["topic"] for line in lines] == [topic, topic]
    assert [line["key"]["_id"] for line in lines] == [1, 2]
    assert [line["value"]["after"]["n"] for line in lines] == [5, 6]
    assert list(tmp_path.iterdir()) == []
    assert topics.partitions(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic) == []


def test_a_dry_run_tells_a_collection_event_by_its_topic(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began = mongo.admin.command("ping")["operationTime"].time
    mongo[database].info.insert_one({"_id": 1})
    args = ["--dry-run", "--once", "--database", database, "--from", str(began), "--ddl-topic", "ddl"]
    done = cdc("watch", *args, env=servers)
    assert [json.loads(line)["topic"] for line in done.stdout.splitlines()] == ["ddl", f"{database}.info"]


def test_where_a_first_start_begins(mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str) -> None:
    began = mongo.admin.command("ping")["operationTime"]
    mongo[database].info.insert_many([{"_id": 1}, {"_id": 2}])
    args = ["--database", database]
    assert dry(servers, *args) == [("info", "read", 1), ("info", "read", 2)]
    assert dry(servers, *args, "--from", "now") == []
    assert dry(servers, *args, "--no-snapshot") == []
    since = began.as_datetime().isoformat()
    assert dry(servers, *args, "--from", since) == [("info", "insert", 1), ("info", "insert", 2)]


def test_a_filter_applies_to_the_load_and_to_the_changes(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    args = ["watch", "--once", "--database", database, "--collection", "info", "--topic", topic]
    args += ["--match", '{"fullDocument.n": {"$gte": 5}}', "--cursor-dir", str(tmp_path)]
    mongo[database].info.insert_many([{"_id": n, "n": n} for n in range(8)])
    assert cdc(*args, env=servers).returncode == 0
    mongo[database].info.insert_many([{"_id": 8, "n": 4}, {"_id": 9, "n": 9}])
    mongo[database].info.update_one({"_id": 0}, {"$set": {"n": 7}})
    assert cdc(*args, env=servers).returncode == 0
    found = [(record.value["op"], record.value["key"]["_id"]) for record in topics.read(kafka, topic)]
    assert found == [("read", 5), ("read", 6), ("read", 7), ("insert", 9), ("update", 0)]


def test_several_collections_and_no_other(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began = mongo.admin.command("ping")["operationTime"].time
    for name in ("a", "b", "c"):
        mongo[database][name].insert_one({"_id": name})
    args = ["--database", database, "--collection", "b", "--collection", "a"]
    assert sorted(dry(servers, *args)) == [("a", "read", "a"), ("b", "read", "b")]
    assert dry(servers, *args, "--from", str(began)) == [("a", "insert", "a"), ("b", "insert", "b")]


def test_a_whole_database_into_a_topic_for_each_collection(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, tmp_path: Path
) -> None:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    args = ["watch", "--database", database, "--topic", "{db}.{coll}", "--cursor-dir", str(tmp_path)]
    mongo[database].a.insert_many([{"_id": 1}, {"_id": 2}])
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, f"{database}.a") == 2, what="the load")
        mongo[database].made_later.insert_one({"_id": 3})
        until(lambda: topics.ends(kafka, f"{database}.made_later") == 1, what="the change")
        assert child.stop() == 0
    assert [record.value["key"]["_id"] for record in topics.read(kafka, f"{database}.a")] == [1, 2]


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_has_its_form_and_no_content(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, tmp_path: Path, form: str
) -> None:
    topic = database
    mongo[database].info.insert_many([{"_id": f"{CONTENT}-{n}", CONTENT: CONTENT} for n in range(3)])
    args = ["--database", database, "--topic", topic, "--cursor-dir", str(tmp_path), "--log-format", form, "--debug"]
    done = cdc("watch", "--once", *args, "--match", f'{{"fullDocument.{CONTENT}": "{CONTENT}"}}', env=servers)
    assert done.returncode == 0, done.stderr
    assert topics.ends(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic) == 3
    assert CONTENT not in done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert any("watching" in line for line in lines)
    assert [line for line in lines if line.startswith("{") is not (form == "json")] == []
    if form == "json":
        assert {"event", "level", "timestamp"} <= set.intersection(*(set(json.loads(line)) for line in lines))


def test_a_sleeper_sends_nothing_that_another_instance_has_overtaken(
    own_stack: "Callable[..., Stack]", mongo: MongoClient[dict[str, Any]], mongo_uri: str, database: str, tmp_path: Path
) -> None:
    """More than librdkafka has on the way at once: the rest waits in its queue, which sends of itself."""
    stack = own_stack(mongo_nodes=0)
    env = {"CDC_MONGO__URI": mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka}
    args = ["watch", "--database", database, "--collection", "info", "--topic", "t", "--name", "p", "--standby"]
    args += ["--cursor-store", "mongo", "--cursor-collection", f"{database}.cursors", "--metrics-port", "0"]
    places = [["--cursor-dir", str(tmp_path / name)] for name in ("first", "second")]
    info = mongo[database].info
    info.insert_one({"_id": 1, "n": 0})
    with running(*args, *places[0], env=env, log=tmp_path / "first.log") as first, ExitStack() as asleep:
        endpoint = Endpoint(first)
        until(lambda: topics.ends(stack.kafka, "t") == 1 or not first.alive, what="the load")
        with suspended(stack.brokers[0]):
            for number in range(1, 9):
                info.update_one({"_id": 1}, {"$set": {"n": number}})
                until(lambda: endpoint.metrics()["cdc_in_flight_records"] == number, what="a record in flight")  # noqa: B023
            asleep.enter_context(suspended(first.process))
        with running(*args, *places[1], env=env, log=tmp_path / "second.log") as second:
            info.update_one({"_id": 1}, {"$set": {"n": 9}})
            sent = partial(_last, stack.kafka)
            until(lambda: sent() == 9 or not second.alive, seconds=60, what="the last change")
            asleep.close()
            assert first.wait(60) == 6, first.text
            assert second.stop() == 0, second.text
    assert "taken over by pid" in first.text
    assert sent() == 9


def _last(kafka: str) -> int:
    """What the topic's last record says."""
    return int(topics.read(kafka, "t")[-1].value["after"]["n"])
