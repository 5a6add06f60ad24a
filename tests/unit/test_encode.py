"""What change events and documents become, byte for byte."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import bson
import orjson
import pytest
from bson import Binary, Int64, ObjectId, Timestamp

from cdc import CollectionEvent, Envelope
from cdc.errors import UnknownOperation
from cdc.events import Batch, Namespace, Operation, Position, Records
from tests.support.twins import Twins

OID = ObjectId("6b04567bf14be49f4826a13d")
KEY = b'{"_id":{"$oid":"6b04567bf14be49f4826a13d"}}'
CLOCK = b'"ts":{"t":1795446394,"i":2},"ts_ms":1795446394497'
PIPELINE = b'"name":"p","version":"1.0"'


def encoder(full_document: str = "lookup", before: str = "off") -> Twins:
    return Twins(name="p", version="1.0", full_document=full_document, before=before)


def event(operation: str, **fields: object) -> dict[str, Any]:
    return {
        "_id": {"_data": "826B04567A00000002"},
        "operationType": operation,
        "clusterTime": Timestamp(1795446394, 2),
        "collectionUUID": Binary(bytes(range(16)), 4),
        "wallTime": datetime.fromtimestamp(1795446394.497, UTC),
        "ns": {"db": "t", "coll": "info"},
        **fields,
    }


def encode(*events: dict[str, Any], by: Twins | None = None) -> Records:
    return (by or encoder()).encode(Batch(b"".join(map(bson.encode, events)), Position()))


def one(sent: dict[str, Any], by: Twins | None = None) -> bytes:
    records = encode(sent, by=by)
    assert records.rejected == []
    (value,) = records.values
    return value


def test_insert() -> None:
    records = encode(event("insert", fullDocument={"_id": OID, "n": 1}, documentKey={"_id": OID}))
    assert records.namespaces == [Namespace("t", "info")]
    assert records.operations == [Operation.INSERT]
    assert records.keys == [KEY]
    assert records.times_ms == [1795446394497]
    assert records.tokens == ["826B04567A00000002"]
    assert records.values == [
        b'{"v":1,"op":"insert","ns":{"db":"t","coll":"info"},"key":' + KEY + b',"after":'
        b'{"_id":{"$oid":"6b04567bf14be49f4826a13d"},"n":1},"before":null,"update":null,' + CLOCK + b',"txn":null,'
        b'"source":{' + PIPELINE + b',"snapshot":false,"image":"event"}}'
    ]


def test_update_says_what_changed_and_how_its_images_were_had() -> None:
    description = {
        "updatedFields": {"a.b": 2, "gone": None},
        "removedFields": ["c"],
        "truncatedArrays": [{"field": "d", "newSize": 3}],
        "disambiguatedPaths": {"a.0": ["a", "0"]},
    }
    sent = event(
        "update",
        fullDocument={"_id": "x", "a": {"b": 2}},
        documentKey={"_id": "x"},
        updateDescription=description,
        fullDocumentBeforeChange={"_id": "x"},
    )
    assert one(sent, encoder("lookup", "when-available")) == (
        b'{"v":1,"op":"update","ns":{"db":"t","coll":"info"},"key":{"_id":"x"},"after":{"_id":"x","a":{"b":2}},'
        b'"before":{"_id":"x"},"update":{"set":{"a.b":2,"gone":null},"unset":["c"],'
        b'"truncated":[{"field":"d","newSize":3}],"paths":{"a.0":["a","0"]}},' + CLOCK + b',"txn":null,'
        b'"source":{' + PIPELINE + b',"snapshot":false,"image":"latest"}}'
    )


def test_what_the_server_says_of_an_update_is_the_same_in_every_dialect() -> None:
    description = {
        "updatedFields": {"n": 2},
        "removedFields": ["c"],
        "truncatedArrays": [{"field": "d", "newSize": 3}],
        "disambiguatedPaths": {"a.0": ["a", 0]},
    }
    sent = event("update", documentKey={"_id": 1}, updateDescription=description)
    value = one(sent, Twins(name="p", version="1.0", full_document="off", before="off", dialect="canonical"))
    assert b'"key":{"_id":{"$numberInt":"1"}}' in value
    assert (
        b'"update":{"set":{"n":{"$numberInt":"2"}},"unset":["c"],"truncated":[{"field":"d","newSize":3}],'
        b'"paths":{"a.0":["a",0]}}' in value
    )
    Envelope.model_validate_json(value)


def test_replace_keeps_the_key_though_the_id_changes_its_type() -> None:
    records = encode(event("replace", fullDocument={"_id": 1.0, "n": 2}, documentKey={"_id": 1}))
    assert records.keys == [b'{"_id":1}']
    assert records.values == [
        b'{"v":1,"op":"replace","ns":{"db":"t","coll":"info"},"key":{"_id":1},"after":{"_id":1.0,"n":2},"before":null,'
        b'"update":null,' + CLOCK + b',"txn":null,"source":{' + PIPELINE + b',"snapshot":false,"image":"event"}}'
    ]
    assert encode(event("delete", documentKey={"_id": 1.0})).keys == records.keys


def test_delete_in_a_transaction_of_a_sharded_collection() -> None:
    session = {"id": Binary(UUID("10bb3ee3-9bd0-4d12-8876-be96d058428b").bytes, 4), "uid": b"\0" * 32}
    sent = {"txnNumber": Int64(6), "lsid": session} | event("delete", documentKey={"region": "EU", "_id": 7})
    records = encode(sent)
    assert records.keys == [b'{"_id":7}']
    assert records.values == [
        b'{"v":1,"op":"delete","ns":{"db":"t","coll":"info"},"key":{"region":"EU","_id":7},"after":null,"before":null,'
        b'"update":null,' + CLOCK + b',"txn":{"id":"10bb3ee3-9bd0-4d12-8876-be96d058428b","n":6},'
        b'"source":{' + PIPELINE + b',"snapshot":false,"image":"none"}}'
    ]


def test_read() -> None:
    rows = Batch(
        bson.encode({"_id": OID, "n": 1}) + bson.encode({"_id": 2.5, "n": None}),
        Position(time=Timestamp(1795446394, 2)),
        Namespace("t", "info"),
    )
    records = encoder().encode(rows)
    assert records.operations == [Operation.READ, Operation.READ]
    assert records.keys == [KEY, b'{"_id":2.5}']
    assert records.times_ms == [1795446394000, 1795446394000]
    assert records.tokens == ["", ""]
    assert records.values[1] == (
        b'{"v":1,"op":"read","ns":{"db":"t","coll":"info"},"key":{"_id":2.5},"after":{"_id":2.5,"n":null},"before":null,'
        b'"update":null,"ts":{"t":1795446394,"i":2},"ts_ms":1795446394000,"txn":null,'
        b'"source":{' + PIPELINE + b',"snapshot":true,"image":"event"}}'
    )


def test_drop() -> None:
    records = encode(event("drop"))
    assert records.operations == [Operation.DROP]
    assert records.keys == [b'{"db":"t","coll":"info"}']
    assert records.values == [
        b'{"v":1,"op":"drop","ns":{"db":"t","coll":"info"},"to":null,"description":null,'
        + CLOCK
        + b',"source":{"name":"p","version":"1.0"}}'
    ]


def test_rename() -> None:
    to = {"db": "t", "coll": "new"}
    assert one(event("rename", to=to, operationDescription={"to": to})) == (
        b'{"v":1,"op":"rename","ns":{"db":"t","coll":"info"},"to":{"db":"t","coll":"new"},'
        b'"description":{"to":{"db":"t","coll":"new"}},' + CLOCK + b',"source":{' + PIPELINE + b"}}"
    )


def test_an_invalidate_names_no_collection() -> None:
    sent = event("invalidate")
    del sent["ns"]
    assert CollectionEvent.model_validate_json(one(sent)).ns.model_dump() == {"db": "", "coll": ""}


def test_dropping_a_database_names_no_collection() -> None:
    records = encode(event("dropDatabase") | {"ns": {"db": "t"}})
    assert records.keys == [b'{"db":"t","coll":""}']
    assert records.namespaces == [Namespace("t", "")]


@pytest.mark.parametrize(
    ("operation", "fields", "options", "image"),
    [
        ("insert", {"fullDocument": {"_id": 1}}, ("off", "off"), "event"),
        ("update", {"fullDocument": {"_id": 1}}, ("lookup", "off"), "latest"),
        ("update", {"fullDocument": {"_id": 1}}, ("required", "off"), "stored"),
        ("update", {"fullDocument": None}, ("lookup", "off"), "none"),
        ("update", {}, ("off", "off"), "none"),
        ("update", {"fullDocument": None, "fullDocumentBeforeChange": {"_id": 1}}, ("lookup", "required"), "stored"),
        ("replace", {"fullDocument": {"_id": 1}}, ("lookup", "off"), "event"),
        (
            "replace",
            {"fullDocument": {"_id": 1}, "fullDocumentBeforeChange": {"_id": 1}},
            ("off", "required"),
            "stored",
        ),
        ("delete", {"fullDocumentBeforeChange": {"_id": 1}}, ("off", "when-available"), "stored"),
        ("delete", {"fullDocumentBeforeChange": None}, ("off", "when-available"), "none"),
    ],
)
def test_the_image_is_the_weaker_of_the_two(
    operation: str, fields: dict[str, Any], options: tuple[str, str], image: str
) -> None:
    sent = event(operation, documentKey={"_id": 1}, **fields)
    if operation == "update":
        sent["updateDescription"] = {"updatedFields": {}, "removedFields": []}
    assert Envelope.model_validate_json(one(sent, encoder(*options))).source.image == image


def test_without_a_wall_clock_the_cluster_time_tells_the_time() -> None:
    sent = event("delete", documentKey={"_id": 1})
    del sent["wallTime"]
    assert encode(sent).times_ms == [1795446394000]


def test_a_heartbeat_has_no_records() -> None:
    assert encoder().encode(Batch(b"", Position())) == Records()


def test_documents_that_were_read_need_their_time() -> None:
    with pytest.raises(ValueError, match="time they were read"):
        encoder().encode(Batch(b"", Position(), Namespace("t", "info")))


def test_an_unknown_operation_ends_the_run() -> None:
    with pytest.raises(UnknownOperation, match="'teleport'") as caught:
        encode(event("insert", fullDocument={"_id": 1}, documentKey={"_id": 1}), event("teleport"))
    assert "--match" in caught.value.hint


@pytest.mark.parametrize("operation", sorted(Operation))
def test_every_operation_keeps_the_contract(operation: Operation) -> None:
    document = {"_id": 1, "when": datetime(1950, 1, 1, tzinfo=timezone(timedelta(hours=2))), "nan": float("nan")}
    description = {"updatedFields": document, "removedFields": [], "truncatedArrays": []}
    about = {"fullDocument": document, "documentKey": {"_id": 1}, "updateDescription": description}
    if operation is Operation.READ:
        rows = Batch(bson.encode(document), Position(time=Timestamp(5, 1)), Namespace("t", "info"))
        (value,) = encoder().encode(rows).values
    else:
        value = one(event(operation, **about))
    model = Envelope if "after" in orjson.loads(value) else CollectionEvent
    assert model.model_validate_json(value).model_dump_json().encode() == value
