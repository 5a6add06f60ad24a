"""Replies of a cursor, opened as PyMongo opens them, but for an object of each document."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import bson
from bson import Timestamp
from bson.errors import InvalidBSON
from hypothesis import given
from hypothesis import strategies as st
from pymongo.command_cursor import RawBatchCommandCursor
from pymongo.message import _OpMsg

from cdc.source.cursors import opened
from cdc.source.raw import enclosed
from tests.property.bson_values import document
from tests.property.bson_values import documents as any_document

TIME = Timestamp(1, 2)
FIELDS = {"cursor": {"nextBatch": 1}}
"""Which PyMongo leaves undecoded, of a `getMore`."""

replies = st.lists(any_document, max_size=12)


def reply(batch: list[bytes], *, before: bool) -> bytes:
    """With its batch at the beginning of the cursor, as `mongod` has it, or at its end."""
    array = document([(str(place), (3, each)) for place, each in enumerate(batch)])
    told = bson.encode({"id": bson.Int64(7), "ns": "shop.info", "postBatchResumeToken": {"_data": "82"}})[4:-1]
    within = b"\x04nextBatch\0" + array
    cursor = within + told if before else told + within
    whole = {"ok": 1.0, "operationTime": TIME, "$clusterTime": {"clusterTime": TIME, "signature": {"keyId": 0}}}
    elements = b"\x03cursor\0" + enclosed(cursor) + bson.encode(whole)[4:-1]
    return enclosed(elements)


def by_pymongo(raw: bytes) -> dict[str, object]:
    unpack: Any = RawBatchCommandCursor._unpack_response  # noqa: SLF001 - what it gives is the measure
    told = plain(unpack(None, _OpMsg(0, raw), 7, None, FIELDS)[0])
    assert isinstance(told, dict)
    return told


def plain(value: object) -> object:
    return {name: plain(each) for name, each in value.items()} if isinstance(value, Mapping) else value


@given(batch=replies, before=st.booleans())
def test_a_reply_is_opened_as_pymongo_opens_it(*, batch: list[bytes], before: bool) -> None:
    raw = reply(batch, before=before)
    found = opened(raw)
    assert found == plain(by_pymongo(raw))
    assert b"".join(found["cursor"]["nextBatch"]) == b"".join(batch)
    assert (found["cursor"]["id"], found["operationTime"]) == (7, TIME)


def test_a_refusal_has_no_cursor() -> None:
    refused = {"ok": 0.0, "code": 136, "errmsg": "CappedPositionLost", "operationTime": TIME}
    assert opened(bson.encode(refused)) == refused


@given(replies, st.data())
def test_a_spoilt_reply_is_read_or_asked_for_again(batch: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(reply(batch, before=True))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for spoilt in (raw, raw[:cut]):
        with suppress(InvalidBSON):  # as PyMongo raises it, which `well_formed` puts into words
            opened(bytes(spoilt))
