"""What MariaDB itself takes: `LOAD DATA LOCAL INFILE` of the rows of a mapping, as the limit of a migration."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
from sqlalchemy import create_engine, make_url

from cdc.models.table import Table
from cdc.sink.sql.rows import Rows
from cdc.sql.schema import ddl
from tests.bench.documents import Document

_LOCAL = {"local_infile": True, "charset": "utf8mb4"}
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def files(folder: Path, table: Table, documents: Iterable[Document]) -> list[Path]:
    """A file for each table of the mapping, as `LOAD DATA` reads them by default."""
    rows = Rows(table, dialect="mysql")
    paths = [folder / f"{name}.tsv" for name, _, _ in table.tables]
    opened = [path.open("w", encoding="utf-8", newline="") for path in paths]
    for document in documents:
        row = rows.row(bson.encode(document))
        for file, several in zip(opened, ([row.values], *row.children), strict=True):
            file.writelines(_lines(several))
    for file in opened:
        file.close()
    return paths


class Server:
    """MariaDB at a URL, whose administrator has no password."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        engine = create_engine(self.url.set(drivername="mysql+pymysql", database=None), connect_args=_LOCAL)
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @property
    def version(self) -> str:
        return str(self._one("SELECT version()")).partition("-")[0]

    def make(self, database: str) -> str:
        """A new database, and where it is."""
        self._connection.exec_driver_sql(f"CREATE DATABASE {database}")
        return self.url.set(database=database).render_as_string()

    def load(self, database: str, table: Table, paths: Sequence[Path]) -> float:
        """Files into new tables of a new database; gives the seconds that this took."""
        self.make(database)
        self._connection.exec_driver_sql(f"USE {database}")
        for statement in filter(str.strip, ddl(table, "mysql").split(";")):
            self._connection.exec_driver_sql(statement)
        begun = time.monotonic()
        for path, (name, columns, _) in zip(paths, table.tables, strict=True):
            named = ", ".join(f"`{column.name}`" for column in columns)
            self._connection.exec_driver_sql(
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {name} CHARACTER SET utf8mb4 ({named})"
            )
        return time.monotonic() - begun

    def counts(self, database: str, table: Table) -> list[int]:
        """How many rows each table of the mapping has."""
        count = "SELECT count(*) FROM"
        return [int(self._one(f"{count} {database}.{name}")) for name, _, _ in table.tables]

    def drop(self, database: str) -> None:
        self._connection.exec_driver_sql(f"DROP DATABASE {database}")

    def _one(self, query: str) -> Any:  # noqa: ANN401 - whatever it is
        return self._connection.exec_driver_sql(query).scalar_one()


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row in rows:
        yield "\t".join(map(_field, row)) + "\n"


def _field(value: object) -> str:
    match value:
        case None:
            return "\\N"
        case datetime():
            return value.replace(tzinfo=None).isoformat(" ")
        case _:
            return str(value).translate(_ESCAPED)
