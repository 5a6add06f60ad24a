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
KEPT = st.lists(
    st.tuples(KEYS, st.none() | st.tuples(VALUES, VALUES, VALUES), st.integers(min_value=1, max_value=2)), max_size=20
)
REFUSED = "title: is a text"

Values = tuple[str | None, ...]
Kept = list[tuple[str, Values | None, int]]


def last(kept: Kept) -> dict[str, tuple[Values, int]]:
    """What stands under each key in the end."""
    found = {key: (values, rows) for key, values, rows in kept}
    return {key: (values, rows) for key, (values, rows) in found.items() if values is not None}


def by_hand(expected: Kept, found: Kept, refused: set[str]) -> list[Difference]:
    wanted, there = last(expected), last(found)
    differences = []
    for key in sorted(wanted.keys() | there.keys()):
        if key not in there or key not in wanted:
            how = "missing" if key in wanted else "stale" if key in refused else "extra"
            differences.append(Difference(key, how, REFUSED if how == "stale" else None))
            continue
        (one, rows), (other, others) = wanted[key], there[key]
        if one != other:
            unequal = [name for name, a, b in zip(COLUMNS, one, other, strict=True) if a != b]
            why = ", ".join(unequal) if rows == others else f"{others} rows, not {rows}"
            differences.append(Difference(key, "different", why))
    return differences


@settings(max_examples=50)
@given(KEPT, KEPT, st.sets(KEYS), st.randoms(use_true_random=False))
def test_what_was_kept_last_is_compared_in_whatever_order_it_came(
    expected: Kept, found: Kept, refused: set[str], chance: random.Random
) -> None:
    expected += [(key, None, 1) for key in refused]
    sides: tuple[tuple[Side, Kept], ...] = (("expected", expected), ("found", found))
    turns = [side for side, kept in sides for _ in kept]
    chance.shuffle(turns)
    waiting = {side: iter(kept) for side, kept in sides}
    with closing(Sides(COLUMNS)) as compared:
        for side in turns:
            key, values, rows = next(waiting[side])
            if side == "expected" and values is None and key in refused:
                compared.refuse(key, REFUSED)
            else:
                compared.keep(side, key, values, rows)
        differences = by_hand(expected, found, refused)
        assert list(compared.differences()) == differences
        for side, kept in sides:
            assert compared.rows(side) == sum(rows for _, rows in last(kept).values())
        for key, *_ in chain(expected, found):
            compared.explain(key, f"why {key}")
        assert list(compared.differences()) == [
            other._replace(why=f"why {other.key}") if other.how == "missing" else other for other in differences
        ]
