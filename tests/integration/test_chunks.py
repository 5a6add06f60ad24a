"""A collection is cut into ranges of `_id`, and together they are the collection, whatever its `_id`s are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson import MinKey
from pymongo.collation import Collation

from cdc.events import Chunk, Load
from cdc.source import chunks, ranges
from tests.support.fire import SINGLE, document
from tests.support.loads import Source, ids, read, small_chunks

pytestmark = pytest.mark.servers

DOCUMENTS = 1500
CASELESS = Collation("en", strength=1)
KINDS_OF_COLLECTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clustered": {"clusteredIndex": {"key": {"_id": 1}, "unique": True}},
    "caseless": {"collation": CASELESS},
}


@pytest.fixture
def source(mongo_uri: str, database: str) -> Iterator[Source]:
    made = Source(mongo_uri, database)
    yield made
    made.client.close()


@pytest.fixture(params=KINDS_OF_COLLECTIONS)
def filled(request: pytest.FixtureRequest, source: Source) -> Source:
    """With documents of every kind of `_id`, in each kind of collection."""
    source.info.database.create_collection("info", **KINDS_OF_COLLECTIONS[request.param])
    source.info.insert_many(document(number) for number in range(DOCUMENTS))
    return source


def stored(source: Source) -> list[bytes]:
    """Every `_id`, in the server's order."""
    return [bson.encode(found) for found in source.info.find({}, {"_id": 1}).sort("_id")]


def bound(value: Any) -> bytes:  # noqa: ANN401 - of every type
    return bson.encode({"_id": value})


def test_chunks_together_have_every_document_once(filled: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, 100)
    parts = filled.plan()
    assert len(parts) == DOCUMENTS // 100
    assert [part.lower for part in parts[1:]] == [part.upper for part in parts[:-1]]
    assert parts[0].lower is None
    assert parts[-1].upper is None
    steps = filled.ranges(Load(chunks=parts))
    assert sorted(ids(read(steps))) == sorted(stored(filled))
    last = steps[-1][1]
    assert (last.chunks, last.chunks_done, last.documents) == ((), len(parts), DOCUMENTS)


def test_each_chunk_is_read_in_the_server_s_order(filled: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, 300)
    found = [read(filled.ranges(Load(chunks=(part,)))) for part in filled.plan()]
    assert [each for part in found for each in ids(part)] == stored(filled)


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_load_that_ends_anywhere_goes_on_without_loss_and_repeats_nothing(
    filled: Source, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    small_chunks(monkeypatch, 400)
    monkeypatch.setattr(ranges, "LANES_BYTES", 2**40)  # all lanes from the first round on
    everything = sorted(stored(filled))
    steps = filled.ranges(Load(chunks=filled.plan()), batch=60, parallel=parallel)
    assert sorted(ids(read(steps))) == everything
    in_the_middle = set()
    for place, (_, load) in enumerate(steps, start=1):
        in_the_middle |= {part.upper for part in load.chunks if part.after is not None}
        rest = read(filled.ranges(load, parallel=parallel))
        assert sorted(ids(read(steps[:place]) + rest)) == everything
    assert len(in_the_middle) == len(filled.plan())


ENDS = [*SINGLE, 0, float("-inf"), "s"]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_any_id_may_be_where_one_chunk_ends_and_the_next_begins(filled: Source, end: Any) -> None:  # noqa: ANN401 - of every type
    left = [] if isinstance(end, MinKey) else read(filled.ranges(Load(chunks=(Chunk("info", upper=bound(end)),))))
    right = read(filled.ranges(Load(chunks=(Chunk("info", lower=bound(end)),))))
    assert ids(left) + ids(right) == stored(filled)


@pytest.mark.parametrize("last", SINGLE, ids=repr)
def test_after_any_id_comes_the_next_one(filled: Source, last: Any) -> None:  # noqa: ANN401 - of every type
    everything = stored(filled)
    rest = read(filled.ranges(Load(chunks=(Chunk("info", after=bound(last)),))))
    assert ids(rest) == everything[everything.index(bound(last)) + 1 :]


def test_what_was_read_last_may_be_gone_when_the_load_goes_on(filled: Source) -> None:
    steps = filled.ranges(Load(chunks=(Chunk("info"),)), batch=100)
    for documents, load in steps[:-1]:
        last = bson.decode(documents[-1])["_id"]
        filled.info.delete_one({"_id": last})
        (part,) = load.chunks
        rest = ids(read(filled.ranges(load)))
        everything = stored(filled)
        assert rest == everything[len(everything) - len(rest) :]
        assert part.after not in rest
        assert len(rest) == DOCUMENTS - load.documents


@pytest.mark.parametrize(
    ("collection", "before", "now"), [("caseless", "key", "KEY"), ("plain", 1, 1.0), ("clustered", 1, 1.0)]
)
def test_an_id_that_is_equal_to_the_one_read_last_but_not_the_same_is_read(
    source: Source,
    collection: str,
    before: Any,  # noqa: ANN401 - of every type
    now: Any,  # noqa: ANN401 - of every type
) -> None:
    source.info.database.create_collection("info", **KINDS_OF_COLLECTIONS[collection])
    source.info.insert_many([{"_id": before}, {"_id": "z"}])
    first, then = source.now, Chunk("info", after=bound(before))
    source.info.delete_one({"_id": before})
    source.info.insert_one({"_id": now})
    assert ids(read(source.ranges(Load(chunks=(then,)), at=first))) == [bound("z")]
    assert ids(read(source.ranges(Load(chunks=(then,))))) == [bound(now), bound("z")]


def test_the_documents_are_those_of_the_time_that_is_read(filled: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, 300)
    then, parts, before = filled.now, filled.plan(), sorted(stored(filled))
    filled.info.delete_many({"n": {"$lt": DOCUMENTS // 2}})
    filled.info.update_many({}, {"$inc": {"v": 1}})
    filled.info.insert_many({"_id": f"later {number}"} for number in range(100))
    found = read(filled.ranges(Load(chunks=parts), at=then))
    assert sorted(ids(found)) == before
    assert {bson.decode(raw)["v"] for raw in found} == {0}


def test_the_lanes_ask_for_more_once_the_size_of_the_documents_is_known(filled: Source) -> None:
    steps = filled.ranges(Load(chunks=(Chunk("info"),)))
    assert [len(documents) for documents, _ in steps[:2]] == [4, 1000]


@pytest.mark.parametrize("large", [1, 2])
def test_an_id_that_is_large_is_no_bound(source: Source, monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    """All of them, or every other one."""
    small_chunks(monkeypatch, 100)
    pad = "x" * chunks.LARGEST_BOUND
    source.info.insert_many({"_id": f"{number:05}{'' if number % large else pad}"} for number in range(DOCUMENTS))
    parts = source.plan()
    bounds = [part.lower for part in parts if part.lower is not None]
    assert len(parts) == 1 if large == 1 else len(parts) > 10
    assert all(len(each) <= chunks.LARGEST_BOUND for each in bounds)
    assert sorted(ids(read(source.ranges(Load(chunks=parts))))) == sorted(stored(source))


@pytest.mark.parametrize("documents", [1, 50, 99])
def test_fewer_than_a_hundred_documents_are_one_chunk(
    source: Source, monkeypatch: pytest.MonkeyPatch, documents: int
) -> None:
    """The server samples so few by reading all of them."""
    small_chunks(monkeypatch, 5)
    source.info.insert_many({"_id": number} for number in range(documents))
    assert source.plan() == (Chunk("info"),)
    assert len(read(source.ranges(Load(chunks=source.plan())))) == documents


def test_large_documents_are_cut_by_their_bytes(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(chunks, "SAMPLING_MS", 60_000)
    source.info.insert_many({"_id": number, "pad": "x" * 2000} for number in range(500))
    assert len(source.plan()) == 11
    assert len(read(source.ranges(Load(chunks=source.plan())))) == 500


def test_there_are_never_more_chunks_than_the_cursor_can_hold(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, 1)
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 7)
    source.info.insert_many({"_id": number} for number in range(1000))
    assert len(source.plan()) == 7


@pytest.mark.parametrize("made", [False, True])
def test_a_collection_that_is_empty_or_not_there_is_one_chunk_of_nothing(source: Source, *, made: bool) -> None:
    if made:
        source.info.database.create_collection("info")
    else:
        source.info.database.create_collection("another")
    assert chunks.Size.of(source.database, "info") == chunks.Size()
    assert source.plan() == (Chunk("info"),)
    ((documents, load),) = source.ranges(Load(chunks=source.plan()))
    assert not documents
    assert load == replace(load, chunks=(), chunks_done=1, documents=0)


def test_a_chunk_of_nothing_is_done(filled: Source) -> None:
    between = Chunk("info", lower=bound("s9999"), upper=bound("s99990"))
    ((documents, load),) = filled.ranges(Load(chunks=(between,)))
    assert (documents, load.chunks, load.chunks_done) == ([], (), 1)
