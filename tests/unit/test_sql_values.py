"""What a column's value becomes where BSON has no such value."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from cdc.source.sql import values
from cdc.source.sql.columns import Column, form
from cdc.source.sql.places import Place

DIGITS_34 = "1234567890.123456789012345678901234"


@pytest.mark.parametrize(
    ("number", "is_"),
    [
        (DIGITS_34, Decimal128(DIGITS_34)),
        (f"{DIGITS_34}5", f"{DIGITS_34}5"),
        ("1E+7000", f"1{'0' * 7000}"),
        ("-0.00", Decimal128("-0.00")),
    ],
)
def test_a_decimal_of_more_digits_than_bson_has_is_text(number: str, is_: object) -> None:
    assert values.decimal(Decimal(number)) == is_


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ('{"a": [1, -9223372036854775808]}', {"a": [1, -(2**63)]}),
        ("9223372036854775808", Decimal128("9223372036854775808")),
        ("0.1", 0.1),
        ("0.10000000000000001", Decimal128("0.10000000000000001")),
        (f"[{DIGITS_34}56]", f"[{DIGITS_34}56]"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ('{"a\\u0000b": 1}', '{"a\\u0000b": 1}'),
        ('["\\ud800"]', '["\\ud800"]'),
        ("[" * 200 + "]" * 200, "[" * 200 + "]" * 200),
        ("[1e9999999999999999999999]", "[1e9999999999999999999999]"),
        ("null", None),
        ("no json", "no json"),
    ],
)
def test_json_that_bson_would_change_stays_text(text: str, is_: object) -> None:
    assert values.document(text) == is_


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_json_that_is_not_text_is_what_it_says(value: object) -> None:
    made = values.document(json.dumps(value))
    bson.encode({"v": made})
    if not isinstance(made, str):
        assert _plain(made) == value


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value.to_decimal()) if isinstance(value, Decimal128) else value


@pytest.mark.parametrize(
    "text", ["0000-00-00 00:00:00", "infinity", "0044-03-15 00:00:00+00 BC", "12026-01-01 00:00:00"]
)
def test_what_is_no_date_stays_the_text_of_the_database(text: str) -> None:
    assert values.date(text) == text


def test_a_date_is_one_only_where_its_column_keeps_no_more_than_milliseconds() -> None:
    made = {
        kind: form(kind, "postgresql").convert
        for kind in (postgresql.TIMESTAMP(timezone=True, precision=3), postgresql.TIMESTAMP(timezone=True))
    }
    exact, finer = (convert("2026-01-31 12:00:00.5+00") for convert in made.values() if convert)
    assert exact == datetime(2026, 1, 31, 12, 0, 0, 500_000, UTC)
    assert finer == "2026-01-31T12:00:00.5Z"


@pytest.mark.parametrize(
    ("kind", "ordered"),
    [
        (postgresql.DOMAIN("d", postgresql.DOMAIN("e", postgresql.DOUBLE_PRECISION())), False),
        (postgresql.DOMAIN("d", postgresql.BIGINT()), True),
        (mysql.SET("a", "b"), False),
        (mysql.ENUM("a", "b"), True),
    ],
)
def test_a_place_is_told_by_what_compares_as_it_is_ordered(kind: TypeEngine[Any], ordered: bool) -> None:  # noqa: FBT001
    assert Column("c", kind, form(kind, "mysql")).ordered == ordered


def test_a_set_without_members_is_empty() -> None:
    convert = form(mysql.SET("a", "b"), "mysql").convert
    assert convert is not None
    assert [convert(""), convert("a"), convert("a,b")] == [[], ["a"], ["a", "b"]]


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**63 - 1, 2**64 - 1, Decimal("1.10"), Decimal("9" * 60), "é\0", b"\xff\0", None],
)
def test_a_place_is_kept_to_the_last_digit(value: object) -> None:
    place = Place.decoded(Place(value, (value, 7)).encoded())
    assert place == Place(value, (value, 7))
    assert str(place.by) == str(value)
