"""Batches as documents that are still BSON."""

from typing import Any

import bson
import pytest
from bson import ObjectId, Timestamp

from cdc.encode.documents import encode
from cdc.errors import UnknownOperation
from cdc.events import Batch, Namespace, Operation, Position, Rejected

WHERE = Namespace("db", "info")
POSITION = Position(time=Timestamp(7, 1))
TOKEN = "8200000007000000012B"  # noqa: S105 - a resume token is no secret


def event(operation: str, **fields: Any) -> bytes:  # noqa: ANN401 - whatever an event holds
    head = {"_id": {"_data": TOKEN}, "operationType": operation, "clusterTime": Timestamp(7, 1)}
    return bson.encode({**head, "ns": {"db": "db", "coll": "info"}, **fields})


def test_documents_that_were_read_are_handed_on_as_they_are_with_their_id_alone_as_the_key() -> None:
    documents: list[dict[str, Any]] = [
        {"_id": ObjectId("0" * 24), "a": 1},
        {"a": {"_id": 5}, "_id": "late"},
        {"_id": {"b": [1, None], "a": 2}, "x": 1.5},
    ]
    records = encode(Batch(b"".join(map(bson.encode, documents)), POSITION, WHERE))
    assert records.values == [bson.encode(document) for document in documents]
    assert records.keys == [bson.encode({"_id": document["_id"]}) for document in documents]
    assert (records.namespaces, records.operations) == ([WHERE] * 3, [Operation.READ] * 3)
    assert (records.tokens, records.times_ms, records.rejected) == ([""] * 3, [7000] * 3, [])


def test_an_event_becomes_the_document_as_it_now_is_or_none() -> None:
    after = {"_id": 1, "s": "x", "n": 2}
    events = [
        event("insert", documentKey={"s": "x", "_id": 1}, fullDocument=after),
        event("update", documentKey={"_id": 1}, fullDocument=after, updateDescription={"updatedFields": {"n": 2}}),
        event("update", documentKey={"_id": 1}, fullDocument=None),
        event("delete", documentKey={"_id": 1, "s": "x"}),
        event("drop"),
    ]
    records = encode(Batch(b"".join(events), POSITION))
    whole = bson.encode(after)
    assert records.values == [whole, whole, b"", b"", b""]
    assert records.keys == [bson.encode({"_id": 1})] * 4 + [b""]
    assert records.operations == ["insert", "update", "update", "delete", "drop"]
    assert records.tokens == [TOKEN] * 5


@pytest.mark.parametrize("size", [10, 10_000])
def test_a_document_is_bytes_however_large_it_is(size: int) -> None:
    after = {"_id": "k" * size, "text": "x" * size}
    records = encode(Batch(event("insert", documentKey={"_id": "k" * size}, fullDocument=after), POSITION))
    assert records.values == [bson.encode(after)]
    assert {type(each) for each in records.keys + records.values} == {bytes}


def test_what_is_no_event_is_told_by_its_place_and_the_others_are_sent() -> None:
    good = event("insert", documentKey={"_id": 1}, fullDocument={"_id": 1})
    lost = event("insert", documentKey={"_id": 2}, fullDocument=3)
    records = encode(Batch(good + lost + good, POSITION))
    assert len(records) == 2
    (rejected,) = records.rejected
    assert rejected[:4] == (WHERE, "insert", b'{"_id":2}', TOKEN)
    assert "not the shape of a change event" in rejected.reason
    unread = encode(Batch(good, POSITION, unread="too large"))
    assert unread.rejected == [Rejected(WHERE, Operation.INSERT, b'{"_id":1}', TOKEN, "too large")]
    bare = encode(Batch(bson.encode({"a": 1}) + b"\x0c\0\0\0torn", POSITION, WHERE))
    assert [letter.key for letter in bare.rejected] == [None, None]
    with pytest.raises(UnknownOperation):
        encode(Batch(event("explode"), POSITION))
