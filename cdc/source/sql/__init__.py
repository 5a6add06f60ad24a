"""Tables of a SQL database as a source: read in order of an increment column, then polled by it."""

from cdc.source.sql.source import SqlSource

__all__ = ["SqlSource"]
