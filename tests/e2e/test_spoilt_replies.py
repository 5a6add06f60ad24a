"""MongoDB's replies, spoilt on their way: the event is put aside or asked for again, and the next one arrives."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support import topic as topics
from tests.support.child import Child, cdc, pure, running
from tests.support.proxy import Proxy, Spoil, proxied
from tests.support.twins import needs_both
from tests.support.waiting import until

pytestmark = pytest.mark.servers

TEXT = b"spoil me"
BEHIND = b"\x03postBatchResumeToken\0"


def instead(place: bytes, other: bytes) -> Spoil:
    """As many other bytes at the first such place."""
    assert len(place) == len(other)
    return lambda message: message.replace(place, other, 1)


def over(place: bytes, number: int) -> Spoil:
    """Another number behind the first such place."""

    def spoil(message: bytes) -> bytes:
        head, place_, tail = message.partition(place)
        return head + place_ + pack("<i", number) + tail[4:]

    return spoil


def at(offset: int, other: bytes) -> Spoil:
    return lambda message: message[:offset] + other + message[offset + len(other) :]


IN_THE_EVENT = {
    "a type that is none": instead(b"\x02text\0", b"\x42text\0"),
    "text that is not UTF-8": instead(TEXT, b"spoil\xff\xfe!"),
    "a negative length": over(b"\x02text\0", -1),
    "a length that leads past the end": over(b"\x02text\0", 2**30),
    "a document that became an array": instead(b"\x03ns\0", b"\x04ns\0"),
    "a time that became a number": instead(b"\x09wallTime\0", b"\x12wallTime\0"),
    "a token that is called something else": instead(b"\x02_data\0", b"\x02_datb\0"),
}
IN_THE_REPLY = {
    "the event's length": over(b"\x030\0", 2**30),
    "the event's type": instead(b"\x030\0", b"\x550\0"),
    "the batch's length": over(b"nextBatch\0", 7),
    "a batch that is called something else": instead(b"nextBatch\0", b"nextBatcj\0"),
    "a cursor that is called something else": instead(b"\x03cursor\0", b"\x03cursoj\0"),
    "neither yes nor no": instead(b"\x01ok\0", b"\x01oj\0"),
    "a token of another type": instead(BEHIND, b"\x02" + BEHIND[1:]),
    "a time of another type": instead(b"\x11operationTime\0", b"\x12operationTime\0"),
    "the message's length": at(0, pack("<i", 2**30)),
    "an answer to something else": at(8, pack("<i", 4242)),
    "an operation of the protocol that is none": at(12, pack("<i", 4242)),
    "flags that nobody knows": at(16, b"\xff"),
}


class Once:
    """Spoils the first batch that tells of the document with TEXT."""

    def __init__(self, spoil: Spoil) -> None:
        self._spoil = spoil
        self.done = False

    def __call__(self, message: bytes) -> bytes:
        if self.done or TEXT not in message or b"nextBatch\0" not in message:
            return message
        self.done = True
        spoilt = self._spoil(message)
        assert spoilt != message
        return spoilt


@pytest.fixture
def info(mongo: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo[database].info


@pytest.fixture
def proxy(mongo: MongoClient[dict[str, Any]]) -> Iterator[Proxy]:
    mongo.admin.command("ping")
    assert mongo.primary is not None
    with proxied(mongo.primary) as between:
        yield between


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    cursors = str(tmp_path / "cursors")
    return ["watch", "--collection", "info", "--database", database, "--topic", topic, "--cursor-dir", cursors]


@pytest.fixture
def env(proxy: Proxy, servers: dict[str, str]) -> dict[str, str]:
    """The servers, MongoDB through the proxy."""
    return servers | {"CDC_MONGO__URI": proxy.uri}


def spoil(proxy: Proxy, damage: Spoil, write: Callable[[], object], child: Child) -> None:
    """Have what is written come spoilt."""
    proxy.spoil = once = Once(damage)
    write()
    until(lambda: once.done or not child.alive, what="a spoilt reply")


def arrived(child: Child, kafka: str, topic: str, info: Collection[dict[str, Any]], *, missing: int = 0) -> None:
    """Wait until the topic is the collection, but for what is missing."""

    def equal() -> bool:
        return not child.alive or len(topics.differences(topics.read(kafka, topic), info.find())) == missing

    until(equal, what="the topic as the collection")
    assert child.alive, child.text


@pytest.mark.parametrize("encoder", [pytest.param("native", marks=needs_both), "pure"])
def test_a_spoilt_event_becomes_a_dead_letter_and_the_next_one_a_record(
    info: Collection[dict[str, Any]], args: list[str], env: dict[str, str], kafka: str, topic: str, proxy: Proxy,
    tmp_path: Path, encoder: str,
) -> None:  # fmt: skip
    if encoder == "pure":
        env |= pure(tmp_path)
    info.insert_one({"_id": "loaded"})
    with running(*args, "--dead-letter-topic", f"{topic}-dead", env=env, log=tmp_path / "log") as child:
        arrived(child, kafka, topic, info)
        for number, damage in enumerate(IN_THE_EVENT.values()):
            spoil(proxy, damage, partial(info.insert_one, {"_id": number, "text": TEXT.decode()}), child)
            info.insert_one({"_id": f"after {number}"})
            arrived(child, kafka, topic, info, missing=number + 1)
        assert child.stop() == 0, child.text
    letters = [letter.value for letter in topics.read(kafka, f"{topic}-dead")]
    assert [letter["key"]["_id"] for letter in letters] == list(range(len(IN_THE_EVENT)))
    assert TEXT.decode() not in child.text + str(letters)


@pytest.mark.parametrize("write", ["insert", "update"])
def test_a_spoilt_reply_is_asked_for_again(
    info: Collection[dict[str, Any]], args: list[str], env: dict[str, str], kafka: str, topic: str, proxy: Proxy,
    tmp_path: Path, write: str,
) -> None:  # fmt: skip
    info.insert_many([{"_id": f"update {number}"} for number in range(len(IN_THE_REPLY))])
    text = {"$set": {"text": TEXT.decode()}}
    with running(*args, env=env, log=tmp_path / "log") as child:
        arrived(child, kafka, topic, info)
        for number, damage in enumerate(IN_THE_REPLY.values()):
            spoil(proxy, damage, partial(info.update_one, {"_id": f"{write} {number}"}, text, upsert=True), child)
            arrived(child, kafka, topic, info)
        assert child.stop() == 0, child.text
    assert child.text.count("MongoDB sent a reply that cannot be read") == len(IN_THE_REPLY), child.text
    assert TEXT.decode() not in child.text


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (instead(b"\x02text\0", b"\x42text\0"), "malformed BSON: unknown type 0x42"),
        (instead(b"\0insert\0", b"\0inserx\0"), "an event of operation type 'inserx', which this version of cdc does"),
    ],
)
def test_a_spoilt_event_stops_by_name_and_the_next_start_sends_it(
    info: Collection[dict[str, Any]], args: list[str], env: dict[str, str], servers: dict[str, str], kafka: str,
    topic: str, proxy: Proxy, tmp_path: Path, damage: Spoil, says: str,
) -> None:  # fmt: skip
    with running(*args, env=env, log=tmp_path / "log") as child:
        until(lambda: topics.partitions(kafka, topic) or not child.alive, what="a topic")
        spoil(proxy, damage, lambda: info.insert_one({"_id": 1, "text": TEXT.decode()}), child)
        info.insert_one({"_id": 2})
        assert child.wait() == 5, child.text
    assert says in child.text
    assert "Traceback" not in child.text
    ended = cdc(*args, "--once", env=servers)
    assert ended.returncode == 0, ended.stderr
    assert topics.differences(topics.read(kafka, topic), info.find()) == []
