"""Rows of two sides, told apart by key and column."""

import random
from contextlib import closing
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.migrate.differences import Difference, Side, Sides

COLUMNS = ("a", "b", "c")
KEYS = st.sampled_from([f"k{number}" for number in range(8)])
VALUES = st.sampled_from(["", "1", "2", None])
KEPT = st.lists(st.tuples(KEYS, st.none() | st.tuples(VALUES, VALUES, VALUES)), max_size=20)

Kept = list[tuple[str, tuple[str | None, ...] | None]]


def by_hand(expected: Kept, found: Kept) -> list[Difference]:
    wanted, there = dict(expected), dict(found)
    differences = []
    for key in sorted(wanted | there):
        one, other = wanted.get(key), there.get(key)
        if one and other:
            unequal = tuple(name for name, a, b in zip(COLUMNS, one, other, strict=True) if a != b)
            differences += [Difference(key, "different", unequal)] if unequal else []
        elif one or other:
            differences.append(Difference(key, "missing" if one else "extra"))
    return differences


@settings(max_examples=50)
@given(KEPT, KEPT, st.randoms(use_true_random=False))
def test_what_was_kept_last_is_compared_in_whatever_order_it_came(
    expected: Kept, found: Kept, chance: random.Random
) -> None:
    sides: tuple[tuple[Side, Kept], ...] = (("expected", expected), ("found", found))
    turns = [side for side, kept in sides for _ in kept]
    chance.shuffle(turns)
    waiting = {side: iter(kept) for side, kept in sides}
    with closing(Sides(COLUMNS)) as compared:
        for side in turns:
            compared.keep(side, *next(waiting[side]), rows=3)
        differences = by_hand(expected, found)
        assert list(compared.differences()) == differences
        for side, kept in sides:
            assert compared.rows(side) == 3 * sum(values is not None for values in dict(kept).values())
        for key in dict(chain(expected, found)):
            compared.explain(key, f"why {key}")
        assert list(compared.differences()) == [
            other._replace(reason=f"why {other.key}") if other.how == "missing" else other for other in differences
        ]
