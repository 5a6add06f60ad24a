"""A position that the server no longer has, or never had: what each `--on-history-lost` makes of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection

from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.events import Position
from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.oplog import SMALL, roll
from tests.support.refusal import refusal
from tests.support.suspending import suspended
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

Client = MongoClient[dict[str, Any]]
POLICIES = ["fail", "resnapshot", "skip-to-now"]


@dataclass(frozen=True)
class Pipeline:
    """Named `p`, of the collection `info`."""

    args: list[str]
    env: dict[str, str]
    cursor: Path
    kafka: str
    topic: str

    @classmethod
    def of(cls, uri: str, database: str, kafka: str, topic: str, folder: Path) -> "Pipeline":
        args = ["watch", "--database", database, "--collection", "info", "--topic", topic, "--name", "p"]
        env = {"CDC_MONGO__URI": uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}
        return cls([*args, "--cursor-dir", str(folder)], env, folder / "p.json", kafka, topic)

    def once(self, *more: str) -> str:
        """Catch up; gives the log."""
        done = cdc(*self.args, *more, "--once", env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def refused(self, *more: str) -> str:
        return refusal(cdc(*self.args, *more, env=self.env), 4)

    @property
    def saved(self) -> dict[str, Any]:
        saved: dict[str, Any] = json.loads(self.cursor.read_bytes())
        return saved

    @property
    def time(self) -> Timestamp:
        return Timestamp(self.saved["time"]["t"], self.saved["time"]["i"])

    @property
    def records(self) -> list[tuple[str, Any]]:
        return [(record.value["op"], record.value["key"]["_id"]) for record in topics.read(self.kafka, self.topic)]


@pytest.fixture
def small(own_stack: "Callable[..., Stack]") -> str:
    """The URI of a server with a small oplog."""
    return str(own_stack(brokers=0, mongo_settings=SMALL).mongo_uri)


@pytest.fixture
def forgetful(small: str) -> Iterator[Client]:
    with Client(small) as client:
        yield client


@pytest.fixture
def lossy(small: str, kafka: str, topic: str, tmp_path: Path) -> Pipeline:
    return Pipeline.of(small, "data", kafka, topic, tmp_path)


@pytest.fixture
def pipeline(mongo_uri: str, database: str, kafka: str, topic: str, tmp_path: Path) -> Pipeline:
    return Pipeline.of(mongo_uri, database, kafka, topic, tmp_path)


@pytest.fixture
def info(mongo: Client, database: str) -> Collection[dict[str, Any]]:
    return mongo[database].info


@contextmanager
def asleep(child: Child, client: Client) -> Iterator[None]:
    """A watch that asks its server nothing, as on a laptop whose lid is shut."""
    asks = {"$match": {"appName": "p", "command.getMore": {"$exists": True}}}
    with suspended(child.process):
        until(lambda: not list(client.admin.aggregate([{"$currentOp": {}}, asks])), what="a server that nobody asks")
        yield


def leaps(child: Child, said: str, times: int, write: Callable[[], int]) -> None:
    """Wait until it said so often how it goes on, and what is written then arrives; `write` counts what is there."""
    until(lambda: child.text.count(f"history lost; {said}") == times or not child.alive, what=f"leap {times}")
    known = write()
    until(lambda: not child.alive or write() > known, what="a new record")
    assert child.alive, child.text


def test_a_position_the_server_no_longer_has_stops_it_until_it_may_go_on_from_now(
    forgetful: Client, lossy: Pipeline, tmp_path: Path
) -> None:
    def write() -> int:
        forgetful["data"].info.insert_one({})
        return topics.ends(lossy.kafka, lossy.topic)

    lossy.once()
    saved, position = lossy.saved, lossy.time
    roll(forgetful, position)

    lost = lossy.refused()
    assert "no longer has the saved position (ChangeStreamHistoryLost): changes from " in lost
    assert f"changes from {position.as_datetime()} on are lost, up to 2" in lost
    assert "--on-history-lost resnapshot loads everything again, --on-history-lost skip-to-now goes on" in lost
    assert lossy.saved == saved

    skip = ["--on-history-lost", "skip-to-now"]
    with running(*lossy.args, *skip, env=lossy.env, log=tmp_path / "log") as child:
        leaps(child, "going on from now", 1, write)
        with asleep(child, forgetful):
            roll(forgetful, forgetful.admin.command("ping")["operationTime"])
        leaps(child, "going on from now", 2, write)
        assert child.stop() == 0, child.text


def test_everything_is_loaded_again_and_only_what_was_deleted_stays(forgetful: Client, lossy: Pipeline) -> None:
    info = forgetful["data"].info
    info.insert_many([{"_id": number, "n": 0} for number in range(3)])
    lossy.once()
    position = lossy.time
    info.update_one({"_id": 0}, {"$set": {"n": 1}})
    info.delete_one({"_id": 1})
    info.insert_one({"_id": 3, "n": 0})
    roll(forgetful, max(position, forgetful.admin.command("ping")["operationTime"]))

    told = lossy.once("--on-history-lost", "resnapshot")
    assert '"event": "history lost; loading everything again"' in told
    assert f"changes from {position.as_datetime()} on are lost, up to 2" in told
    assert '"event": "loaded"' in told
    assert sorted(lossy.records[3:]) == [("read", 0), ("read", 2), ("read", 3)]
    gone = topics.differences(topics.read(lossy.kafka, lossy.topic), info.find())
    assert gone == [repr({"_id": 1, "n": 0})], "no delete is made up"
    assert lossy.saved["load"]["ended"] == "done"
    info.insert_one({"_id": 4, "n": 0})
    lossy.once()
    assert lossy.records[6:] == [("insert", 4)]


def test_a_load_after_lost_history_goes_on_where_it_was_killed(
    forgetful: Client, lossy: Pipeline, tmp_path: Path
) -> None:
    info = forgetful["data"].info
    lossy.once()
    info.insert_many([{"_id": number} for number in range(2000)])
    roll(forgetful, forgetful.admin.command("ping")["operationTime"])
    slowly = [*lossy.args, "--max-rate", "500", "--on-history-lost", "resnapshot"]
    with running(*slowly, env=lossy.env, log=tmp_path / "log") as child:
        until(lambda: 0 < (lossy.saved["load"] or {}).get("documents", 0) < 2000 or not child.alive, what="half a load")
        assert child.alive, child.text
        child.kill()
    assert lossy.saved["phase"] == "load"
    lossy.once()
    assert set(lossy.records) == {("read", number) for number in range(2000)}
    assert len(lossy.records) < 4000


@pytest.mark.parametrize("policy", POLICIES)
def test_the_token_of_another_collection(pipeline: Pipeline, info: Collection[dict[str, Any]], policy: str) -> None:
    with info.database.other.watch() as stream:
        info.database.other.insert_one({"_id": 1})
        position = Position.of_token(dict(next(stream)["_id"]))
    info.insert_many([{"_id": 1}, {"_id": 2}])
    store = FileStore(pipeline.cursor.parent, "p", WatchedSource(database=info.database.name, collections=("info",)))
    store.save(position)

    if policy == "fail":
        said = pipeline.refused()
        assert "has no stream with the saved position (ChangeStreamFatalError): changes from " in said
        assert f"changes from {position.clock} on are lost, up to now | --on-history-lost resnapshot loads" in said
        assert store.load() == position
        return
    told = pipeline.once("--on-history-lost", policy)
    assert "ChangeStreamFatalError" in told
    info.insert_one({"_id": 3})
    pipeline.once()
    reads = [("read", 1), ("read", 2)] if policy == "resnapshot" else []
    assert pipeline.records == [*reads, ("insert", 3)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_token_that_is_none(pipeline: Pipeline, info: Collection[dict[str, Any]], policy: str) -> None:
    info.insert_one({"_id": 1})
    store = FileStore(pipeline.cursor.parent, "p", WatchedSource(database=info.database.name, collections=("info",)))
    if policy == "fail":
        for token in ({"_data": data} for data in ("", "zz", "8200", "82" + "AB" * 40)):
            store.save(position := Position(token))
            assert "changes from an unknown time on are lost, up to " in pipeline.refused()
            assert store.load() == position
        return
    store.save(Position({"_data": "8200"}))
    pipeline.once("--on-history-lost", policy)
    info.insert_one({"_id": 2})
    pipeline.once()
    assert pipeline.records == [*([("read", 1)] if policy == "resnapshot" else []), ("insert", 2)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_collection_dropped_and_made_again_is_no_history_lost(
    pipeline: Pipeline, info: Collection[dict[str, Any]], policy: str
) -> None:
    info.insert_one({"_id": 1})
    pipeline.once()
    info.update_one({"_id": 1}, {"$set": {"n": 1}})
    info.drop()
    info.insert_one({"_id": 2})
    info.drop()
    info.insert_one({"_id": 3})
    told = pipeline.once("--on-history-lost", policy)
    assert "history lost" not in told
    assert pipeline.records == [("read", 1), ("update", 1), ("insert", 2), ("insert", 3)]
