"""Every BSON type as JSON, byte for byte, by both encoders; and what the one in Rust hands to the one in Python."""

from struct import pack

import bson
import pytest
from bson import Decimal128, Timestamp

from cdc.encode.record import Origin
from cdc.encode.rows import Rows
from cdc.events import Batch, Namespace, Position, Records
from tests.support.twins import Twins, needs_both

INFO = Namespace("t", "info")
TIME = Timestamp(5, 1)
OID = bytes(range(1, 13))
ONE = b"\x10_id\0\1\0\0\0"

VALUES = [
    (0x01, pack("<d", 1.5), "1.5"),
    (0x01, pack("<d", -0.0), "-0.0"),
    (0x01, pack("<d", 2.0), "2.0"),
    (0x01, pack("<d", 1e22), "1e+22"),
    (0x01, pack("<d", float("nan")), '{"$numberDouble":"NaN"}'),
    (0x01, pack("<d", float("-inf")), '{"$numberDouble":"-Infinity"}'),
    (0x02, b'\x08\0\0\0\x00\x1f"\\\xc3\xbc/\0', r'"\u0000\u001f\"\\ü/"'),
    (0x02, b"\x01\0\0\0\0", '""'),
    (0x03, b"\x05\0\0\0\0", "{}"),
    (0x04, b"\x0e\0\0\0\x0a0\0\x0a1\0\x0a0\0\0", "[null,null,null]"),
    (0x05, b"\x01\0\0\0\x80\xff", '{"$binary":{"base64":"/w==","subType":"80"}}'),
    (0x05, b"\x05\0\0\0\x02\x01\0\0\0\xff", '{"$binary":{"base64":"/w==","subType":"02"}}'),
    (0x06, b"", '{"$undefined":true}'),
    (0x07, OID, '{"$oid":"0102030405060708090a0b0c"}'),
    (0x08, b"\1", "true"),
    (0x08, b"\0", "false"),
    (0x09, pack("<q", 0), '{"$date":"1970-01-01T00:00:00Z"}'),
    (0x09, pack("<q", 951_782_400_250), '{"$date":"2000-02-29T00:00:00.250Z"}'),
    (0x09, pack("<q", 253_402_300_799_999), '{"$date":"9999-12-31T23:59:59.999Z"}'),
    (0x09, pack("<q", 253_402_300_800_000), '{"$date":{"$numberLong":"253402300800000"}}'),
    (0x09, pack("<q", -1), '{"$date":{"$numberLong":"-1"}}'),
    (0x0A, b"", "null"),
    (0x0B, b"^a\0mi\0", '{"$regularExpression":{"pattern":"^a","options":"im"}}'),
    (0x0D, b"\x02\0\0\0f\0", '{"$code":"f"}'),
    (0x0E, b"\x02\0\0\0s\0", '{"$symbol":"s"}'),
    (0x0F, b"\x0f\0\0\0\x02\0\0\0f\0\x05\0\0\0\0", '{"$code":"f","$scope":{}}'),
    (0x10, pack("<i", -(2**31)), "-2147483648"),
    (0x11, pack("<II", 3, 4_000_000_000), '{"$timestamp":{"t":4000000000,"i":3}}'),
    (0x12, pack("<q", 2**63 - 1), "9223372036854775807"),
    (0x13, Decimal128("1.50").bid, '{"$numberDecimal":"1.50"}'),
    (0x13, Decimal128("-0E+9").bid, '{"$numberDecimal":"-0E+9"}'),
    (0x13, Decimal128("1E-7").bid, '{"$numberDecimal":"1E-7"}'),
    (0x13, Decimal128("-NaN").bid, '{"$numberDecimal":"NaN"}'),
    (0x13, b"\xff" * 14 + b"\x41\x30", '{"$numberDecimal":"0"}'),  # more than 34 digits count as none
    (0x7F, b"", '{"$maxKey":1}'),
    (0xFF, b"", '{"$minKey":1}'),
]
POINTER = (0x0C, b"\x02\0\0\0c\0" + OID, '{"$dbPointer":{"$ref":"c","$id":{"$oid":"0102030405060708090a0b0c"}}}')

OTHERWISE = [
    (0x01, pack("<d", 1.5), '{"$numberDouble":"1.5"}', "1.5"),
    (0x01, pack("<d", float("nan")), '{"$numberDouble":"NaN"}', '"NaN"'),
    (0x01, pack("<d", float("-inf")), '{"$numberDouble":"-Infinity"}', '"-Infinity"'),
    (0x05, b"\x01\0\0\0\x80\xff", '{"$binary":{"base64":"/w==","subType":"80"}}', '"/w=="'),
    (0x06, b"", '{"$undefined":true}', "null"),
    (0x07, OID, '{"$oid":"0102030405060708090a0b0c"}', '"0102030405060708090a0b0c"'),
    (0x09, pack("<q", 951_782_400_250), '{"$date":{"$numberLong":"951782400250"}}', '"2000-02-29T00:00:00.250Z"'),
    (0x09, pack("<q", -1), '{"$date":{"$numberLong":"-1"}}', '"1969-12-31T23:59:59.999Z"'),
    (0x09, pack("<q", -(10**14)), '{"$date":{"$numberLong":"-100000000000000"}}', "-100000000000000"),
    (0x0B, b'a"\0mi\0', r'{"$regularExpression":{"pattern":"a\"","options":"im"}}', r'"/a\"/im"'),
    (*POINTER, '{"ref":"c","id":"0102030405060708090a0b0c"}'),
    (0x0D, b"\x02\0\0\0f\0", '{"$code":"f"}', '"f"'),
    (0x0E, b"\x02\0\0\0s\0", '{"$symbol":"s"}', '"s"'),
    (0x0F, b"\x0f\0\0\0\x02\0\0\0f\0\x05\0\0\0\0", '{"$code":"f","$scope":{}}', '{"code":"f","scope":{}}'),
    (0x10, pack("<i", 7), '{"$numberInt":"7"}', "7"),
    (0x11, pack("<II", 3, 5), '{"$timestamp":{"t":5,"i":3}}', '{"t":5,"i":3}'),
    (0x12, pack("<q", 7), '{"$numberLong":"7"}', "7"),
    (0x13, Decimal128("1.50").bid, '{"$numberDecimal":"1.50"}', '"1.50"'),
    (0x7F, b"", '{"$maxKey":1}', '"MaxKey"'),
    (0xFF, b"", '{"$minKey":1}', '"MinKey"'),
]


def document(body: bytes) -> bytes:
    return pack("<i", len(body) + 5) + body + b"\0"


def encode(raw: bytes, dialect: str = "relaxed") -> Records:
    twins = Twins(name="p", version="1", full_document="lookup", before="off", dialect=dialect)
    return twins.encode(Batch(raw, Position(time=TIME), INFO))


def handed_over(raw: bytes) -> list[bytes]:
    """What the encoder in Rust finds odd."""
    odd: list[bytes] = []
    Rows(Origin("p", "1"), INFO, TIME).native(shared=False).columns(raw, odd.append, None)
    return odd


@pytest.mark.parametrize(("kind", "value", "text"), [*VALUES, POINTER])
def test_a_value(kind: int, value: bytes, text: str) -> None:
    (written,) = encode(document(ONE + bytes([kind]) + b"v\0" + value)).values
    assert f'"after":{{"_id":1,"v":{text}}},"before"' in written.decode()


@pytest.mark.parametrize(("kind", "value", "canonical", "plain"), OTHERWISE)
def test_a_value_in_the_other_dialects(kind: int, value: bytes, canonical: str, plain: str) -> None:
    raw = document(bytes([kind]) + b"_id\0" + value)
    for dialect, text in (("canonical", canonical), ("plain", plain)):
        records = encode(raw, dialect)
        assert f'"key":{{"_id":{text}}},"after":{{"_id":{text}}},"before"' in records.values[0].decode()
        assert records.keys == encode(raw).keys


def test_options_of_a_regular_expression_that_cannot_be_sorted() -> None:
    (rejected,) = encode(document(ONE + b"\x0bv\0a\0\xc3\xbci\0")).rejected
    assert "utf-8" in rejected.reason


@needs_both
def test_rust_writes_every_type_but_the_rarest() -> None:
    raw = [document(ONE + bytes([kind]) + b"v\0" + value) for kind, value, _ in VALUES]
    assert handed_over(b"".join(raw)) == []


@needs_both
def test_what_rust_hands_over_comes_back_to_its_place() -> None:
    odd = document(ONE + b"\x0cv\0" + POINTER[1])
    assert handed_over(odd + document(ONE) + odd) == [odd, odd]
    assert [b"$dbPointer" in value for value in encode(odd + document(ONE) + odd).values] == [True, False, True]


@needs_both
@pytest.mark.parametrize("value", [1, 2.0, "a", None, True, b"x", {"a": {"$b": [1.0]}}, bson.ObjectId(OID)])
def test_keys_that_rust_writes(value: object) -> None:
    assert handed_over(bson.encode({"_id": value})) == []


@pytest.mark.parametrize("depth", [1, 100, 199, 200, 210, 5000])
def test_depth(depth: int) -> None:
    raw = document(ONE)
    for kind in [b"\x03", b"\x04"] * (depth // 2):
        raw = document(ONE + kind + b"0\0" + raw)
    records = encode(raw + document(ONE))
    assert len(records) + len(records.rejected) == 2
    assert records.keys[-1] == b'{"_id":1}'
    assert bool(records.rejected) == (depth == 5000)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 66, 5000])
def test_a_name_that_is_repeated_keeps_its_place_and_its_last_value(count: int) -> None:
    names = [f"{number:08}" for number in range(count)]
    unique = b"".join(b"\x0a" + name.encode() + b"\0" for name in names)
    many, repeated = encode(
        document(ONE + unique) + document(ONE + unique + b"\x08" + names[0].encode() + b"\0\1")
    ).values
    assert many.count(b":null") - repeated.count(b":null") == 1
    assert b'"after":{"_id":1,"00000000":true' in repeated
