"""Loads in order of an increment field."""

import json
import random
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.fire import fire, identity
from tests.support.refusal import refusal
from tests.support.waiting import until

pytestmark = pytest.mark.servers

DOCUMENTS = 8_000
BARE = 100


def value(number: int) -> Any:  # noqa: ANN401 - of every kind, many of them equal
    kinds = (number // 7, number / 4, f"s{number // 5}", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
    return (*kinds, ObjectId(f"{number // 3:024x}"))[number % 5]


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    where = ["--collection", "info", "--database", database, "--topic", topic]
    return ["watch", *where, "--name", "p", "--cursor-dir", str(tmp_path)]


def load(folder: Path) -> dict[str, Any]:
    path = folder / "p.json"
    found: dict[str, Any] = json.loads(path.read_text())["load"] if path.exists() else {"documents": 0}
    return found


def fill(mongo: MongoClient[dict[str, Any]], database: str) -> None:
    documents = [{"_id": identity(n), "meta": {"at": value(n)}} for n in range(DOCUMENTS)]
    documents += [{"_id": f"bare{n}"} for n in range(BARE)]
    random.shuffle(documents)
    mongo[database].info.insert_many(documents)


def in_servers_order(mongo: MongoClient[dict[str, Any]], database: str) -> list[Any]:
    return topics.rendered_in_order(mongo[database].info.find().sort([("meta.at", 1), ("_id", 1)]))


@pytest.mark.parametrize("index", [True, False])
def test_it_comes_in_the_fields_order_with_ties_broken_by_id_and_goes_on_where_it_was_killed(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, args: list[str],
    tmp_path: Path, *, index: bool,
) -> None:  # fmt: skip
    fill(mongo, database)
    if index:
        mongo[database].info.create_index({"meta.at": 1, "_id": 1})
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    args += ["--increment-field", "meta.at", "--snapshot-round-ms", "50"]

    def reached(goal: int, child: Child) -> bool:
        assert child.alive, child.text
        return int(load(tmp_path)["documents"]) >= goal

    for goal in (DOCUMENTS // 4, DOCUMENTS // 2):
        with running(*args, "--max-rate", "1500", env=servers, log=tmp_path / "log") as child:
            until(partial(reached, goal, child), what=f"{goal} documents")
            assert load(tmp_path)["ended"] is None
            child.kill()
    last = cdc(*args, "--once", env=servers)
    assert last.returncode == 0, last.stderr
    assert ('createIndex({\\"meta.at\\": 1, _id: 1})' in last.stderr) is not index
    assert f'"without_increment_field": {BARE}' in last.stderr

    records = topics.read(kafka, topic)
    first: dict[bytes, Any] = {}
    for record in records:
        first.setdefault(record.key, record.value["after"])
    assert list(first.values()) == in_servers_order(mongo, database)
    assert len(records) < len(first) * 1.5, "killed twice, it repeats what was in flight"


def test_under_fire_it_ends_with_the_collection(
    mongo: MongoClient[dict[str, Any]], mongo_uri: str, servers: dict[str, str], database: str, topic: str,
    args: list[str], tmp_path: Path,
) -> None:  # fmt: skip
    mongo[database].info.create_index({"at": 1, "_id": 1})
    args += ["--increment-field", "at", "--snapshot-round-ms", "100", "--max-rate", "2500"]
    with (
        fire(mongo_uri, database, documents=DOCUMENTS, writers=6),
        running(*args, env=servers, log=tmp_path / "log") as child,
    ):
        until(lambda: load(tmp_path).get("ended") == "done" or not child.alive, seconds=60, what="the load")
        assert child.stop() == 0, child.text
    assert cdc(*args, "--once", env=servers).returncode == 0
    records = topics.read(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic)
    assert topics.differences(records, mongo[database].info.find()) == []
    assert topics.stale_reads(records) == []


def test_a_filter_on_documents_reads_only_those(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, args: list[str]
) -> None:
    mongo[database].info.insert_many([{"_id": n, "at": 100 - n, "lang": "en" if n % 3 else "de"} for n in range(100)])
    where = ["--where", '{"lang": "de"}', "--increment-field", "at"]
    assert cdc(*args, *where, "--once", env=servers).returncode == 0
    records = topics.read(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic)
    assert [record.value["after"]["_id"] for record in records] == list(range(99, -1, -3))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--increment-field", "updated"], "no document of {database}.info has 'updated' | name a field that grows"),
        (["--increment-field", ""], "--increment-field: '' is not a field | write a field's name"),
        (["--increment-field", "at", "--full-document", "off"], "would never be sent whole | write another --full-doc"),
        (["--where", '{"$nope": 1}'], "--where: the server refuses it: unknown top level operator: $nope"),
        (["--where", "[]"], "--where: not a JSON object | write a JSON object"),
        (["--full-amount", "--from", "now"], "--full-amount and --from: one loads everything, the other nothing"),
        (["--parallel", "0"], "--parallel: 0 should be greater than or equal to 1"),
        (["--read-preference", "slaves"], "--read-preference: 'slaves' should be 'primary', 'primaryPreferred'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, args: list[str], option: list[str],
    says: str,
) -> None:  # fmt: skip
    mongo[database].info.insert_one({"_id": 1, "at": 1})
    assert says.format(database=database) in refusal(cdc(*args, *option, env=servers), 2)
