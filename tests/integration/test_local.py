import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from pymongo import MongoClient

from cdc.errors import ConfigInvalid
from cdc.local import port
from cdc.local.mongod import standalone
from cdc.local.options import Options
from cdc.local.process import wait_for
from cdc.local.stack import Stack, down, reset, status, up
from tests.support.members import primary
from tests.support.waiting import until

pytestmark = pytest.mark.servers

Start = Callable[..., Stack]
Client = MongoClient[dict[str, Any]]


def processes(folder: Path) -> list[psutil.Process]:
    """The running processes that were started on that folder."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or [])]


def insert(stack: Stack, number: int) -> None:
    with Client(stack.mongo_uri) as client:
        client.local_test.kept.insert_one({"_id": number})


def kept(stack: Stack) -> list[int]:
    with Client(stack.mongo_uri) as client:
        return [document["_id"] for document in client.local_test.kept.find()]


def create_topic(servers: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, 1)])[name].result(20)


def topics(servers: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": servers}).list_topics(timeout=20).topics)


def test_changes_are_streamed_and_topics_made(mongo: Client, kafka: str, database: str, topic: str) -> None:
    with mongo[database].watch() as stream:
        mongo[database].seen.insert_one({"_id": 1})
        assert next(stream)["operationType"] == "insert"
    create_topic(kafka, topic)
    until(lambda: topic in topics(kafka), what="the topic")


def test_a_second_up_finds_the_stack_and_starts_what_was_killed(own_stack: Start) -> None:
    first = own_stack(brokers=0)
    insert(first, 1)
    assert up(first.folder) == first

    assert first.mongo[0].pid
    os.kill(first.mongo[0].pid, signal.SIGKILL)
    assert wait_for(lambda: not first.running, 30)
    found = status(first.folder)
    assert found
    assert not found.running
    assert found.mongo[0].pid is None

    third = up(first.folder)
    assert third.running
    assert third.mongo_uri == first.mongo_uri
    assert kept(third) == [1]
    assert len(processes(first.folder)) == 1


def test_down_leaves_no_process_and_keeps_the_data_which_reset_deletes(own_stack: Start) -> None:
    stack = own_stack()
    assert len(processes(stack.folder)) == 2
    insert(stack, 7)
    create_topic(stack.kafka, "kept")

    down(stack.folder)
    assert not processes(stack.folder)
    again = up(stack.folder)
    assert (again.mongo_uri, again.kafka) == (stack.mongo_uri, stack.kafka)
    assert kept(again) == [7]
    assert "kept" in topics(again.kafka)

    foreign = stack.folder / "notes.txt"
    foreign.write_text("not the stack's")
    reset(stack.folder)
    assert not processes(stack.folder)
    assert status(stack.folder) is None
    assert {file.name for file in stack.folder.iterdir()} == {".lock", "notes.txt"}


def test_a_server_is_killed_and_started_alone(own_stack: Start) -> None:
    stack = own_stack(mongo_nodes=0)
    broker = stack.brokers[0]
    create_topic(stack.kafka, "kept")
    before = broker.pid
    broker.kill()
    assert not broker.running
    assert not port.accepts(broker.port)
    broker.start()
    assert broker.pid not in (None, before)
    assert status(stack.folder) == stack
    assert "kept" in topics(stack.kafka)


def test_three_members_elect_another_primary(own_stack: Start) -> None:
    stack = own_stack(mongo_nodes=3, brokers=0)
    insert(stack, 1)
    first = primary(stack.mongo)
    first.kill()
    insert(stack, 2)
    first.start()
    assert sorted(kept(stack)) == [1, 2]
    assert stack.running


def test_settings_reach_the_servers(own_stack: Start) -> None:
    stack = own_stack(
        mongo_settings={"replication.oplogSizeMB": 16, "setParameter.cursorTimeoutMillis": 1234},
        kafka_settings={"message.max.bytes": 4321},
    )
    with Client(stack.mongo_uri) as client:
        assert client.local.command("collStats", "oplog.rs")["maxSize"] == 16 * 1024 * 1024
        assert client.admin.command({"getParameter": 1, "cursorTimeoutMillis": 1})["cursorTimeoutMillis"] == 1234
    broker = ConfigResource(ResourceType.BROKER, "1")
    admin = AdminClient({"bootstrap.servers": stack.kafka})
    found = admin.describe_configs([broker])[broker].result(20)
    assert found["message.max.bytes"].value == "4321"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"kafka_settings": {"log.segment.bytes": "banana"}}, "kafka-1 .*banana"),
        ({"kafka_settings": {"authorizer.class.name": "no.such.Class"}}, "kafka-1 ended at its start: .*no.such.Class"),
        ({"mongo_settings": {"net.banana": 1}}, "mongod-1 ended at its start: .*net.banana"),
    ],
    ids=["kafka", "kafka-late", "mongod"],
)
def test_a_half_started_stack_cleans_up(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        up(tmp_path, **settings)
    assert not processes(tmp_path)
    assert status(tmp_path) is None
    assert not [folder for folder in tmp_path.iterdir() if folder.is_dir()]


def test_a_failed_start_leaves_an_earlier_stack_as_it_was(own_stack: Start) -> None:
    stack = own_stack()
    insert(stack, 1)
    broker = stack.brokers[0]
    broker.stop()
    properties = broker.home / "data" / "meta.properties"
    properties.write_text(properties.read_text().replace("node.id=1", "node.id=9"))
    with pytest.raises(ConfigInvalid, match="kafka-1 ended at its start"):
        up(stack.folder)
    assert len(processes(stack.folder)) == 1
    assert kept(stack) == [1]


def test_a_taken_port_is_named_by_its_option(own_stack: Start, tmp_path: Path) -> None:
    taken = own_stack(brokers=0).mongo[0].port
    refused: list[tuple[Options, str]] = [
        ({"mongo_port": taken, "brokers": 0}, "--mongo-port"),
        ({"mongo_nodes": 0, "kafka_port": taken}, "--kafka-port"),
    ]
    for wanted, option in refused:
        with pytest.raises(ConfigInvalid, match=f"{option}: .*{taken}: Address already in use"):
            up(tmp_path / option, **wanted)
        assert not processes(tmp_path / option)


def test_two_ups_at_once_start_one_stack(tmp_path: Path) -> None:
    code = "import pathlib; from cdc.local.stack import up; print(up(pathlib.Path({!r}), brokers=0).mongo[0].pid)"
    command = [sys.executable, "-c", code.format(str(tmp_path))]
    begin = partial(subprocess.Popen[str], command, stdout=subprocess.PIPE, text=True)
    try:
        with begin() as one, begin() as other:
            pids = {one.communicate(timeout=60)[0], other.communicate(timeout=60)[0]}
        assert pids == {f"{process.pid}\n" for process in processes(tmp_path)}
        assert len(pids) == 1
    finally:
        reset(tmp_path)


def test_a_standalone_has_no_replica_set(tmp_path: Path) -> None:
    server = standalone(tmp_path)
    try:
        with Client(server.uri) as client:
            assert client.admin.command("ping")["ok"]
            assert "setName" not in client.admin.command("hello")
    finally:
        server.stop()
    assert not processes(tmp_path)
