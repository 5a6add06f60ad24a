"""Values of columns as literals of MySQL's.

PyMySQL would write them one character at a time where they are not ASCII; the session's `sql_mode`, which `Transaction`
sets, is what makes these right. https://dev.mysql.com/doc/refman/8.4/en/literals.html
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from cdc.models import table as mapping
from cdc.sink.sql.rows import Values

Literal = Callable[[Any], str]


def renderer(columns: Sequence[mapping.Column]) -> Callable[[Values], str]:
    """Writes the values of these columns as `(…)`."""
    literals = [_LITERALS[type(column.type)] for column in columns]

    def row(values: Values) -> str:
        written = ["NULL" if value is None else one(value) for one, value in zip(literals, values, strict=True)]
        return f"({','.join(written)})"

    return row


def joined(rows: Sequence[str], most: int, longest: int) -> Iterator[str]:
    """Rows joined by commas, at most so many and so many characters, but at least one."""
    start, length = 0, 0
    for place, row in enumerate(rows):
        if place > start and (place - start >= most or length + len(row) > longest):
            yield ",".join(rows[start:place])
            start, length = place, 0
        length += len(row)
    if rows:
        yield ",".join(rows[start:])


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _moment(value: datetime) -> str:
    """Of a time in UTC; its digits one by one, since `isoformat` asks for the zone."""
    day, time = f"{value.year}-{value.month}-{value.day}", f"{value.hour}:{value.minute}:{value.second}"
    return f"'{day} {time}.{value.microsecond:06}'"


def _day(value: date) -> str:
    return f"'{value.isoformat()}'"


def _bytes(value: bytes) -> str:
    return f"x'{value.hex()}'"


def _double(value: float) -> str:
    """With an exponent: without one it would be a decimal."""
    text = repr(value)
    return text if "e" in text else f"{text}e0"


def _boolean(value: object) -> str:
    return "1" if value else "0"


_LITERALS: dict[type[mapping.Type], Literal] = {
    mapping.Text: _text,
    mapping.Id: _text,
    mapping.Uuid: _text,
    mapping.Json: _text,
    mapping.Integer: str,
    mapping.BigInteger: str,
    mapping.Numeric: "{:f}".format,
    mapping.Double: _double,
    mapping.Boolean: _boolean,
    mapping.DateTime: _moment,
    mapping.Date: _day,
    mapping.Binary: _bytes,
}
