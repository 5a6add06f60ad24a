"""How far polling has got, by a field of any type, and what of it is sent."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId, Timestamp

from cdc.source.marks import TYPES, Marks, rank
from cdc.source.raw import Field, fields
from tests.support.ascending import ASCENDING, EPOCH

LAG = 10.0
NAN = [float("nan"), Decimal128("NaN"), Decimal128("-NaN"), Decimal128("sNaN")]
WHOLE = set(TYPES.values())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock stands at its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def field(value: Any) -> Field:  # noqa: ANN401 - of every type
    (found,) = fields(bson.encode({"f": value}))
    return found


def marks(*reached: Any, lag: float = LAG) -> Marks:  # noqa: ANN401 - of every type
    made = Marks("info", "f", lag)
    for value in reached:
        made.reach(field(value))
    return made


def saved(of: Marks) -> dict[str, Any]:
    return bson.decode(of.saved().value)


def asked(of: Marks) -> tuple[dict[str, Any], set[str]]:
    """A poll of nothing: the conditions on types that were met, and the types that were not."""
    alternatives = bson.decode(bson.encode(of.begin()))["$or"]
    of.end()
    conditions: dict[str, Any] = {}
    unmet: set[str] = set()
    for alternative in alternatives:
        ((operator, value),) = alternative["f"].items()
        if operator == "$type":
            unmet = set(value)
        else:
            conditions[TYPES[field(value).kind]] = {operator: value}
    return conditions, unmet


def poll(of: Marks, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are sent of what a poll gives."""
    of.begin()
    new = [doc for doc in documents if of.is_new(field(doc["f"]), bson.encode({"_id": doc["_id"]}), bson.encode(doc))]
    of.end()
    return new


@pytest.mark.parametrize("kind", ASCENDING)
def test_values_of_a_type_rank_as_mongodb_orders_them(kind: str) -> None:
    places = [field(value) for value in ASCENDING[kind]]
    assert {TYPES[place.kind] for place in places} == {kind}
    for low, high in combinations(places, 2):
        assert rank(low) < rank(high), (low, high)


def test_numbers_that_are_equal_rank_alike_whatever_their_type() -> None:
    for ones in ([1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.00")], [0, 0.0, -0.0, Decimal128("-0E+9")]):
        assert len({rank(field(one)) for one in ones}) == 1


@pytest.mark.parametrize("nan", NAN)
def test_what_is_no_number_has_no_rank(nan: Any) -> None:  # noqa: ANN401 - of two types
    assert rank(field(nan)) is None


@pytest.mark.parametrize("nan", NAN)
def test_what_is_no_number_moves_no_mark_and_is_sent_once(nan: Any) -> None:  # noqa: ANN401 - of two types
    polled = marks(5)
    assert poll(polled, [{"_id": 1, "f": nan}]) == [{"_id": 1, "f": nan}]
    assert poll(polled, [{"_id": 1, "f": nan}]) == []
    assert saved(polled) == {"number": 5}


@pytest.mark.parametrize("nan", NAN)
def test_a_collection_whose_numbers_are_none_is_polled_for_those_to_come(nan: Any) -> None:  # noqa: ANN401 - two types
    polled = marks(nan)
    assert "number" in asked(polled)[1], "nothing is larger than what is no number"
    assert poll(polled, [{"_id": 1, "f": 7}])
    assert saved(polled) == {"number": 7}


@pytest.mark.parametrize("kind", ASCENDING)
def test_a_mark_is_the_largest_value_and_never_goes_back(kind: str) -> None:
    values = ASCENDING[kind]
    middle = values[len(values) // 2]
    for polled in (marks(values[0], middle, *values), marks(*reversed(values))):
        (mark,) = fields(polled.saved().value)
        assert (mark.name, mark.value) == (kind.encode(), field(values[-1]).value)


def test_each_type_has_a_mark_of_its_own() -> None:
    polled = marks(3, "b", EPOCH, 2.5, "a")
    assert saved(polled) == {"number": 3, "string": "b", "date": EPOCH}
    conditions, unmet = asked(polled)
    assert conditions.keys() == {"number", "string", "date"}
    assert unmet == WHOLE - conditions.keys()


def test_before_anything_is_met_all_of_every_type_is_asked_for() -> None:
    conditions, unmet = asked(marks())
    assert not conditions
    assert unmet == WHOLE


def test_when_every_type_is_met_no_type_is_asked_for_as_a_whole() -> None:
    conditions, unmet = asked(marks(*(values[0] for values in ASCENDING.values())))
    assert conditions.keys() == WHOLE
    assert not unmet


def test_what_was_saved_is_restored() -> None:
    polled = marks(*(values[-1] for values in ASCENDING.values()))
    restored = marks()
    restored.restore(polled.saved())
    assert restored.saved() == polled.saved()
    assert asked(restored) == asked(polled)
    assert saved(marks()) == {}


MOMENT = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - as the driver decodes it
SECOND = 1_769_860_800


@pytest.mark.parametrize(
    ("value", "least"),
    [
        (MOMENT, MOMENT - timedelta(seconds=LAG)),
        (datetime(1969, 12, 31), datetime(1969, 12, 30, 23, 59, 50)),  # noqa: DTZ001 - as the driver decodes it
        (Timestamp(SECOND, 7), Timestamp(SECOND - 10, 0)),
        (Timestamp(3, 7), Timestamp(0, 0)),
        (ObjectId(f"{SECOND:08x}{'ff' * 8}"), ObjectId(f"{SECOND - 10:08x}{'00' * 8}")),
        (ObjectId(f"{3:08x}{'ff' * 8}"), ObjectId("00" * 12)),
        (7, 7),
        (7.5, 7.5),
        ("text", "text"),
    ],
)
def test_what_comes_late_is_asked_for_again_until_the_lag_has_passed(
    clock: list[float],
    value: Any,  # noqa: ANN401 - of every type
    least: Any,  # noqa: ANN401 - of every type
) -> None:
    polled = marks(value)
    for _ in range(2):
        (condition,) = asked(polled)[0].values()
        assert condition == {"$gte": least}
        clock[0] += LAG / 2
    clock[0] += 1
    asked(polled)
    clock[0] += 1
    (condition,) = asked(polled)[0].values()
    assert condition == {"$gt": value}


def test_what_came_within_the_lag_is_found_by_the_first_poll_after_it(clock: list[float]) -> None:
    polled = marks(MOMENT)
    clock[0] += LAG + 1
    (condition,) = asked(polled)[0].values()
    assert condition == {"$gte": MOMENT - timedelta(seconds=LAG)}, "nobody has asked since the mark was reached"


def test_a_lag_below_a_second_counts(clock: list[float]) -> None:
    del clock
    (condition,) = asked(marks(MOMENT, lag=0.5))[0].values()
    assert condition["$gte"] <= MOMENT - timedelta(seconds=0.5)


def test_the_least_date_there_is_can_be_a_mark() -> None:
    least = Field(9, b"f", (-(2**63)).to_bytes(8, "little", signed=True))
    polled = Marks("info", "f", LAG)
    polled.reach(least)
    assert polled.begin()


def test_a_mark_that_moves_on_is_open_again(clock: list[float]) -> None:
    polled = marks(1)
    clock[0] += LAG + 1
    asked(polled)
    assert poll(polled, [{"_id": 1, "f": 2}])
    assert asked(polled)[0] == {"number": {"$gte": 2}}
    clock[0] += LAG - 1
    polled.reach(field(2))
    clock[0] += 2
    asked(polled)
    assert asked(polled)[0] == {"number": {"$gt": 2}}, "the same value again moves nothing"


def test_the_same_document_is_sent_once_and_a_changed_one_again(clock: list[float]) -> None:
    first, second = {"_id": 1, "f": MOMENT}, {"_id": 2, "f": MOMENT}
    polled = marks()
    assert poll(polled, [first]) == [first]
    assert poll(polled, [first, second]) == [second]
    clock[0] += LAG / 2
    assert poll(polled, [first, second]) == []
    changed = first | {"text": "another"}
    assert poll(polled, [changed, second]) == [changed]
    assert poll(polled, [changed, second]) == []


def test_what_comes_late_is_sent_though_the_mark_is_further() -> None:
    late = {"_id": 2, "f": MOMENT - timedelta(seconds=3)}
    polled = marks()
    poll(polled, [{"_id": 1, "f": MOMENT}])
    assert poll(polled, [late, {"_id": 1, "f": MOMENT}]) == [late]
    assert saved(polled) == {"date": MOMENT}


def test_a_mark_that_is_open_again_still_knows_what_was_sent(clock: list[float]) -> None:
    first, late = {"_id": 1, "f": MOMENT}, {"_id": 2, "f": MOMENT + timedelta(seconds=5)}
    polled = marks()
    assert poll(polled, [first]) == [first]
    clock[0] += LAG + 1
    assert poll(polled, [first]) == []
    assert asked(polled)[0] == {"date": {"$gt": MOMENT}}
    assert poll(polled, [late]) == [late]
    assert poll(polled, [first, late]) == []


def test_what_the_lag_no_longer_reaches_is_forgotten() -> None:
    first, second = {"_id": 1, "f": MOMENT}, {"_id": 2, "f": MOMENT + timedelta(seconds=60)}
    polled = marks()
    poll(polled, [first, second])
    assert poll(polled, [second]) == []
    assert poll(polled, [first, second]) == [first]


def test_what_a_load_has_sent_is_not_sent_again_by_the_first_poll() -> None:
    near, far = {"_id": 1, "f": MOMENT}, {"_id": 2, "f": MOMENT - timedelta(seconds=LAG + 1)}
    polled = marks(MOMENT)
    for doc in (near, far):
        polled.remember(field(doc["f"]), bson.encode({"_id": doc["_id"]}), bson.encode(doc))
    assert poll(polled, [near]) == []
    assert poll(polled, [near | {"text": "another"}]) != []
    assert poll(polled, [far]) == [far], "it was not to be remembered"


@pytest.mark.parametrize("value", [[1, 2], None, {"a": 1}])
def test_a_value_that_cannot_grow_moves_no_mark_and_is_sent_once(value: Any) -> None:  # noqa: ANN401 - of every type
    polled = marks(1)
    assert poll(polled, [{"_id": 1, "f": value}]) == [{"_id": 1, "f": value}]
    assert poll(polled, [{"_id": 1, "f": value}]) == []
    assert saved(polled) == {"number": 1}


def test_a_document_without_the_field_is_sent_once() -> None:
    polled = marks(1)
    assert polled.is_new(None, bson.encode({"_id": 1}), bson.encode({"_id": 1}))
    assert not polled.is_new(None, bson.encode({"_id": 1}), bson.encode({"_id": 1}))
