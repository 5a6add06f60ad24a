"""Events that cannot become records: put aside by their place, the others unharmed."""

from datetime import UTC, datetime
from struct import pack

import bson
import orjson
from bson import Timestamp

from cdc.encode.dead_letter import letter
from cdc.events import Batch, Namespace, Position, Records, Rejected
from tests.support.twins import Twins

INFO = Namespace("t", "info")


def event(n: int, text: str = "fine") -> bytes:
    return bson.encode(
        {
            "_id": {"_data": f"82{n:08X}00000001"},
            "operationType": "insert",
            "clusterTime": Timestamp(n, 1),
            "documentKey": {"_id": n},
            "ns": {"db": "t", "coll": "info"},
            "fullDocument": {"_id": n, "text": text},
        }
    )


def encode(raw: bytes) -> Records:
    encoder = Twins(name="p", version="1.0", full_document="lookup", before="off")
    return encoder.encode(Batch(raw, Position()))


def broken_text(n: int) -> bytes:
    return event(n, "@@").replace(b"@@", b"\xff\xfe")


def test_text_that_is_not_utf8() -> None:
    records = encode(event(1) + broken_text(2) + event(3))
    assert records.keys == [b'{"_id":1}', b'{"_id":3}']
    (rejected,) = records.rejected
    assert rejected[:4] == (INFO, "insert", b'{"_id":2}', "820000000200000001")
    assert "utf-8" in rejected.reason
    assert "@" not in rejected.reason


def test_a_type_that_bson_does_not_have() -> None:
    records = encode(event(1).replace(b"\x02text\0", b"\x42text\0") + event(2))
    assert records.keys == [b'{"_id":2}']
    assert records.rejected == [
        Rejected(INFO, "insert", b'{"_id":1}', "820000000100000001", "malformed BSON: unknown type 0x42")
    ]


def test_a_batch_cut_short_gives_what_is_whole_and_one_rejected() -> None:
    records = encode((event(1) + event(2) + event(3))[: -len(event(3)) // 2])
    assert records.keys == [b'{"_id":1}', b'{"_id":2}']
    (rejected,) = records.rejected
    assert (rejected.operation, rejected.token) == ("insert", "820000000300000001")


def test_a_length_that_leads_nowhere_ends_the_batch_in_one_rejected() -> None:
    for length in (0, 4, -1, 2**31 - 1):
        records = encode(event(1) + pack("<i", length) + event(2)[4:] + event(3))
        assert records.keys == [b'{"_id":1}']
        (rejected,) = records.rejected
        assert (rejected.key, rejected.token) == (b'{"_id":2}', "820000000200000001")


def test_a_few_bytes_left_over() -> None:
    records = encode(event(1) + b"\x07\0")
    assert len(records) == 1
    (rejected,) = records.rejected
    assert rejected == Rejected(Namespace("", ""), "unknown", None, "", rejected.reason)


def test_an_event_that_lacks_a_field() -> None:
    (rejected,) = encode(event(1).replace(b"clusterTime", b"clusterTide")).rejected
    assert "clusterTime" in rejected.reason
    assert rejected.key == b'{"_id":1}'


def test_documents_that_were_read() -> None:
    encoder = Twins(name="p", version="1.0", full_document="lookup", before="off")
    bad = bson.encode({"_id": 2, "text": "@@"}).replace(b"@@", b"\xff\xfe")
    raw = bson.encode({"_id": 1}) + bad + bson.encode({"nameless": 3})
    records = encoder.encode(Batch(raw, Position(time=Timestamp(5, 1)), INFO))
    assert records.keys == [b'{"_id":1}']
    spoilt, nameless = records.rejected
    assert spoilt[:4] == (INFO, "read", b'{"_id":2}', "")
    assert nameless == Rejected(INFO, "read", None, "", "the document has no _id")


def test_nesting_deeper_than_a_server_takes_is_rejected_and_what_it_takes_is_not() -> None:
    def nested(depth: int) -> bytes:
        raw = bson.encode({"_id": 1})
        for _ in range(depth):
            body = b"\x10_id\0\x01\0\0\0\x03in\0" + raw
            raw = pack("<i", len(body) + 5) + body + b"\0"
        return raw

    encoder = Twins(name="p", version="1.0", full_document="lookup", before="off")
    records = encoder.encode(Batch(nested(200) + nested(5000), Position(time=Timestamp(5, 1)), INFO))
    assert orjson.loads(records.values[0])["after"]["in"]["in"]["_id"] == 1
    (rejected,) = records.rejected
    assert "recursion" in rejected.reason


def test_a_dead_letter_tells_the_place_and_nothing_of_the_content() -> None:
    before = datetime.now(UTC)
    (rejected,) = encode(broken_text(2)).rejected
    key, value = letter(rejected)
    assert key == b'{"_id":2}'
    told = orjson.loads(value)
    at = datetime.fromisoformat(told.pop("at"))
    assert before <= at <= datetime.now(UTC)
    assert told == {
        "v": 1,
        "reason": rejected.reason,
        "op": "insert",
        "ns": {"db": "t", "coll": "info"},
        "key": {"_id": 2},
        "token": "820000000200000001",
    }


def test_a_dead_letter_without_a_key() -> None:
    key, value = letter(Rejected(INFO, "unknown", None, "", "cut short"))
    assert key is None
    assert orjson.loads(value)["key"] is None


def test_a_dead_letter_leaves_out_what_would_make_it_large() -> None:
    key, value = letter(
        Rejected(INFO, "insert", b'{"_id":"%b"}' % (b"x" * 1_000_000), "82" + "AB" * 1_000_000, "large")
    )
    assert key is None
    told = orjson.loads(value)
    assert (told["key"], told["token"]) == (None, "")


def test_what_the_source_could_not_read_is_rejected_by_its_place() -> None:
    encoder = Twins(name="p", version="1.0", full_document="lookup", before="off", shared=True)
    raw = event(1) + bson.encode({"_id": {"_data": "8200"}, "operationType": "drop", "ns": {"db": "t", "coll": "info"}})
    records = encoder.encode(Batch(raw, Position(), unread="too large"))
    assert len(records) == 0
    key = b'{"ns":{"db":"t","coll":"info"},"_id":1}'
    assert records.rejected == [
        Rejected(INFO, "insert", key, "820000000100000001", "too large"),
        Rejected(INFO, "drop", None, "8200", "too large"),
    ]
