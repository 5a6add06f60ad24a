"""Rows that a database refuses, by the codes of its errors, and where it says so the column or the index."""

import re
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cdc.sql.errors import code

# https://mariadb.com/kb/en/mariadb-error-codes/, https://dev.mysql.com/doc/mysql-errors/en/
_MYSQL: dict[int, str] = {
    1048: "another row has the same value in a unique index, or a column is not to be null",
    1062: "another row has the same value in a unique index",
    1118: "the row is too large for the table",
    1264: "a value is out of the column's range",
    1265: "a value does not fit its column",
    1292: "a value does not fit its column",
    1364: "a column without a value has no default",
    1366: "a value does not fit its column",
    1406: "a value is too long for its column",
    1441: "a date is out of range",
    1451: "a row of another table refers to it",
    1452: "the row that it refers to is not there",
    1644: "a trigger refuses it",
    1690: "a value is out of range",
    3140: "a value is not JSON",
    3157: "a value is JSON of too many levels",
    3819: "a constraint refuses it",
    4025: "a constraint refuses it",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: dict[str, str] = {
    "22001": "a value is too long for its column",
    "22003": "a value is out of the column's range",
    "22008": "a date is out of range",
    "23502": "a column is not to be null",
    "23503": "the row that it refers to is not there, or one refers to it",
    "23505": "another row has the same value in a unique index",
    "23514": "a constraint refuses it",
    "P0001": "a trigger refuses it",
}
_CLASSES = {"22": "a value does not fit its column", "23": "a constraint refuses it", "44": "a view refuses it"}
_CLASSES |= {"54": "a value is too large for the server"}

_NAMED = re.compile(r"(?:column|for key|CONSTRAINT) [`'](?:[^`'.]*\.)?([^`'.]+)[`']")


def refusal(error: SQLAlchemyError) -> str | None:
    """Why the database does not take a row, without its values; None where the row is not what is wrong."""
    said = code(error)
    if isinstance(said, int):
        reason = _MYSQL.get(said)
    elif isinstance(said, str):
        reason = _POSTGRESQL.get(said) or _CLASSES.get(said[:2])
    else:
        reason = None
    if reason is None or not isinstance(error, DBAPIError):
        return None
    name = _named(error.orig)
    return f"{name}: {reason} ({said})" if name else f"{reason} ({said})"


def _named(error: Any) -> str | None:  # noqa: ANN401 - the driver's own
    """The column or the index; a message has values, too, so nothing else of it is repeated."""
    told = getattr(error, "diag", None)
    if told is not None:
        name: str | None = told.column_name or told.constraint_name
        return name
    found = _NAMED.findall(str(error.args[1])) if len(error.args) > 1 else []
    return found[-1] if found else None
