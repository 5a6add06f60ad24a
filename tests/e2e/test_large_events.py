"""Events that are too large for a reply: put together where MongoDB splits them, told by their place elsewhere."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.proxy import proxied
from tests.support.refusal import refusal
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

Client = MongoClient[dict[str, Any]]
Info = Collection[dict[str, Any]]

MIB = 1024 * 1024
LARGE = 9 * MIB
"""Bytes of a document that alone is no large event; changed as a whole it is one."""

SPLITS, SPLITS_NOT = "6.0.27", "6.0.5"
ROOMY = {"storage.wiredTiger.engineConfig.cacheSizeGB": 1}
"""Settings of a server that takes large changes without waiting for room in its cache."""
STORED = ["--full-document", "required", "--before", "required"]
NOISE = random.Random(5)
SAID = "the event is larger than the 16 MiB that this MongoDB can hand over"


def text(letter: str) -> str:
    """Of which Kafka gets next to nothing, compressed."""
    return letter * LARGE


def made(client: Client, database: str) -> Info:
    """The collection `info`, which stores what is there before and after a change, and a document in it."""
    info = client[database].create_collection("info", changeStreamPreAndPostImages={"enabled": True})
    info.insert_one({"_id": "large", "t": text("a")})
    return info


def arguments(database: str, topic: str, folder: Path) -> list[str]:
    names = ["--database", database, "--collection", "info", "--topic", topic, "--name", "p"]
    return ["watch", *names, "--cursor-dir", str(folder)]


def once(args: list[str], env: dict[str, str]) -> str:
    """Catch up; gives the log."""
    done = cdc(*args, "--once", env=env, seconds=120)
    assert done.returncode == 0, done.stderr
    assert '"event": "trying again"' not in done.stderr
    return done.stderr


def changes(kafka: str, topic: str) -> list[tuple[str, Any]]:
    return [(record.value["op"], record.value["key"]["_id"]) for record in topics.read(kafka, topic)]


@pytest.fixture
def splitting(own_stack: "Callable[..., Stack]") -> "Stack":
    """A server that splits large events."""
    return own_stack(brokers=0, mongo_version=SPLITS, mongo_settings=ROOMY)


@pytest.fixture
def shop(splitting: "Stack") -> Iterator[Info]:
    with Client(splitting.mongo_uri) as client:
        yield made(client, "shop")


@pytest.fixture
def env(splitting: "Stack", kafka: str) -> dict[str, str]:
    return {"CDC_MONGO__URI": splitting.mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}


def write(info: Info) -> list[tuple[str, Any]]:
    """Large events among small ones, two of them in a transaction; gives them all."""
    info.insert_one({"_id": 1})
    info.update_one({"_id": "large"}, {"$set": {"t": text("b")}})
    info.insert_many([{"_id": 2}, {"_id": 3}])
    client = info.database.client
    with client.start_session() as session, session.start_transaction():
        info.insert_one({"_id": 4}, session=session)
        info.replace_one({"_id": "large"}, {"t": text("c")}, session=session)
        info.insert_one({"_id": 5}, session=session)
    info.update_one({"_id": "large"}, {"$set": {"n": 1}})
    info.delete_one({"_id": 1})
    first, second, third = ((how, "large") for how in ("update", "replace", "update"))
    inserts = [("insert", number) for number in range(1, 6)]
    return [inserts[0], first, *inserts[1:4], second, inserts[4], third, ("delete", 1)]


@pytest.mark.parametrize("scope", [[], ["--match", '{"documentKey._id": {"$ne": 2}}']])
def test_fragments_become_one_record(
    shop: Info, env: dict[str, str], kafka: str, topic: str, tmp_path: Path, scope: list[str]
) -> None:
    args = [*arguments("shop", topic, tmp_path), *STORED]
    if not scope:
        args = [arg for arg in args if arg not in {"--collection", "info"}]
    args += scope if "--match" in scope else []
    once([*args, "--from", "now"], env)
    expected = [change for change in write(shop) if "--match" not in scope or change[1] != 2]
    once(args, env)
    records = topics.read(kafka, topic)
    assert [(record.value["op"], record.value["key"]["_id"]) for record in records] == expected
    large = [record.value for record in records if b"large" in record.key]
    after, before = [value["after"]["t"][0] for value in large], [value["before"]["t"][0] for value in large]
    assert (after, before) == (["b", "c", "c"], ["a", "b", "c"])
    assert large[0]["update"] == {"set": {"t": text("b")}, "unset": [], "truncated": [], "paths": None}
    assert {value["source"]["image"] for value in large} == {"stored"}
    once(args, env)
    assert topics.ends(kafka, topic) == len(expected)


def test_it_goes_on_behind_a_large_event_also_without_its_images(
    shop: Info, env: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    args = arguments("shop", topic, tmp_path)
    once([*args, *STORED, "--from", "now"], env)
    shop.update_one({"_id": "large"}, {"$set": {"t": text("b")}})
    once([*args, *STORED], env)
    shop.insert_one({"_id": "behind"})
    once([*args, "--full-document", "off"], env)
    assert changes(kafka, topic) == [("update", "large"), ("update", "large"), ("insert", "behind")], "it comes again"


def test_killed_within_a_set_of_fragments_it_sends_the_event_once(
    splitting: "Stack", shop: Info, env: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    args = [*arguments("shop", topic, tmp_path), *STORED]
    met, gone = threading.Event(), threading.Event()
    number = b"\x10fragment\0\x02\0\0\0"

    def hold(message: bytes) -> bytes:
        """Nothing more comes from the second fragment on."""
        if number in message:
            met.set()
            gone.wait(60)
        return message

    server = splitting.mongo[0]
    with proxied(("127.0.0.1", server.port)) as proxy:
        behind = env | {"CDC_MONGO__URI": proxy.uri}
        with running(*args, "--from", "now", env=behind, log=tmp_path / "log") as child:
            until(lambda: list(tmp_path.glob("p.json")) or not child.alive, what="a cursor")
            shop.insert_one({"_id": "before"})
            until(lambda: topics.ends(kafka, topic) == 1 or not child.alive, what="the change before")
            proxy.spoil = hold
            shop.update_one({"_id": "large"}, {"$set": {"t": text("b")}})
            shop.insert_one({"_id": "after"})
            until(lambda: met.is_set() or not child.alive, what="a fragment")
            assert child.alive, child.text
            child.kill()
            gone.set()
    assert changes(kafka, topic) == [("insert", "before")]
    once(args, env)
    found = changes(kafka, topic)
    assert [change for change in found if change[1] != "before"] == [("update", "large"), ("insert", "after")]


def test_a_record_too_large_for_kafka_is_put_aside_or_stops_it(
    shop: Info, env: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    args = [*arguments("shop", topic, tmp_path), *STORED]
    once([*args, "--from", "now"], env)
    shop.update_one({"_id": "large"}, {"$set": {"t": NOISE.randbytes(LARGE // 2).hex()}})
    shop.insert_one({"_id": "after"})
    assert "larger than the broker takes" in refusal(cdc(*args, env=env), 5)
    once([*args, "--dead-letter-topic", f"{topic}-dead"], env)
    assert set(changes(kafka, topic)) == {("insert", "after")}, "it may come twice"
    (letter,) = [record.value for record in topics.read(kafka, f"{topic}-dead")]
    assert (letter["op"], letter["key"]) == ("update", {"_id": "large"})


def test_what_cannot_be_split_stops_it_by_name(shop: Info, env: dict[str, str], topic: str, tmp_path: Path) -> None:
    """Its token, which has the key in it, stands in every fragment."""
    args = [*arguments("shop", topic, tmp_path), *STORED, "--dead-letter-topic", f"{topic}-dead"]
    once([*args, "--from", "now"], env)
    shop.insert_one({"_id": "k" * (2 * MIB), "t": "x" * (11 * MIB)})
    said = refusal(cdc(*args, env=env), 5)
    assert "the next event is larger than 16 MiB and cannot be read" in said
    assert "cdc cursor set --time" in said


@pytest.fixture
def whole(own_stack: "Callable[..., Stack]", kafka: str) -> dict[str, str]:
    """The environment of a watch of a server that splits no events."""
    stack = own_stack(brokers=0, mongo_version=SPLITS_NOT, mongo_settings=ROOMY)
    return {"CDC_MONGO__URI": stack.mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}


@pytest.fixture
def info(whole: dict[str, str]) -> Iterator[Info]:
    with Client(whole["CDC_MONGO__URI"]) as client:
        yield made(client, "shop")


def test_it_stops_by_name_and_stays_before_the_event(
    info: Info, whole: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    args = [*arguments("shop", topic, tmp_path), *STORED]
    once([*args, "--from", "now"], whole)
    expected = write(info)
    for _ in range(2):
        said = refusal(cdc(*args, env=whole), 5)
        assert "shop.info: update at 2" in said
        assert SAID in said
        assert "set --dead-letter-topic to go on without such events; the cursor stays before this one" in said
        assert changes(kafka, topic) == [("insert", 1)]
    once([*arguments("shop", topic, tmp_path), "--full-document", "off"], whole)
    assert changes(kafka, topic) == expected


@pytest.mark.parametrize(
    "more",
    [
        [*STORED, "--match", '{"fullDocumentBeforeChange.t": {"$ne": "none"}}'],
        ["--lookup", "server", "--before", "required"],
    ],
)
def test_it_goes_on_without_the_event_and_no_other(
    info: Info, whole: dict[str, str], kafka: str, topic: str, tmp_path: Path, more: list[str]
) -> None:
    args = [*arguments("shop", topic, tmp_path), *more, "--dead-letter-topic", f"{topic}-dead"]
    once([*args, "--from", "now"], whole)
    expected = write(info)
    with running(*args, "--metrics-port", "0", env=whole, log=tmp_path / "log") as child:
        small = [change for change in expected if change[1] != "large"]
        until(lambda: topics.ends(kafka, topic) >= len(small) or not child.alive, what="the small changes")
        until(lambda: topics.ends(kafka, f"{topic}-dead") >= 3 or not child.alive, what="the letters")
        metrics = Endpoint(child).metrics()
        assert child.stop() == 0, child.text
    assert changes(kafka, topic) == small
    letters = [record.value for record in topics.read(kafka, f"{topic}-dead")]
    assert [(letter["op"], letter["key"]["_id"]) for letter in letters] == [
        change for change in expected if change[1] == "large"
    ]
    assert {letter["reason"] for letter in letters} == {SAID}
    assert metrics["cdc_dead_letters_total{reason=Unencodable}"] == 3
    assert "trying again" not in child.text
    once(args, whole)
    assert topics.ends(kafka, topic) == len(small)


def test_many_of_them_among_many_others(
    info: Info, whole: dict[str, str], kafka: str, topic: str, tmp_path: Path
) -> None:
    args = [*arguments("shop", topic, tmp_path), *STORED, "--dead-letter-topic", f"{topic}-dead"]
    once([*args, "--from", "now"], whole)
    for number in range(5):
        info.insert_many([{"_id": 1000 * number + n} for n in range(700)])
        info.update_one({"_id": "large"}, {"$set": {"t": text("bcdef"[number])}})
    once(args, whole)
    assert changes(kafka, topic) == [("insert", 1000 * number + n) for number in range(5) for n in range(700)]
    assert topics.ends(kafka, f"{topic}-dead") == 5
