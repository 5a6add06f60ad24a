"""What happens to collections while they are watched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.endpoint import Endpoint
from tests.support.topic import Consumed
from tests.support.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def db(mongo: MongoClient[dict[str, Any]], database: str) -> Database[dict[str, Any]]:
    return mongo[database]


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    return ["watch", "--database", database, "--topic", topic, "--cursor-dir", str(tmp_path / "cursors")]


@pytest.fixture
def watch(
    args: list[str], servers: dict[str, str], db: Database[dict[str, Any]], tmp_path: Path, topic: str
) -> Iterator[Child]:
    """Watches the collection `info`, which is there, and sends collection events to the topic's `-ddl`."""
    db.info.insert_one({"_id": "first"})
    options = ["--collection", "info", "--ddl-topic", f"{topic}-ddl", "--metrics-port", "0"]
    with running(*args, *options, env=servers, log=tmp_path / "log") as child:
        wait_for_records(servers, topic, 1)
        yield child


def wait_for_records(servers: dict[str, str], topic: str, count: int) -> list[Consumed]:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    until(lambda: topics.ends(kafka, topic) >= count, what=f"{count} records in {topic}")
    return topics.read(kafka, topic)


def operations(records: list[Consumed]) -> list[str]:
    return [record.value["op"] for record in records]


def test_dropped_and_made_again(
    watch: Child, db: Database[dict[str, Any]], servers: dict[str, str], topic: str
) -> None:
    db.info.drop()
    db.info.insert_one({"_id": "again"})
    records = wait_for_records(servers, topic, 2)
    assert operations(records) == ["read", "insert"]
    assert records[-1].value["after"] == {"_id": "again"}
    assert operations(wait_for_records(servers, f"{topic}-ddl", 3))[:3] == ["drop", "invalidate", "create"]
    assert '"operation": "drop"' in watch.text
    metrics = Endpoint(watch).metrics()
    assert metrics["cdc_events_total{operation=drop}"] == 1
    assert watch.alive


def test_renamed_away_and_back(watch: Child, db: Database[dict[str, Any]], servers: dict[str, str], topic: str) -> None:
    db.info.rename("elsewhere")
    renamed = wait_for_records(servers, f"{topic}-ddl", 1)[0].value
    assert (renamed["op"], renamed["to"]) == ("rename", {"db": db.name, "coll": "elsewhere"})
    db.elsewhere.insert_one({"_id": "not ours"})
    db.elsewhere.rename("info")
    db.info.insert_one({"_id": "ours"})
    records = wait_for_records(servers, topic, 2)
    assert [record.value["key"] for record in records] == [{"_id": "first"}, {"_id": "ours"}]
    assert watch.alive


def test_dropped_while_nobody_watched(
    watch: Child, db: Database[dict[str, Any]], servers: dict[str, str], args: list[str], topic: str
) -> None:
    assert watch.stop() == 0
    db.info.delete_one({"_id": "first"})
    db.info.drop()
    db.info.insert_one({"_id": "again"})
    ended = cdc(*args, "--collection", "info", "--once", env=servers)
    assert ended.returncode == 0, ended.stderr
    assert operations(wait_for_records(servers, topic, 3)) == ["read", "delete", "insert"]


def test_the_position_moves_on_while_only_others_are_busy(
    watch: Child, db: Database[dict[str, Any]], tmp_path: Path
) -> None:
    (cursor,) = (tmp_path / "cursors").glob("*.json")
    until(lambda: '"phase": "stream"' in cursor.read_text(), what="the end of the load")
    for _ in range(3):
        before = cursor.read_text()
        db.others.insert_one({})
        until(lambda before=before: cursor.read_text() != before, what="a newer cursor")  # type: ignore[misc]
    assert watch.alive


def test_a_whole_database_by_template(
    db: Database[dict[str, Any]], servers: dict[str, str], args: list[str], topic: str, tmp_path: Path
) -> None:
    db.old.insert_one({"_id": 1})
    args[args.index(topic)] = f"{topic}-{{coll}}"
    with running(*args, env=servers, log=tmp_path / "log") as child:
        assert operations(wait_for_records(servers, f"{topic}-old", 1)) == ["read"]
        db.new.insert_one({"_id": 1})
        db.old.update_one({"_id": 1}, {"$set": {"x": 1}})
        assert operations(wait_for_records(servers, f"{topic}-new", 1)) == ["insert"]
        assert operations(wait_for_records(servers, f"{topic}-old", 2)) == ["read", "update"]
        assert child.stop() == 0


def test_several_collections_in_one_topic_keep_their_keys_apart(
    db: Database[dict[str, Any]], servers: dict[str, str], args: list[str], topic: str
) -> None:
    for name in ("a", "b", "c"):
        db[name].insert_one({"_id": 1, "from": name})
    ended = cdc(*args, "--collection", "a", "--collection", "b", "--once", env=servers)
    assert ended.returncode == 0, ended.stderr
    records = wait_for_records(servers, topic, 2)
    assert sorted(record.value["after"]["from"] for record in records) == ["a", "b"]
    assert len({record.key for record in records}) == 2


def test_a_transaction_is_told_by_its_number(
    watch: Child, mongo: MongoClient[dict[str, Any]], db: Database[dict[str, Any]], servers: dict[str, str], topic: str
) -> None:
    with mongo.start_session() as session, session.start_transaction():
        db.info.insert_one({"_id": 1}, session=session)
        db.info.insert_one({"_id": 2}, session=session)
    one, two = (record.value for record in wait_for_records(servers, topic, 3)[1:])
    assert one["txn"] == two["txn"]
    assert isinstance(one["txn"]["n"], int)
    assert one["ts"] == two["ts"]
    assert watch.alive


def test_once_sends_a_transaction_whole(
    mongo: MongoClient[dict[str, Any]], db: Database[dict[str, Any]], servers: dict[str, str], args: list[str]
) -> None:
    db.create_collection("info")
    begun = mongo.admin.command("ping")["operationTime"]
    with mongo.start_session() as session, session.start_transaction():
        db.info.insert_many([{"_id": n} for n in range(5000)], session=session)
    ended = cdc(*args, "--collection", "info", "--dry-run", "--once", "--from", str(begun.time), env=servers)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 5000
