"""Which values of columns are equal, however a database writes them."""

from decimal import Decimal
from typing import Any

import pytest

from cdc.migrate.values import form, shown
from cdc.models.table import Double, Json, Numeric, Type

NUMERIC = Numeric(60, 20)
DIGITS = "1234567890123456789012345678901234"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (NUMERIC, [Decimal("1E+3"), Decimal(1000), Decimal("1000.00")]),
        (NUMERIC, [Decimal("-0.00"), Decimal(0)]),
        (NUMERIC, [Decimal(DIGITS), Decimal(f"{DIGITS}.000")]),
        (Double(), [-0.0, 0.0]),
        (Json(), ['{"a":1,"b":[1e16,-0.0]}', '{"b": [10000000000000000, 0], "a": 1.0}']),
        (Json(), ["0.1", "1e-1", "0.10"]),
    ],
)
def test_equal_values_have_one_form(kind: Type, values: list[Any]) -> None:
    assert len(set(map(form(kind), values))) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (NUMERIC, [Decimal(DIGITS), Decimal(f"{DIGITS[:-1]}5"), Decimal(f"{DIGITS}.{'0' * 19}1")]),
        (Json(), ['"1"', "1", '["1"]', "[1]", "null", "true", '"null"', None]),
        (Json(), ["0.1", "0.10000000000000000001", '"0.1"', "\"Decimal('0.1')\""]),
        (Json(), ['{"a":{"b":1}}', '{"a":1,"b":{}}', '{"a":["b",1]}']),
    ],
)
def test_values_that_differ_have_forms_that_do(kind: Type, values: list[Any]) -> None:
    assert len(set(map(form(kind), values))) == len(values)


def test_a_number_is_shown_without_an_exponent() -> None:
    assert shown(NUMERIC, Decimal("1E+3")) == "1000"
