"""What is to be read for changes, and what comes of it: the plan in Rust and the one in Python say the same."""

from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.compiled import native
from cdc.source.plans import Heads, Known, Planned, Wanted
from tests.support.twins import needs_both

pytestmark = [needs_both, pytest.mark.timeout(600)]

IDENTITIES: list[Any] = [
    0, 1, Int64(1), 1.0, -0.0, 0.5, 2.0**63, -(2.0**63), 2.0**53, Int64(2**53), float("nan"), float("inf"), "1", "",
    None, True, False, ObjectId(bytes(12)), ObjectId(bytes(11) + b"1"), {"a": 1}, {"a": 1.0}, [1], MinKey(), MaxKey(),
    Binary(b"1"), Binary(b"1", 5), Timestamp(1, 1), Decimal128("1"), Decimal128("NaN"),
]  # fmt: skip
COMMON = st.sampled_from([0, 1, 1.0, "1", ObjectId(bytes(12))])
OPERATIONS = ["insert", "update", "replace", "delete"]
OF_COLLECTIONS = ["drop", "rename", "create", "invalidate"]


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    identities = draw(st.sampled_from([COMMON, st.sampled_from(IDENTITIES), st.sampled_from(IDENTITIES[:-2])]))
    made, time = [], draw(st.integers(1, 2**32 - 100))
    for number in range(draw(st.integers(1, 30))):
        time += draw(st.integers(0, 1))
        operation = draw(st.sampled_from(OPERATIONS if draw(st.integers(0, 5)) else OF_COLLECTIONS))
        event: dict[str, Any] = {
            "_id": {"_data": f"82{number:08X}"},
            "operationType": operation,
            "clusterTime": Timestamp(time, draw(st.integers(0, 1))),
            "wallTime": number,
            "ns": {"db": "d", "coll": draw(st.sampled_from(["c", "c", "größe"]))},
        }
        if operation in OPERATIONS:
            event["documentKey"] = {**draw(st.sampled_from([{}, {"shard": 1}])), "_id": draw(identities)}
        if draw(st.booleans()):
            event["txnNumber"] = Int64(1)
        made.append(event)
    return sorted(made, key=lambda event: event["clusterTime"])


def heads(raw: bytes, wanted: Wanted) -> list[Known]:
    """Both; the one in Rust leaves to the other what it finds odd."""
    assert native is not None
    try:
        return [Heads(raw, wanted), native.Heads(raw, *wanted)]
    except ValueError:
        return [Heads(raw, wanted)]


def complete(plan: Planned, draw: st.DataObject, replies: dict[int, list[tuple[bytes, bool]]]) -> Any:  # noqa: ANN401
    """The outcome of a plan whose reads give the same for both: what was asked for, as it stood or another way."""
    for number, (_, _, most, filtered) in enumerate(plan.reads):
        if number not in replies:
            wanted = bson.decode(filtered)["_id"]["$in"]
            assert len(wanted) == most
            found = draw.draw(st.lists(st.sampled_from([*wanted, *IDENTITIES[:8]]), max_size=most + 1))
            documents = [bson.encode({"_id": identity, "v": place}) for place, identity in enumerate(found)]
            half = len(documents) // 2
            parts = [b"".join(documents[:half]), b"".join(documents[half:])]
            replies[number] = [(part, draw.draw(st.booleans())) for part in parts]
        for raw, exact in replies[number]:
            plan.stood(number, raw, exact=exact)
    return plan.nbytes, plan.completed()


@settings(max_examples=2000)
@given(events(), st.builds(Wanted, st.booleans(), st.booleans(), st.integers(0, 5)), st.data())
def test_both_ask_for_the_same_and_make_the_same_of_it(
    changes: list[dict[str, Any]], wanted: Wanted, draw: st.DataObject
) -> None:
    both = heads(b"".join(map(bson.encode, changes)), wanted)
    size = len(changes)
    assert [len(one) for one in both] == [size] * len(both)
    for index in range(size):
        assert len({(one.time(index), one.token(index), one.in_transaction(index)) for one in both}) == 1
    start = draw.draw(st.integers(0, size - 1))
    stop = draw.draw(st.integers(start + 1, size))
    begun, unfinished = draw.draw(st.sampled_from([None, both[0].time(start), (1, 1)])), draw.draw(st.booleans())
    made = [one.plan(start, stop, begun=begun, unfinished=unfinished) for one in both]
    assert all(list(plan.reads) == list(made[0].reads) for plan in made)
    replies: dict[int, list[tuple[bytes, bool]]] = {}
    outcomes = [complete(plan, draw, replies) for plan in made]
    assert all(outcome == outcomes[0] for outcome in outcomes)


@settings(max_examples=300)
@given(events(), st.integers(0, 255), st.data())
def test_what_is_malformed_is_left_to_the_one_in_python(
    changes: list[dict[str, Any]], byte: int, draw: st.DataObject
) -> None:
    raw = bytearray(b"".join(map(bson.encode, changes)))
    raw[draw.draw(st.integers(0, len(raw) - 1))] = byte
    assert native is not None
    try:
        found = native.Heads(bytes(raw), *Wanted(after=True, before=True))
    except ValueError:
        return
    found.plan(0, len(found), begun=None, unfinished=False).completed()
