"""Tables of a SQL database as a source: read in order of an increment column, then polled by it."""

import cdc.sql  # noqa: F401 - says so where the drivers are missing, before anything else does
from cdc.source.sql.source import SqlSource

__all__ = ["SqlSource"]
