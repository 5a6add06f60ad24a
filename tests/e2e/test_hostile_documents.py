"""Documents that a server takes and nobody expects: each a record or a dead letter, by either encoder."""

import random
from collections.abc import Mapping
from pathlib import Path
from struct import pack
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support import topic as topics
from tests.support.child import cdc, pure, running
from tests.support.twins import needs_both
from tests.support.waiting import until

pytestmark = pytest.mark.servers

MIB = 1024 * 1024
DEEPEST = 100
"""https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-Nested-Depth-for-BSON-Documents"""

NAMES = (
    "",
    "\x01",
    "\x1f\t\n",
    "\x7f",
    "a.b",
    ".",
    "$",
    "$x",
    "$oid",
    "$date",
    '"',
    "\\",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
)


def nested(inner: Any, wrap: Any) -> Any:  # noqa: ANN401 - a list or a document of itself
    for _ in range(DEEPEST - 1):
        inner = wrap(inner)
    return inner


def raw(*fields: bytes) -> RawBSONDocument:
    """A document of these fields, as a driver that checks nothing would send it."""
    body = b"".join(fields)
    return RawBSONDocument(pack("<i", len(body) + 5) + body + b"\0")


def number(name: bytes, value: int) -> bytes:
    return b"\x10%b\0" % name + pack("<i", value)


def text(name: bytes, value: bytes) -> bytes:
    return b"\x02%b\0" % name + pack("<i", len(value) + 1) + value + b"\0"


NOISE = random.Random(7)
SOUND: dict[str, Mapping[str, Any]] = {
    "odd names": dict.fromkeys(NAMES, 1),
    "odd names within": {"in": {name: {name: {}} for name in NAMES}},
    "documents in documents": nested({}, lambda inner: {"d": inner}),
    "lists in lists": {"a": nested([], lambda inner: [inner])},
    "a NUL in text": {"t": "a\0b"},
}
ODD_IDS = [
    {name: 1 for name in NAMES if not name.startswith("$")},
    nested({}, lambda inner: {"d": inner}),
    "x" * 100_000,
]
NOT_UTF8 = {
    1: raw(number(b"_id", 1), number(b"bad", 1), number(b"\xff\xfe", 1)),
    2: raw(number(b"_id", 2), number(b"bad", 1), number(b"\xed\xa0\x80", 1)),  # half of a surrogate pair
    3: raw(number(b"_id", 3), number(b"bad", 1), text(b"t", b"\xed\xa0\x80")),
    4: raw(number(b"_id", 4), number(b"bad", 1), text(b"t", b"\xc0\x80")),  # NUL, as Java writes it
}
NO_KEY = [
    raw(text(b"_id", b"\xff"), number(b"bad", 1)),
    raw(b"\x03_id\0" + raw(number(b"\xff", 1)).raw, number(b"bad", 1)),
]
LARGE_ID = {"_id": NOISE.randbytes(MIB // 2).hex()}


def large() -> dict[str, Any]:
    """As large as the server takes."""
    room = 16 * MIB - len(bson.encode({"_id": "large", "t": ""}))
    return {"_id": "large", "t": NOISE.randbytes(room // 2).hex() + "x" * (room % 2)}


@pytest.fixture
def info(mongo: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo[database].info


@pytest.fixture
def args(database: str, tmp_path: Path) -> list[str]:
    return ["watch", "--collection", "info", "--database", database, "--cursor-dir", str(tmp_path)]


@pytest.mark.parametrize("encoder", [pytest.param("native", marks=needs_both), "pure"])
def test_each_is_a_record_or_a_dead_letter(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str, tmp_path: Path,
    encoder: str,
) -> None:  # fmt: skip
    env = servers | (pure(tmp_path) if encoder == "pure" else {})
    sound = [*({"_id": name, **document} for name, document in SOUND.items()), *({"_id": odd} for odd in ODD_IDS)]
    ids = [document["_id"] for document in sound]

    def whole(name: str) -> bool:
        """Whether the topic has every sound document as the server has it, and what cannot be one is dead."""
        found = topics.differences(topics.read(kafka, name), info.find({"_id": {"$in": ids}}))
        assert not found or child.alive, child.text
        return not found

    changes = ["--topic", topic, "--dead-letter-topic", f"{topic}-dead"]
    with running(*args, *changes, "--no-snapshot", env=env, log=tmp_path / "log") as child:
        until(lambda: topics.partitions(kafka, topic) or not child.alive, what="a topic")
        everything: list[Any] = [*sound, *NOT_UTF8.values(), *NO_KEY, LARGE_ID, large()]
        for document in everything:
            info.insert_one(document)
        info.update_many({"_id": {"$in": [*ids, LARGE_ID["_id"]]}}, {"$set": {"u": 1}})
        info.update_many({"bad": 1}, {"$set": {"u": 1}})
        info.insert_one({"_id": "last"})
        ids.append("last")
        until(lambda: whole(topic), what="the sound documents in the topic")
        assert child.stop() == 0, child.text
    assert_put_aside(topics.read(kafka, f"{topic}-dead"), times=2)

    loaded = ["--topic", f"{topic}-load", "--dead-letter-topic", f"{topic}-load-dead"]
    done = cdc(*args, *loaded, "--once", env=env)
    assert done.returncode == 0, done.stderr
    assert whole(f"{topic}-load")
    assert_put_aside(topics.read(kafka, f"{topic}-load-dead"), times=1)


def assert_put_aside(found: list[topics.Consumed], *, times: int) -> None:
    """A letter for each that cannot be a record, and as often as it was changed."""
    letters = [letter.value for letter in found]
    spoilt = [letter for letter in letters if "utf-8" in letter["reason"]]
    keys = [letter["key"] and letter["key"]["_id"] for letter in spoilt]
    assert {key: keys.count(key) for key in keys} == dict.fromkeys(NOT_UTF8, times) | {None: times * len(NO_KEY)}
    oversize = [letter for letter in letters if letter not in spoilt]
    assert all("larger than the broker takes" in letter["reason"] for letter in oversize)
    assert sorted(letter["key"] is None for letter in oversize) == [False] + [True] * times
