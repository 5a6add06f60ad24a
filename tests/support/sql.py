"""A SQL database's administrator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from pydantic import SecretStr
from sqlalchemy import CursorResult, text

from cdc.config.sql import SqlSettings
from cdc.sql.engine import engine

Run: TypeAlias = Callable[[str], CursorResult[Any]]


@contextmanager
def administrator(url: str) -> Iterator[Run]:
    """Runs statements one by one, outside of any transaction."""
    made = engine(SqlSettings(url=SecretStr(url)), app="cdc tests")
    try:
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield lambda statement: connection.execute(text(statement))
    finally:
        made.dispose()


def told(run: Run, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return [tuple(row) for row in run(query)]
