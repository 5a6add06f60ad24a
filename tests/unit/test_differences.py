"""Rows of two sides, told apart by key and column."""

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cdc.migrate.differences import Difference, Row, Sides

COLUMNS = ("a", "b", "c")
KEYS = st.sampled_from([f"k{number}" for number in range(8)])
VALUES = st.sampled_from(["", "1", "2", None])
SIDE = st.dictionaries(KEYS, st.tuples(VALUES, VALUES, VALUES))

Side = dict[str, tuple[str | None, ...]]


def told(expected: Sequence[Row], found: Sequence[Row]) -> list[Difference]:
    with Sides(COLUMNS) as sides:
        assert sides.expect(expected) == len(expected)
        assert sides.find(found) == len(found)
        return list(sides.differences())


def by_hand(expected: Side, found: Side) -> list[Difference]:
    differences = []
    for key in sorted(expected | found):
        if key not in found:
            differences.append(Difference(key, "missing"))
        elif key not in expected:
            differences.append(Difference(key, "extra"))
        elif expected[key] != found[key]:
            pairs = zip(COLUMNS, expected[key], found[key], strict=True)
            unequal = tuple(column for column, one, other in pairs if one != other)
            differences.append(Difference(key, "different", unequal))
    return differences


@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_each_difference_is_told_once_in_whatever_order_rows_come(
    expected: Side, found: Side, chance: random.Random
) -> None:
    rows = list(found.items())
    chance.shuffle(rows)
    assert told(list(expected.items()), rows) == by_hand(expected, found)
