"""One key for each document, whatever the type of a number in it (I4)."""

from struct import pack
from uuid import UUID

import bson
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, ObjectId

from cdc.encode.keys import key_of, quick_key
from cdc.errors import Unencodable


def key(value: object) -> bytes:
    return key_of(bson.encode({"_id": value}))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, Int64(1), 1.0, Decimal128("1"), Decimal128("1.00"), Decimal128("1E+0")], b"1"),
        ([0, 0.0, -0.0, Decimal128("-0"), Decimal128("0E+100")], b"0"),
        ([Int64(-(2**63)), -(2.0**63), Decimal128(str(-(2**63)))], b"-9223372036854775808"),
        ([Int64(2**63 - 1), Decimal128(str(2**63 - 1))], b"9223372036854775807"),
        ([2.0**63, Decimal128(str(2**63))], b"9.223372036854776e+18"),
        ([0.5, Decimal128("0.5"), Decimal128("0.500")], b"0.5"),
        ([0.1], b"0.1"),
        ([Decimal128("0.1"), Decimal128("0.10")], b'{"$numberDecimal":"0.1"}'),
        ([1e22, Decimal128("1E+22")], b"1e+22"),
        ([Decimal128("1E+6144"), Decimal128("10E+6143")], b'{"$numberDecimal":"1E+6144"}'),
        ([float("nan"), -float("nan"), Decimal128("NaN"), Decimal128("sNaN")], b'{"$numberDouble":"NaN"}'),
        ([float("inf"), Decimal128("Infinity")], b'{"$numberDouble":"Infinity"}'),
        ([float("-inf"), Decimal128("-Infinity")], b'{"$numberDouble":"-Infinity"}'),
        ([{"a": [1, {"b": 2}]}, {"a": [1.0, {"b": Decimal128("2.0")}]}], b'{"a":[1,{"b":2}]}'),
    ],
)
def test_numbers_that_are_equal_have_one_spelling(values: list[object], text: bytes) -> None:
    assert {key(value) for value in values} == {b'{"_id":%b}' % text}


LOOK_ALIKES = [
    ObjectId("6b04567bf14be49f4826a13d"),
    "6b04567bf14be49f4826a13d",
    {"$oid": "6b04567bf14be49f4826a13d"},
    {"$$oid": "6b04567bf14be49f4826a13d"},
    1,
    "1",
    True,
    "true",
    None,
    "null",
    {"a": 1},
    {"b": 1},
    {"a": {"$oid": "6b04567bf14be49f4826a13d"}},
    {"a": ObjectId("6b04567bf14be49f4826a13d")},
    {"a": 1, "b": 2},
    {"b": 2, "a": 1},
    b"1",
    Binary(b"1", 4),
    {"$binary": {"base64": "MQ==", "subType": "00"}},
    MaxKey(),
    {"$maxKey": 1},
]


def test_what_only_looks_alike_differs() -> None:
    assert len({key(value) for value in LOOK_ALIKES}) == len(LOOK_ALIKES)


@pytest.mark.parametrize(
    "value",
    [
        ObjectId("6b04567bf14be49f4826a13d"),
        'quoted "text"\n\u2028',
        "",
        7,
        Int64(2**62),
        Binary(UUID(int=5).bytes, 4),
        Binary(b"old", 2),
    ],
)
def test_the_quick_way_gives_the_same_bytes(value: object) -> None:
    assert quick_key(value) == key(value)


def test_a_symbol_is_the_string_it_equals() -> None:
    body = b"\x0e_id\0" + pack("<i", 2) + b"a\0"
    assert key_of(pack("<i", len(body) + 5) + body + b"\0") == key("a")


def test_a_repeated_field_makes_another_document() -> None:
    field = b"\x10a\0\x01\0\0\0"

    def nested(fields: bytes) -> bytes:
        body = b"\x03_id\0" + pack("<i", len(fields) + 5) + fields + b"\0"
        return key_of(pack("<i", len(body) + 5) + body + b"\0")

    assert nested(field) == b'{"_id":{"a":1}}'
    assert nested(field + field) == b'{"_id":{"a":1,"a":1}}'


def test_a_document_without_an_id_has_no_key() -> None:
    with pytest.raises(Unencodable, match="no _id"):
        key_of(bson.encode({"a": 1}))
