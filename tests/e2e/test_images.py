"""Documents after and before a change, read at its own time: what the writers' own journal says."""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.journal import Journal, scribes
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

CHANGES = 6_000


def expected(journal: Journal, event: dict[str, Any]) -> Any:  # noqa: ANN401 - a document, or None
    """The document as the event left it."""
    if event["op"] == "delete":
        return None
    return journal.left[event["update"]["set"]["w"] if event["op"] == "update" else event["after"]["w"]]


def check(journal: Journal, records: list[topics.Consumed], *, share: float) -> None:
    """Every exact image is the document of the journal; at least so many of those looked up are exact."""
    events = sorted((record.value for record in records), key=lambda event: json.dumps(event["key"]))
    images = []
    for _, changes in groupby(events, key=lambda event: event["key"]):
        stands: Any = None
        for _, together in groupby(changes, key=lambda event: (event["ts"]["t"], event["ts"]["i"])):
            found, several = stands, list(together)
            stands = expected(journal, several[-1])
            for event in several:
                assert event["op"] == "insert" or event["before"] == found or event["source"]["image"] != "exact"
                if event["op"] == "update":
                    assert event["after"] == stands or event["source"]["image"] != "exact"
            images += [event["source"]["image"] for event in several if event["op"] != "insert"]
    assert set(images) <= {"exact", "latest", "none"}
    assert images.count("exact") >= share * len(images), f"{images.count('exact')} of {len(images)}"


def arguments(database: str, topic: str, folder: Path, *more: str) -> list[str]:
    where = ["--collection", "info", "--database", database, "--topic", topic, "--cursor-dir", str(folder)]
    return ["watch", *where, "--from", "now", "--before", "lookup", *more]


def test_while_the_writers_go_on(
    mongo_uri: str, servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    args = arguments(database, topic, tmp_path, "--metrics-port", "0")
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: list(tmp_path.glob("*.json")) or not child.alive, what="a cursor")
        with scribes(mongo_uri, database) as journal:
            until(lambda: topics.ends(kafka, topic) > CHANGES or not child.alive, seconds=150, what="changes")
        metrics = Endpoint(child).metrics()
        assert metrics["cdc_images_total{image=exact}"] > CHANGES / 2
        assert child.stop() == 0, child.text
    check(journal, topics.read(kafka, topic), share=0.99)


def test_of_what_piled_up(mongo_uri: str, servers: dict[str, str], database: str, topic: str, tmp_path: Path) -> None:
    args = arguments(database, topic, tmp_path, "--once")
    assert cdc(*args, env=servers).returncode == 0
    with scribes(mongo_uri, database) as journal:
        until(lambda: len(journal.left) > CHANGES, seconds=150, what="changes")
    done = cdc(*args, env=servers)
    assert done.returncode == 0, done.stderr
    check(journal, topics.read(servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic), share=0.99)


def images(args: list[str], env: dict[str, str]) -> list[tuple[str, Any, Any, str]]:
    done = cdc(*args, env=env)
    assert done.returncode == 0, done.stderr
    values = [json.loads(line)["value"] for line in done.stdout.splitlines()]
    return [
        (value["op"], (value["after"] or {}).get("n"), (value["before"] or {}).get("n"), value["source"]["image"])
        for value in values
    ]


def dry(database: str, began: int, *more: str) -> list[str]:
    where = ["--collection", "info", "--database", database, "--from", str(began)]
    return ["watch", "--dry-run", "--once", *where, *more]


def test_a_moment_that_is_forgotten_gives_the_latest_and_nothing_before(
    own_stack: "Callable[..., Stack]",
) -> None:
    stack = own_stack(brokers=0, mongo_settings={"setParameter.minSnapshotHistoryWindowInSeconds": 0})
    with MongoClient[dict[str, Any]](stack.mongo_uri) as client:
        began = client.admin.command("ping")["operationTime"].time
        client.shop.info.insert_one({"_id": 1, "n": 0})
        client.shop.info.update_one({"_id": 1}, {"$inc": {"n": 1}})
        resumes = client.admin.command("ping")["operationTime"].time + 3

        def later() -> bool:
            client.shop.info.update_one({"_id": 2}, {"$inc": {"n": 1}}, upsert=True)
            return bool(client.admin.command("ping")["operationTime"].time > resumes)

        until(later, what="a history that is over")
        client.shop.info.update_one({"_id": 1}, {"$inc": {"n": 1}})
        found = images(dry("shop", began, "--before", "lookup"), dict(stack.environment()))
    assert found[:2] == [("insert", 0, None, "event"), ("update", 2, None, "latest")]


def test_a_collection_that_was_made_anew_has_no_images_of_before(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began, info = mongo.admin.command("ping")["operationTime"].time, mongo[database].info
    info.insert_one({"_id": 1, "n": 0})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    info.drop()
    info.insert_one({"_id": 1, "n": 7})
    assert images(dry(database, began, "--before", "lookup"), servers) == [
        ("insert", 0, None, "event"),
        ("update", 7, None, "latest"),
        ("insert", 7, None, "event"),
    ]


def test_what_comes_by_out_is_no_exact_image_of_a_change_before_it(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    shop = mongo[database]
    shop.other.insert_many([{"_id": 1, "n": 70}, {"_id": 2, "n": 80}])
    shop.info.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
    began = mongo.admin.command("ping")["operationTime"]
    for _ in range(8):
        shop.info.update_one({"_id": 2}, {"$inc": {"n": 1}})
    shop.info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    shop.other.aggregate([{"$out": "info"}])
    shop.info.update_one({"_id": 2}, {"$inc": {"n": 1}})
    found = images(["watch", "--dry-run", "--once", "--database", database, "--from", str(began.time)], servers)
    *_, earlier, later = [each for each in found if each[0] == "update"]
    assert earlier in {("update", 1, None, "exact"), ("update", 70, None, "latest")}
    assert later == ("update", 81, None, "exact")


def test_the_server_looks_up_what_stands_there_later(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began, info = mongo.admin.command("ping")["operationTime"].time, mongo[database].info
    info.insert_one({"_id": 1, "n": 0})
    for _ in range(2):
        info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    exact = images(dry(database, began), servers)
    assert exact == [("insert", 0, None, "event"), ("update", 1, None, "exact"), ("update", 2, None, "exact")]
    later = images(dry(database, began, "--lookup", "server"), servers)
    assert later == [("insert", 0, None, "event"), ("update", 2, None, "latest"), ("update", 2, None, "latest")]
    filtered = images(dry(database, began, "--match", '{"operationType": "update"}'), servers)
    assert filtered == [("update", 2, None, "latest")] * 2


def test_numbers_of_any_type_are_one_document(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began, info = mongo.admin.command("ping")["operationTime"].time, mongo[database].info
    info.insert_one({"_id": 1, "n": 0})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    info.replace_one({"_id": 1}, {"_id": 1.0, "n": 5})
    info.update_one({"_id": 1}, {"$inc": {"n": 1}})
    assert images(dry(database, began, "--before", "lookup"), servers) == [
        ("insert", 0, None, "event"),
        ("update", 1, 0, "exact"),
        ("replace", 5, 1, "exact"),
        ("update", 6, 5, "exact"),
    ]
