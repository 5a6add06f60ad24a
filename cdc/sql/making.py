"""Tables and rows that several processes may make at the same moment."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cdc.sql.errors import code

TRIES = 3
"""Another process may be first to make the table, then the row; after that all is there."""

_THERE = frozenset({1050, 1062, "23505", "42P07"})
"""PostgreSQL says so of `IF NOT EXISTS`, too, where a transaction that has just ended made the table."""

T = TypeVar("T")


def there(error: DBAPIError) -> bool:
    """Whether it could not be made since it is there."""
    return code(error) in _THERE


def made(connection: Connection, make: Callable[[], T]) -> T:
    """What `make` gives, which finds what is there; again, in a new transaction, where something is there meanwhile."""
    for _ in range(TRIES - 1):
        try:
            return make()
        except DBAPIError as error:
            if not there(error):
                raise
            connection.rollback()
    return make()
