"""Images of any history, however it is batched, cut and sliced: what is called exact is exact."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import bson
import pytest
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.events import Batch, Position
from cdc.source import images, plans
from cdc.source.cursors import Database
from cdc.source.images import Lookup

DOCUMENTS = st.integers(0, 4)


@dataclass(frozen=True)
class Write:
    time: int
    key: int
    operation: str
    found: int | None
    left: int | None
    others: dict[int, int] | None = None


Step = tuple[bool, int, bool] | dict[int, int]
STEPS = st.tuples(st.booleans(), DOCUMENTS, st.booleans())
RENAMES = st.dictionaries(DOCUMENTS, st.integers(100, 999))


def history(steps: list[Step]) -> list[Write]:
    """Each step goes on to a later time or not, and changes or deletes a document; versions are numbers.

    Or it is a rename by which other documents take the place of all.
    """
    writes: list[Write] = []
    stands: dict[int, int] = {}
    time = 10
    for version, step in enumerate(steps):
        if isinstance(step, dict):
            stands = dict(step)
            writes.append(Write(time + 1, -1, "rename", None, None, step))
            time += 2
            continue
        later, key, deletes = step
        time += later
        found = stands.pop(key, None)
        if found is None:
            operation, left = "insert", version
        elif deletes:
            operation, left = "delete", None
        else:
            operation, left = "update", version
        if left is not None:
            stands[key] = left
        writes.append(Write(time, key, operation, found, left))
    return writes


def event(place: int, write: Write) -> bytes:
    body: dict[str, Any] = {
        "_id": {"_data": f"82{write.time:08X}{1:08X}2B022C0100{place:08X}"},
        "operationType": write.operation,
        "clusterTime": Timestamp(write.time, 1),
        "ns": {"db": "d", "coll": "c"},
    }
    if write.others is None:
        body |= {"documentKey": {"_id": write.key}, "txnNumber": Int64(1)}
    if write.operation == "insert":
        body["fullDocument"] = {"_id": write.key, "v": write.left}
    return bson.encode(body)


def stood(writes: list[Write], key: int, time: tuple[int, int]) -> int | None:
    version = None
    for write in writes:
        if (write.time, 1) <= time and write.others is not None:
            version = write.others.get(key)
        elif (write.time, 1) <= time and write.key == key:
            version = write.left
    return version


class Past:
    """A collection that remembers: what a read at a time gives."""

    def __init__(self, writes: list[Write]) -> None:
        self._writes = writes

    def cursor(self, command: Mapping[str, Any]) -> "Past":
        time: Timestamp = command["readConcern"]["atClusterTime"]
        wanted = bson.decode(cast("RawBSONDocument", command["filter"]).raw)["_id"]["$in"]
        standing = {key: stood(self._writes, key, (time.time, time.inc)) for key in wanted}
        self._raw = b"".join(bson.encode({"_id": key, "v": v}) for key, v in standing.items() if v is not None)
        self.alive = True
        return self

    def reply(self, documents: int) -> bytes:
        del documents
        self.alive = False
        return self._raw

    def close(self) -> None:
        pass


def behind(token: dict[str, Any], fragments: frozenset[bytes]) -> Position:
    """The token of a fragment is none to go on from, so the position behind such an event is its time."""
    position = Position.of_token(token)
    return replace(position, token=None) if bson.encode(token) in fragments else position


@settings(max_examples=1000)
@given(
    native=st.booleans(),
    steps=st.lists(st.one_of(*[STEPS] * 8, RENAMES), min_size=1, max_size=60),
    sizes=st.lists(st.integers(1, 12), max_size=12),
    slices=st.integers(1, 8),
    joined=st.sets(st.integers(0, 59)),
    before=st.booleans(),
)
def test_what_is_called_exact_is_what_the_change_left_and_found(
    steps: list[Step],
    sizes: list[int],
    slices: int,
    joined: set[int],
    *,
    before: bool,
    native: bool,
) -> None:
    writes = history(steps)
    with pytest.MonkeyPatch.context() as patch:
        if not native:
            patch.setattr(plans, "native", None)
        check(writes, sizes, slices, joined, before=before)


def check(writes: list[Write], sizes: list[int], slices: int, joined: set[int], *, before: bool) -> None:
    lookup = Lookup(cast("Database", Past(writes)), "p", slices, after=True, before=before)
    events = [event(place, write) for place, write in enumerate(writes)]
    tokens = [bson.decode(each)["_id"] for each in events]
    fragments = frozenset(bson.encode(tokens[place]) for place in joined if place < len(tokens))
    seen: list[dict[str, Any]] = []
    start = 0
    for size in [*sizes, len(events)]:
        part = events[start : start + size]
        start += size
        if part:
            position = behind(bson.decode(part[-1])["_id"], fragments)
            for batch in lookup.batches(Batch(b"".join(part), position, joined=fragments)):
                seen += bson.decode_all(batch.raw)
                assert batch.position == behind(seen[-1]["_id"], fragments)
    assert [found["_id"] for found in seen] == tokens
    for write, found in zip(writes, seen, strict=True):
        if write.operation in {"insert", "rename"}:
            assert "imageRead" not in found
            continue
        began = stood(writes, write.key, (write.time - 1, 1))
        ended = stood(writes, write.key, (write.time, 1))
        how = found.get("imageRead")
        if write.operation == "update":
            after = found.get("fullDocument", {}).get("v")
            assert after == ended or how != "exact"
        if before:
            assert found.get("fullDocumentBeforeChange", {}).get("v") in {began, None}
            assert "fullDocumentBeforeChange" in found or began is None or how != "exact"
        shared = began is None or (write.operation == "update" and ended is None)
        assert how == "exact" or shared or (write.operation == "delete" and not before)


def test_what_a_malformed_reply_changed_is_not_known() -> None:
    """A transaction's first part was in it, so the next change of a document may be another one than it seems."""
    writes = [
        Write(10, 1, "insert", None, 0),
        Write(10, 2, "insert", None, 1),
        Write(11, 1, "update", 0, 2),
        Write(11, 2, "update", 1, 3),
        Write(12, 1, "update", 2, 4),
        Write(13, 2, "update", 3, 5),
    ]
    lookup = Lookup(cast("Database", Past(writes)), "p", 100, after=True, before=True)
    events = [event(place, write) for place, write in enumerate(writes)]
    malformed = events[2].replace(b"clusterTime", b"clusterTim\xff")
    seen: list[bytes] = []
    for raw in (b"".join(events[:2]), malformed, b"".join(events[3:])):
        position = Position.of_token(bson.decode(events[1])["_id"])
        seen += [batch.raw for batch in lookup.batches(Batch(raw, position))]
    assert seen[1] == malformed
    _, second, _ = bson.decode_all(seen[2])
    assert (second["fullDocumentBeforeChange"]["v"], second["imageRead"]) == (2, "exact")


class Growing:
    """A collection whose documents become large at a time, read one to a reply."""

    def __init__(self, later: int, large: int) -> None:
        self._later = later
        self._large = large
        self.held = 0

    def cursor(self, command: Mapping[str, Any]) -> "Growing":
        size = self._large if command["readConcern"]["atClusterTime"].time >= self._later else 1
        keys = bson.decode(cast("RawBSONDocument", command["filter"]).raw)["_id"]["$in"]
        self._left = [bson.encode({"_id": key, "t": "x" * size}) for key in keys]
        return self

    @property
    def alive(self) -> bool:
        return bool(self._left)

    def reply(self, documents: int) -> bytes:
        del documents
        raw = self._left.pop()
        self.held += len(raw)
        return raw

    def close(self) -> None:
        pass


@pytest.mark.parametrize("again", [False, True], ids=["many documents", "one document"])
def test_documents_that_become_large_are_held_few_at_a_time(monkeypatch: pytest.MonkeyPatch, *, again: bool) -> None:
    bound, large, later, count = 10_000, 1_000, 1_000, 400
    monkeypatch.setattr(images, "MOST_BYTES", bound)
    monkeypatch.setattr("cdc.source.raw.REPLY_BYTES", bound // 4)
    grown = Growing(later, large)
    lookup = Lookup(cast("Database", grown), "p", count, after=True, before=False)
    most, rows, read = 0, 0, []
    for time in [10, later, later + count]:
        writes = [Write(time + n, 0 if again else n, "update", 0, 0) for n in range(count)]
        events = [event(place, write) for place, write in enumerate(writes)]
        position = Position.of_token(bson.decode(events[-1])["_id"])
        grown.held = 0
        for batch in lookup.batches(Batch(b"".join(events), position)):
            found = bson.decode_all(batch.raw)
            assert all(each["imageRead"] == "exact" and each["fullDocument"] for each in found)
            images_of = sum(len(each["fullDocument"]["t"]) for each in found)
            most, rows = max(most, images_of), rows + len(found)
        read.append(grown.held)
    assert rows == 3 * count
    assert most <= bound
    assert read[-1] <= 2 * count * large, "what was learned is kept"


def test_the_changes_of_a_transaction_have_one_document_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 10_000)
    lookup = Lookup(cast("Database", Growing(11, 1_000)), "p", 400, after=True, before=False)
    found: list[int] = []
    for time in [10, 11]:
        events = [event(place, Write(time, 0, "update", 0, 0)) for place in range(400)]
        position = Position.of_token(bson.decode(events[-1])["_id"])
        for batch in lookup.batches(Batch(b"".join(events), position)):
            images_of = [len(each["fullDocument"]["t"]) for each in bson.decode_all(batch.raw)]
            found += [sum(images_of)]
    assert sum(found) == 400 * 1_000 + 400
    assert max(found) <= 10_000
