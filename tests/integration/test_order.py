"""A load in order of the increment field, or of `_id` alone, by keys that are read ahead."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from structlog.testing import capture_logs

from cdc.events import Chunk, Load
from tests.support.ascending import EPOCH
from tests.support.fire import document, identity
from tests.support.loads import Source, Steps, ids, read

pytestmark = pytest.mark.servers

DOCUMENTS = 160
MISSING = object()
SINGLE_VALUES = [
    *(MISSING, None, 1, 2.5, Int64(2**40), Decimal128("3.25"), 2, 2.0, Int64(2), float("nan"), float("inf"), -0.0, 0),
    *("", "a", "A", "ab", {}, {"x": 1}, {"x": 1, "y": 2}, EPOCH, Timestamp(1, 1), ObjectId("00" * 12), True, False),
    *(Binary(b"x"), Code("f"), Regex("a"), MinKey(), MaxKey()),
]
ARRAYS = [[1, 5], [7, 0], [], [None], [[1]], [2], [2, 2], ["b", 1], [MaxKey()], [{"x": 1}]]


@pytest.fixture
def source(mongo_uri: str, database: str) -> Iterator[Source]:
    made = Source(mongo_uri, database)
    yield made
    made.client.close()


@pytest.fixture(params=["sorted", "by index"])
def fields(request: pytest.FixtureRequest, source: Source) -> Iterator[list[str]]:
    """Where increment fields may stand; with an index on each, or without."""
    names = ["at", "meta.at"]
    if request.param == "by index":
        for name in names:
            source.info.create_index([(name, 1), ("_id", 1)])
    with capture_logs() as logs:
        yield names
    warned = {line["event"] for line in logs if line["log_level"] == "warning"}
    assert bool(warned) == (request.param == "sorted")


def fill(source: Source, values: list[Any], *, documents: int = DOCUMENTS) -> None:
    """Documents with every kind of `_id`, each value in the field of many of them, in no order."""
    made = []
    for number in range(documents):
        value = values[number % len(values)]
        where: Mapping[str, Any] = {} if value is MISSING else {"at": value, "meta": {"at": value}}
        made.append({"_id": identity(number), "n": number, **where})
    random.Random(documents).shuffle(made)
    source.info.insert_many(made)


def in_order(source: Source, field: str) -> list[bytes]:
    """Every `_id`, as the server sorts them."""
    found = source.info.find({}, {"_id": 1}).sort([(field, 1), ("_id", 1)])
    return [bson.encode(each) for each in found]


def load(field: str, **changes: Any) -> Load:  # noqa: ANN401 - of every type
    return Load(chunks=(Chunk("info", field),), **changes)


def resumed_at_every_key(source: Source, field: str) -> tuple[Steps, list[list[bytes]]]:
    """All, one key at a time; and for each of them what comes when the load goes on behind it."""
    steps = source.keyed(load(field), batch=1)
    return steps, [ids(read(source.keyed(then))) for _, then in steps if then.chunks]


def test_documents_come_in_order_of_the_field_and_then_of_their_id(source: Source, fields: list[str]) -> None:
    fill(source, [*SINGLE_VALUES, *ARRAYS])
    for field in fields:
        found = read(source.keyed(load(field), batch=50))
        assert ids(found) == in_order(source, field)
        by_ranges = read(source.ranges(Load(chunks=(Chunk("info"),))))
        assert sorted(found) == sorted(by_ranges)


def test_a_load_goes_on_behind_every_key(source: Source, fields: list[str]) -> None:
    fill(source, SINGLE_VALUES)
    for field in fields:
        everything = in_order(source, field)
        _, rests = resumed_at_every_key(source, field)
        assert rests == [everything[place:] for place in range(1, DOCUMENTS + 1)]


def test_a_load_goes_on_behind_every_key_though_all_have_one_value(source: Source, fields: list[str]) -> None:
    fill(source, [2, 2.0, Int64(2), Decimal128("2.0")], documents=120)
    for field in fields:
        everything = in_order(source, field)
        _, rests = resumed_at_every_key(source, field)
        assert rests == [everything[place:] for place in range(1, 121)]


def test_a_load_that_goes_on_loses_nothing_where_the_field_has_arrays(source: Source, fields: list[str]) -> None:
    fill(source, [*SINGLE_VALUES, *ARRAYS])
    for field in fields:
        everything = in_order(source, field)
        _, rests = resumed_at_every_key(source, field)
        for place, rest in enumerate(rests, start=1):
            assert set(everything[place:]) - set(rest) == set()


def test_a_load_that_goes_on_repeats_nothing_where_the_field_has_arrays(source: Source, fields: list[str]) -> None:
    fill(source, [[1, 5], [0, 7], 3], documents=60)
    for field in fields:
        everything = in_order(source, field)
        _, rests = resumed_at_every_key(source, field)
        for place, rest in enumerate(rests, start=1):
            assert rest == everything[place:], f"{len(rest) - len(everything[place:])} again behind key {place}"


def test_the_last_document_of_all_is_not_lost(source: Source, fields: list[str]) -> None:
    """Of a `min` without a `max`, the server leaves out what is MaxKey in every field of the index."""
    source.info.insert_many({"_id": value, "at": value, "meta": {"at": value}} for value in (1, 2, MaxKey()))
    for field in fields:
        steps, rests = resumed_at_every_key(source, field)
        everything = in_order(source, field)
        assert ids(read(steps)) == everything
        assert rests == [everything[1:], everything[2:], []]


def test_documents_without_the_field_are_counted(source: Source, fields: list[str]) -> None:
    fill(source, [MISSING, None, 1, "a"], documents=80)
    for field in fields:
        _, last = source.keyed(load(field))[-1]
        assert (last.documents, last.bare, last.chunks, last.chunks_done) == (80, 40, (), 1)


def test_what_was_read_last_may_be_gone_when_the_load_goes_on(source: Source, fields: list[str]) -> None:
    fill(source, SINGLE_VALUES)
    for field in fields:
        for _, then in source.keyed(load(field), batch=20):
            if not then.chunks:
                continue
            everything = in_order(source, field)
            last = everything[-1 - len(read(source.keyed(then)))]
            source.info.delete_one(bson.decode(last))
            assert ids(read(source.keyed(then))) == everything[everything.index(last) + 1 :]


def test_each_document_is_read_as_of_its_round_whatever_its_key_was(source: Source) -> None:
    fill(source, [1], documents=50)
    steps = source.steps(source.by_keys(load("at"), batch=10), load("at"), most=1)
    first, _ = next(steps)
    source.info.delete_many({"n": {"$lt": 20}})
    source.info.update_many({}, {"$set": {"at": 0}})
    rest = [bson.decode(raw) for documents, _ in steps for raw in documents]
    known = {bson.decode(raw)["n"] for raw in first}
    assert {found["n"] for found in rest} == set(range(20, 50)) - known
    assert {found["at"] for found in rest} == {0}


def test_an_empty_collection_is_done_at_once(source: Source, fields: list[str]) -> None:
    source.info.insert_one({"_id": 1})
    source.info.delete_one({"_id": 1})
    for field in fields:
        ((documents, last),) = source.keyed(load(field))
        assert (documents, last.chunks, last.chunks_done, last.documents) == ([], (), 1, 0)


def test_with_a_filter_documents_come_in_order_of_their_id(source: Source) -> None:
    source.info.insert_many(document(number) for number in range(DOCUMENTS))
    where = '{"n": {"$gte": 6, "$lt": 200}}'
    expected = [
        bson.encode(found) for found in source.info.find({"n": {"$gte": 6, "$lt": 200}}, {"_id": 1}).sort("_id")
    ]
    steps = source.keyed(load("_id", where=where), batch=1)
    assert ids(read(steps)) == expected
    for place, (_, then) in enumerate(steps[:-1], start=1):
        assert ids(read(source.keyed(then))) == expected[place:]


def test_with_a_filter_only_what_is_between_the_bounds_of_its_chunk_comes(source: Source) -> None:
    source.info.insert_many(document(number) for number in range(DOCUMENTS))
    everything = [bson.encode(found) for found in source.info.find({}, {"_id": 1}).sort("_id")]
    first, last = 30, 150
    chunk = Chunk("info", lower=everything[first], upper=everything[last])
    found = read(source.keyed(Load(where="{}", chunks=(chunk,))))
    assert ids(found) == everything[first:last]
    then = Load(where="{}", chunks=(replace(chunk, after=everything[100]),))
    assert ids(read(source.keyed(then))) == everything[101:last]
