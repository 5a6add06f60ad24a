"""The fast encoder, the walk over the bytes, and MongoDB's own JSON say the same of every BSON document."""

import json
from struct import pack

import bson
import orjson
from bson import Timestamp, json_util
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from cdc import CollectionEvent, Envelope
from cdc.encode.dialects import DIALECTS
from cdc.encode.pure import RELAXED
from cdc.encode.relaxed import OPTIONS, dumps, loses
from cdc.errors import UnknownOperation
from cdc.events import Batch, Namespace, Position
from tests.property.bson_values import Value, document, documents, modern_documents, sections, string
from tests.support.twins import Twins

thorough = settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MONGODBS = {"relaxed": json_util.RELAXED_JSON_OPTIONS, "canonical": json_util.CANONICAL_JSON_OPTIONS}
ID: tuple[str, Value] = ("_id", (0x10, pack("<i", 1)))


def typed(value: object) -> object:
    """JSON with its numbers' types told apart, and the order of fields not."""
    if isinstance(value, dict):
        if value.keys() == {"$numberDouble"} and isinstance(value["$numberDouble"], str):
            return repr(float(value["$numberDouble"]))
        return {name: typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, repr(value)


def encoder() -> Twins:
    return Twins(name="p", version="1", full_document="lookup", before="required")


@thorough
@given(modern_documents)
def test_the_walk_says_what_mongodbs_own_json_says(raw: bytes) -> None:
    for name, options in MONGODBS.items():
        expected = json_util.dumps(bson.decode(raw, OPTIONS), json_options=options)
        assert typed(json.loads(DIALECTS[name].document(raw))) == typed(json.loads(expected))


@thorough
@given(documents)
def test_every_dialect_is_json(raw: bytes) -> None:
    for dialect in DIALECTS.values():
        orjson.loads(dialect.document(raw))


@thorough
@given(documents)
def test_where_the_fast_way_loses_nothing_it_gives_the_bytes_of_the_walk(raw: bytes) -> None:
    fields = bson.decode(raw, OPTIONS)
    try:
        text = dumps(fields)
    except orjson.JSONEncodeError:
        return
    if not loses(raw, fields, text, nulls=0, start=lambda _: 0):
        assert text == RELAXED.document(raw)


@thorough
@given(documents)
def test_a_row_is_the_document_as_walked(fields: bytes) -> None:
    raw = document([ID])[:-1] + fields[4:]
    raw = pack("<i", len(raw)) + raw[4:]
    records = encoder().encode(Batch(raw, Position(time=Timestamp(5, 1)), Namespace("t", "info")))
    (value,) = records.values
    assert b'"after":%b,"before":null,' % RELAXED.document(raw) in value


def update(identity: Value, after: bytes, before: bytes, changed: bytes) -> bytes:
    ns = document([("db", (0x02, string("t"))), ("coll", (0x02, string("info")))])
    description = [("updatedFields", (0x03, changed)), ("removedFields", (0x04, document([])))]
    return document(
        [
            ("_id", (0x03, document([("_data", (0x02, string("82")))]))),
            ("operationType", (0x02, string("update"))),
            ("clusterTime", (0x11, pack("<II", 1, 5))),
            ("collectionUUID", (0x05, pack("<iB", 16, 4) + b"\x0d\x0e\x0f\x06" * 4)),
            ("wallTime", (0x09, pack("<q", 5000))),
            ("fullDocument", (0x03, after)),
            ("ns", (0x03, ns)),
            ("documentKey", (0x03, document([("_id", identity)]))),
            ("updateDescription", (0x03, document(description))),
            ("fullDocumentBeforeChange", (0x03, before)),
        ]
    )


@thorough
@given(sections)
def test_an_event_has_every_section_as_walked(parts: tuple[Value, bytes, bytes, bytes]) -> None:
    identity, after, before, changed = parts
    (value,) = encoder().encode(Batch(update(*parts), Position())).values
    assert value.startswith(
        b'{"v":1,"op":"update","ns":{"db":"t","coll":"info"},"key":%b,"after":%b,"before":%b,'
        b'"update":{"set":%b,"unset":[],"truncated":[],"paths":null},"ts":{"t":5,"i":1},"ts_ms":5000,'
        % (
            RELAXED.document(document([("_id", identity)])),
            RELAXED.document(after),
            RELAXED.document(before),
            RELAXED.document(changed),
        )
    )
    Envelope.model_validate_json(value)


@settings(max_examples=1000, deadline=None)
@given(documents, st.lists(st.tuples(st.integers(4, 2**16), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_spoilt_event_is_a_record_or_rejected_and_its_neighbours_are_unharmed(
    after: bytes, spoils: list[tuple[int, int]]
) -> None:
    whole = update(ID[1], after, after, after)
    spoilt = bytearray(whole)
    for place, byte in spoils:
        spoilt[4 + place % (len(whole) - 4)] = byte
    try:
        records = encoder().encode(Batch(whole + bytes(spoilt) + whole, Position()))
    except UnknownOperation:
        reject()
    assert len(records) + len(records.rejected) == 3
    assert records.values[0] == records.values[-1]
    for value in records.values:
        model = Envelope if b'"after":' in value else CollectionEvent
        model.model_validate_json(value)
