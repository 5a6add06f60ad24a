"""Values that an increment field may have, of each type that can grow, in MongoDB's order."""

from datetime import datetime, timedelta
from typing import Any

from bson import Binary, Decimal128, Int64, ObjectId, Timestamp

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as the driver decodes it

ASCENDING: dict[str, list[Any]] = {
    "number": [
        float("-inf"),
        Decimal128("-1E+6000"),
        Int64(-(2**63)),
        -1.5,
        Decimal128("-1.25"),
        -1,
        Decimal128("-1E-6000"),
        0,
        5e-324,
        0.1,
        Decimal128("0.1000000000000000055511151231257828"),
        1,
        Decimal128("1.1"),
        1.5,
        2**31,
        2.0**53,
        Int64(2**53 + 1),
        Int64(2**63 - 1),
        2.0**63,
        Decimal128("9223372036854775809"),
        1e308,
        Decimal128("1E+6000"),
        float("inf"),
    ],
    "date": [
        EPOCH - timedelta(days=99999),
        EPOCH - timedelta(milliseconds=1),
        EPOCH,
        EPOCH + timedelta(milliseconds=1),
    ],
    "timestamp": [Timestamp(0, 1), Timestamp(1, 0), Timestamp(1, 2**32 - 1), Timestamp(2, 0), Timestamp(2**32 - 1, 5)],
    "objectId": [ObjectId("00" * 12), ObjectId("00" * 11 + "ff"), ObjectId("7f" * 12), ObjectId("ff" * 12)],
    "string": ["", "\0", "A", "B", "a", "a\0", "a\0b", "aa", "b", "\u00e9", "\uffff", "\U0001f600"],
    "binData": [Binary(b""), Binary(b"\xff", 0), Binary(b"\0", 5), Binary(b"\0\0", 0), Binary(b"\0\1", 0)],
    "bool": [False, True],
}
