"""Documents that must fit a data type, among those an encoder is given."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS

from cdc.encode.fitting import Refusal
from cdc.events import Batch, Namespace, Operation, Position, Records, Rejected
from tests.support.twins import Twins

INFO = Namespace("t", "info")
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(n: int, operation: str, **fields: Any) -> bytes:  # noqa: ANN401 - whatever an event has
    head = {"_id": {"_data": f"82{n:08X}00000001"}, "operationType": operation, "clusterTime": Timestamp(n, 1)}
    return bson.encode({**head, "ns": INFO._asdict(), "documentKey": {"_id": n}, **fields})


def update(n: int, document: object) -> bytes:
    description = {"updatedFields": {"n": 10}, "removedFields": []}
    return event(n, "update", fullDocument=document, updateDescription=description)


def big(document: Mapping[str, Any]) -> str | None:
    return "n: is too large" if document.get("n", 0) > 9 else None


def fits(document: Mapping[str, Any]) -> None:
    del document


def encode(batch: Batch, refusal: Refusal | None, *, shared: bool = False) -> Records:
    encoder = Twins(name="p", version="1.0", full_document="lookup", before="off", refusal=refusal, shared=shared)
    return encoder.encode(batch)


def changed(raw: bytes) -> Batch:
    return Batch(raw, Position())


def read(raw: bytes) -> Batch:
    return Batch(raw, Position(time=Timestamp(5, 1)), INFO)


def test_what_a_change_leaves_must_fit_and_the_rest_passes() -> None:
    raw = (
        event(1, "insert", fullDocument={"_id": 1, "n": 9})
        + event(2, "insert", fullDocument={"_id": 2, "n": 10})
        + event(3, "replace", fullDocument={"_id": 3, "n": 10})
        + update(4, {"_id": 4, "n": 10})
        + update(5, None)
        + event(6, "delete")
        + event(7, "drop")
        + event(8, "insert", fullDocument={"_id": 8})
    )
    records = encode(changed(raw), big)
    assert records.operations == [
        Operation.INSERT,
        Operation.UPDATE,
        Operation.DELETE,
        Operation.DROP,
        Operation.INSERT,
    ]
    assert records.rejected == [
        Rejected(INFO, "insert", b'{"_id":2}', "820000000200000001", "n: is too large"),
        Rejected(INFO, "replace", b'{"_id":3}', "820000000300000001", "n: is too large"),
        Rejected(INFO, "update", b'{"_id":4}', "820000000400000001", "n: is too large"),
    ]


def test_a_document_that_was_read() -> None:
    raw = bson.encode({"_id": 1, "n": 10}) + bson.encode({"_id": 2, "n": 1})
    records = encode(read(raw), big, shared=True)
    assert records.keys == [b'{"ns":{"db":"t","coll":"info"},"_id":2}']
    key = b'{"ns":{"db":"t","coll":"info"},"_id":1}'
    assert records.rejected == [Rejected(INFO, "read", key, "", "n: is too large")]


def test_a_document_that_fits_becomes_the_record_it_always_was() -> None:
    batch = read(bson.encode({"_id": 1, "at": MOMENT, "price": Decimal128("1.50"), "x": float("inf")}))
    assert encode(batch, fits) == encode(batch, None)


def test_what_the_model_sees() -> None:
    document = {
        "_id": ObjectId(),
        "long": Int64(2**40),
        "double": 5.0,
        "decimal": Decimal128("1.50"),
        "at": MOMENT,
        "ancient": DatetimeMS(-(2**60)),
        "uuid": UUID(int=7),
        "bytes": b"\0",
    }
    encoded = {**document, "uuid": Binary.from_uuid(UUID(int=7))}
    seen: list[Mapping[str, Any]] = []
    assert len(encode(read(bson.encode(encoded)), seen.append)) == 1
    assert seen
    for told in seen:
        assert told == document
        assert {name: type(value) for name, value in told.items()} == {name: type(v) for name, v in document.items()}


@pytest.mark.parametrize(
    ("value", "code", "named"),
    [
        (Code("f()"), 0x0D, "code"),
        (Code("f()", {"n": 1}), 0x0F, "code"),
        ("text", 0x0E, "symbol"),
        (None, 0x06, "undefined"),
    ],
)
def test_a_value_that_python_would_take_for_another(value: object, code: int, named: str) -> None:
    kind = bson.encode({"v": value})[4]
    fields = {"_id": 1, "list": [{"v": value}]}
    for batch, raw in ((read, bson.encode(fields)), (changed, event(1, "insert", fullDocument=fields))):
        legacy = raw.replace(bytes([kind]) + b"v\0", bytes([code]) + b"v\0")
        (rejected,) = encode(batch(legacy), fits).rejected
        assert rejected.reason == f"list.0.v: BSON type {named} fits no data type"
        assert rejected.key == b'{"_id":1}'


def test_a_uuid_of_a_wrong_length() -> None:
    records = encode(read(bson.encode({"_id": 1, "uuid": Binary(b"short", 4)})), fits)
    assert [row.key for row in records.rejected] == [b'{"_id":1}']
