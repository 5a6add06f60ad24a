"""`cdc watch --data-type`: what fits is in the topic, what does not is put aside or ends the run."""

import json
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support import topic as topics
from tests.support.child import cdc
from tests.support.news import item
from tests.support.package import install
from tests.support.refusal import refusal

pytestmark = pytest.mark.servers

SECRET = "q7hunter22Zk"  # noqa: S105 - what a reason must not tell


@pytest.fixture
def info(mongo: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    """The collection that the data type `information` names."""
    return mongo[database].info


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    cursors = str(tmp_path / "cursors")
    return ["watch", "--once", "--database", database, "--topic", topic, "--name", "p", "--cursor-dir", cursors]


def test_what_does_not_fit_is_a_dead_letter_with_path_and_reason(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    letters = f"{topic}-letters"
    args += ["--data_type", "information", "--dead-letter-topic", letters]
    info.insert_many([item(_id="read"), item(_id="unread", title=SECRET, sentiment=SECRET)])
    first = cdc(*args, env=servers)
    assert first.returncode == 0, first.stderr

    info.insert_many([item(_id="sent"), item(_id="unsent", instruments=[{"symbol": "X", "isin": SECRET}])])
    info.replace_one({"_id": "sent"}, item(update_time=SECRET) | {"_id": "sent"})
    info.delete_one({"_id": "read"})
    info.delete_one({"_id": "unsent"})
    second = cdc(*args, env=servers)
    assert second.returncode == 0, second.stderr

    records = [record.value for record in topics.read(kafka, topic)]
    put_aside = [letter.value for letter in topics.read(kafka, letters)]
    assert sorted((record["op"], record["key"]["_id"]) for record in records) == [
        ("delete", "read"),
        ("delete", "unsent"),
        ("insert", "sent"),
        ("read", "read"),
    ]
    assert sorted((letter["op"], letter["key"]["_id"], letter["reason"]) for letter in put_aside) == [
        (
            "insert",
            "unsent",
            "not Information: instruments.0.isin: is not an ISIN: two letters, nine letters or digits, one digit",
        ),
        ("read", "unread", "not Information: sentiment: should be a valid number"),
        ("replace", "sent", "not Information: update_time: should be a valid datetime"),
    ]
    assert SECRET not in json.dumps(put_aside)
    assert SECRET not in first.stderr + second.stderr


def test_an_update_that_spoils_a_document_and_one_that_mends_it(
    info: Collection[dict[str, Any]], mongo: MongoClient[dict[str, Any]], args: list[str], servers: dict[str, str],
    kafka: str, topic: str,
) -> None:  # fmt: skip
    letters = f"{topic}-letters"
    images = ["--full-document", "required", "--no-snapshot"]  # each update with the document just as it left it
    mongo[info.database.name].create_collection("info", changeStreamPreAndPostImages={"enabled": True})
    args += ["--data-type", "information", "--dead-letter-topic", letters, *images]
    assert cdc(*args, env=servers).returncode == 0
    info.insert_one(item(_id=(_id := ObjectId())))
    info.update_one({"_id": _id}, {"$push": {"tags": "rates"}})
    info.update_one({"_id": _id}, {"$set": {"tags": ["rates"]}})
    assert cdc(*args, env=servers).returncode == 0
    assert [record.value["op"] for record in topics.read(kafka, topic)] == ["insert", "update"]
    (letter,) = [record.value for record in topics.read(kafka, letters)]
    assert (letter["op"], letter["reason"]) == ("update", "not Information: tags: has item 2 twice")
    assert not topics.differences(topics.read(kafka, topic), info.find())


def test_without_a_dead_letter_topic_the_run_ends_and_the_cursor_stays(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    args += ["--data-type", "information"]
    info.insert_one(item(_id="fits"))
    assert cdc(*args, env=servers).returncode == 0
    info.insert_one(item(_id="spoilt", url=SECRET))
    said = refusal(cdc(*args, env=servers), 5)
    assert f"{info.full_name}: insert at 20" in said
    assert "not Information: url: should be a valid URL, relative URL without a base" in said
    assert "| set --dead-letter-topic to go on without such events; the cursor stays before this one" in said
    assert SECRET not in said
    assert topics.ends(kafka, topic) == 1

    args += ["--dead-letter-topic", f"{topic}-letters"]
    assert cdc(*args, env=servers).returncode == 0
    (letter,) = topics.read(kafka, f"{topic}-letters")
    assert letter.value["key"] == {"_id": "spoilt"}


def test_without_a_data_type_any_document_passes(
    info: Collection[dict[str, Any]], args: list[str], servers: dict[str, str], kafka: str, topic: str
) -> None:
    info.insert_many([{"_id": 1, "title": 7}, item()])
    assert cdc(*args, "--collection", "info", env=servers).returncode == 0
    assert not topics.differences(topics.read(kafka, topic), info.find())


def test_a_package_beside_cdc_brings_its_own(
    mongo: MongoClient[dict[str, Any]], database: str, servers: dict[str, str], tmp_path: Path
) -> None:
    code = """
from cdc.models import DataType, Decimal, Document

class Quote(Document):
    price: Decimal
    at: int

QUOTE = DataType(model=Quote, collection="quotes", topic="quotes-of-{db}", increment_field="at")
"""
    install(tmp_path, "acme_quotes", code, quote="acme_quotes:QUOTE")
    mongo[database].quotes.insert_one({"_id": 1, "price": 1.5, "at": 1})
    mongo[database].others.insert_one({"_id": 2})
    env = servers | {"PYTHONPATH": str(tmp_path), "CDC_DATA_TYPE": "quote", "CDC_DRY_RUN": "true"}
    unknown = refusal(cdc("watch", "--data-type", "quot", env=env), 2)
    assert unknown.startswith("--data-type: unknown data type 'quot': did you mean 'quote'? | the data types are info")
    done = cdc("watch", "--once", "--database", database, env=env)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["rejected"]["reason"] == "not Quote: price: should be an instance of Decimal"

    mongo[database].quotes.update_one({"_id": 1}, [{"$set": {"price": {"$toDecimal": "1.5"}}}])
    (line,) = cdc("watch", "--once", "--database", database, env=env).stdout.splitlines()
    assert json.loads(line)["topic"] == f"quotes-of-{database}"
    assert json.loads(line)["value"]["after"] == {"_id": 1, "price": {"$numberDecimal": "1.5"}, "at": 1}
