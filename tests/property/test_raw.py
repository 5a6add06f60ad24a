"""Replies are taken apart without being decoded, and put together again byte for byte."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from struct import pack
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdc.encode.elements import elements
from cdc.errors import SourceUnreachable
from cdc.source.raw import DOCUMENT, Field, ReplySize, documents, fields, found_at, identity, joined, split
from tests.property.bson_values import Value, binary, document, string, values
from tests.property.bson_values import documents as any_document

EMPTY = document([])
PATH = "meta.at.last"
READERS: list[Callable[[bytes], Any]] = [
    documents,
    split,
    lambda raw: list(islice(fields(raw), len(raw) + 1)),
    identity,
    lambda raw: found_at(raw, PATH),
]

replies = st.lists(any_document, max_size=5)
names = st.sampled_from(["a", "at", "meta", "_id", "_idx", "\u00e9"])


@given(any_document)
def test_a_document_taken_apart_and_put_together_is_the_same(raw: bytes) -> None:
    found = list(fields(raw))
    assert joined((field.name.decode(), field) for field in found) == raw
    assert [(field.kind, field.value) for field in found] == [
        (item.kind, raw[item.value : item.end]) for item in elements(raw)
    ]


@given(values, names, names)
def test_the_document_of_a_value_alone_is_that_value_under_its_new_name(value: Value, old: str, new: str) -> None:
    (field,) = fields(document([(old, value)]))
    assert field == Field(value[0], old.encode(), value[1])
    assert field.document(new) == document([(new, value)])


@given(replies)
def test_a_reply_is_split_into_its_documents(reply: list[bytes]) -> None:
    raw = b"".join(reply)
    assert split(raw) == reply
    assert [raw[start:][: len(each)] for start, each in zip(documents(raw), reply, strict=True)] == reply


@given(replies, any_document, replies)
def test_the_fields_of_a_document_within_a_reply_are_those_of_it_alone(
    before: list[bytes], raw: bytes, after: list[bytes]
) -> None:
    reply = b"".join([*before, raw, *after])
    assert list(fields(reply, documents(reply)[len(before)])) == list(fields(raw))


@given(any_document, values, replies)
def test_the_identity_is_the_field_of_that_name_wherever_it_stands(
    others: bytes, value: Value, before: list[bytes]
) -> None:
    first = document([("_id", value), ("_idx", (10, b"")), ("a", value)])
    assert identity(first) == Field(value[0], b"_id", value[1])
    behind = document([("_idx", (10, b"")), ("nested", (DOCUMENT, others)), ("_id", value)])
    assert identity(b"".join([*before, behind]), sum(map(len, before))) == Field(value[0], b"_id", value[1])


@given(any_document)
def test_a_document_without_identity_is_no_document_of_a_collection(others: bytes) -> None:
    with pytest.raises(SourceUnreachable, match="without _id"):
        identity(document([("nested", (DOCUMENT, others)), ("_idx", (10, b""))]))


def nested(path: list[str], value: Value) -> bytes:
    """A document with this value at the path, among others that look like it."""
    name, *deeper = path
    inner = (DOCUMENT, nested(deeper, value)) if deeper else value
    return document([(f"{name}x", value), (f"x{name}", (DOCUMENT, EMPTY)), (name, inner), ("z", (DOCUMENT, EMPTY))])


@given(st.lists(names, min_size=1, max_size=4), values)
def test_a_dotted_path_leads_through_documents_to_its_value(path: list[str], value: Value) -> None:
    raw = nested(path, value)
    assert found_at(raw, ".".join(path)) == Field(value[0], path[-1].encode(), value[1])
    assert found_at(raw, ".".join([*path[:-1], "other"])) is None
    assert found_at(raw, ".".join(["other", *path])) is None


@given(values.filter(lambda value: value[0] != DOCUMENT), names)
def test_a_dotted_path_ends_at_what_is_no_document(value: Value, name: str) -> None:
    assert found_at(document([(name, value)]), f"{name}.0") is None
    assert found_at(document([(name, value)]), f"{name}.{name}") is None


def refused_or_read(raw: bytes) -> None:
    """Every reader ends, and says that the source is at fault or nothing at all."""
    for read in READERS:
        try:
            found = read(raw)
        except SourceUnreachable:
            continue
        if isinstance(found, list):
            assert len(found) <= len(raw), "it goes round in circles"


@settings(max_examples=500)
@given(st.binary(max_size=60))
@example(b"")
@example(EMPTY[:4])
def test_bytes_that_are_no_documents_are_refused(raw: bytes) -> None:
    refused_or_read(raw)


@settings(max_examples=500)
@given(any_document, st.data())
def test_a_document_cut_short_is_refused(raw: bytes, data: st.DataObject) -> None:
    inner = document([("meta", (DOCUMENT, document([("at", (DOCUMENT, raw))]))), ("_id", (DOCUMENT, raw))])
    refused_or_read(inner[: data.draw(st.integers(0, len(inner) - 1))])


@settings(max_examples=500)
@given(any_document, st.data())
def test_a_document_with_a_byte_changed_is_refused_or_another(raw: bytes, data: st.DataObject) -> None:
    changed = bytearray(document([("a", (DOCUMENT, raw)), ("_id", (DOCUMENT, raw)), ("meta", (DOCUMENT, raw))]))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    refused_or_read(bytes(changed))


@pytest.mark.parametrize("kind", [0x02, 0x03, 0x04, 0x05, 0x0C, 0x0D, 0x0E, 0x0F])
@pytest.mark.parametrize("length", [-1, -7, -11, -(2**31)])
def test_a_length_below_nothing_is_refused(kind: int, length: int) -> None:
    """At -7 a string would end where it begins, and the next field would be the same one, for ever."""
    raw = document([("a", (kind, pack("<i", length) + bytes(20)))])
    with pytest.raises(SourceUnreachable):
        deque(islice(fields(raw), len(raw)), maxlen=0)


@pytest.mark.parametrize("value", [(0x02, string("text")), (0x03, EMPTY), (0x05, binary(b"data", 0)), (0x09, bytes(8))])
def test_a_value_that_reaches_behind_its_document_is_refused(value: Value) -> None:
    raw = document([("a", value)])
    with pytest.raises(SourceUnreachable):
        deque(fields(raw[:-3]), maxlen=0)


def test_a_reply_too_short_for_a_document_says_nothing_of_their_size() -> None:
    assert ReplySize(1000).learn(EMPTY[:4]) >= 1
