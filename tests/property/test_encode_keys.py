"""Two `_id`s have one key exactly when MongoDB takes them for one document (I4)."""

from collections.abc import Hashable
from fractions import Fraction
from itertools import combinations
from math import isfinite, isnan
from struct import unpack, unpack_from

from bson import Decimal128
from hypothesis import given, settings

from cdc.encode.elements import elements
from cdc.encode.keys import key_of, quick_key
from cdc.encode.relaxed import decode
from tests.property.bson_values import Value, document, ids, numbers

NUMBERS = {0x01: "<d", 0x10: "<i", 0x12: "<q"}


def meaning(kind: int, raw: bytes) -> Hashable:
    """What MongoDB compares of a value; a server was asked which of these are duplicates in the index of `_id`."""
    if kind in NUMBERS or kind == 0x13:
        return "number", number(kind, raw)
    if kind in {0x02, 0x0E}:
        return "string", raw
    if kind == 0x04:
        return "array", tuple(meaning(item.kind, raw[item.value : item.end]) for item in elements(raw))
    if kind == 0x03:
        return "document", fields(raw)
    if kind == 0x0F:
        scope = 8 + unpack_from("<i", raw, 4)[0]
        return "code", raw[4:scope], fields(raw[scope:])
    return kind, raw


def fields(raw: bytes) -> Hashable:
    return tuple((item.name, meaning(item.kind, raw[item.value : item.end])) for item in elements(raw))


def number(kind: int, raw: bytes) -> Fraction | str:
    if kind == 0x13:
        exact = Decimal128.from_bid(raw).to_decimal()
        return "nan" if exact.is_nan() else Fraction(exact) if exact.is_finite() else str(exact)
    value: float = unpack(NUMBERS[kind], raw)[0]
    return "nan" if isnan(value) else Fraction(value) if isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def same_key(one: Value, other: Value) -> bool:
    return key_of(document([("_id", one)])) == key_of(document([("_id", other)]))


def test_every_number_has_the_key_of_its_equals_and_no_other() -> None:
    pairs = list(combinations(numbers, 2))
    equal = [(one, other) for one, other in pairs if meaning(*one) == meaning(*other)]
    assert [(one, other) for one, other in pairs if same_key(one, other)] == equal
    assert len(equal) > len(numbers)


@settings(max_examples=2000, deadline=None)
@given(ids, ids)
def test_one_key_exactly_for_what_mongodb_takes_for_one_document(one: Value, other: Value) -> None:
    assert same_key(one, other) == (meaning(*one) == meaning(*other))


@settings(max_examples=1000, deadline=None)
@given(ids)
def test_the_quick_key_is_the_key(value: Value) -> None:
    raw = document([("_id", value)])
    quick = quick_key(decode(raw)["_id"])
    assert quick is None or quick == key_of(raw)
