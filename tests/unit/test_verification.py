"""What `cdc migrate --verify` calls equal, and what not; no server but SQLite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import bson
import pytest
from sqlalchemy import Connection, create_engine, text

from cdc.events import Namespace, Operation, Position, Records, Rejected
from cdc.ledger import Ledger, Slot
from cdc.migrate.mapped import MappedSink
from cdc.migrate.tally import Tally
from cdc.migrate.verification import Verification
from cdc.models.table import Child, Column, Id, Table, Text
from cdc.sink.sql.rows import Rows

TABLE = Table(
    "items",
    key=(Column("id", Id(), path="_id"),),
    columns=(Column("title", Text(5)),),
    children=(Child("items_tag", "tags", (Column("tag", Text(5), path=""),)),),
)
LONG = "title: has 6 characters, the column takes 5"

Document = dict[str, Any]


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as made:
        made.execute(text("CREATE TABLE items (id TEXT, title TEXT)"))
        made.execute(text("CREATE TABLE items_tag (items_id TEXT, position INTEGER, tag TEXT)"))
        yield made


def slot() -> Slot:
    return Ledger(lambda _: None).open(Position(), 0, {})  # type: ignore[arg-type]


def records(documents: Sequence[Document | str]) -> Records:
    """Images; of what is not a document, its delete."""
    made = Records()
    for each in documents:
        identity = each["_id"] if isinstance(each, dict) else each
        made.namespaces.append(Namespace("db", "items"))
        made.operations.append(Operation.INSERT if isinstance(each, dict) else Operation.DELETE)
        made.keys.append(bson.encode({"_id": identity}))
        made.values.append(bson.encode(each) if isinstance(each, dict) else b"")
        made.times_ms.append(0)
        made.tokens.append("")
    return made


@pytest.fixture
def verified(connection: Connection) -> Callable[..., list[str]]:
    """The differences that are told, in lines."""

    def told(documents: Sequence[Document | str], *rejected: Rejected) -> list[str]:
        rows = Rows(TABLE, dialect="mysql")
        with closing(Verification(TABLE, rows, Tally(["items", "items_tag"]))) as verification:
            sink = MappedSink(rows, verification)
            sink.produce(records(documents), 0, slot())
            for each in rejected:
                sink.reject(each, slot())
            verification.find(connection, [])
            lines = [line for line in verification.lines() if line.startswith("items")]
        assert verification.different == bool(lines)
        return lines

    return told


def test_the_row_of_a_document_that_does_not_fit_any_more_is_stale_not_extra(
    connection: Connection, verified: Callable[..., list[str]]
) -> None:
    long = {"_id": "a", "title": "longer", "tags": ["t"]}
    assert verified([long, {"_id": 7}]) == []
    connection.execute(text("INSERT INTO items VALUES ('a', 'short'), ('b', 'short')"))
    connection.execute(text("INSERT INTO items_tag VALUES ('a', 0, 't')"))
    b = {"_id": "b", "title": "short"}
    stale = [f'items "a" stale: {LONG}', f'items_tag "a" stale: {LONG}']
    assert verified([b, long]) == stale
    assert verified([b, {"_id": "a", "title": "short", "tags": ["t"]}, long]) == stale
    assert verified([b, long, {"_id": "a", "title": "short", "tags": ["t"]}]) == []
    assert verified([b, long, "a"]) == ['items "a" extra', 'items_tag "a" extra']


def test_so_is_that_of_one_that_cannot_be_read(connection: Connection, verified: Callable[..., list[str]]) -> None:
    connection.execute(text("INSERT INTO items VALUES ('a', 'short')"))
    unread = Rejected(Namespace("db", "items"), Operation.READ, b'{"_id":"a"}', "", "malformed BSON")
    hostile = (None, b'{"_id":{"$oid":"zz"}}', b'{"_id":{"$numberLong":"%b"}}' % (b"9" * 30), b'{"_id":{"n":7}}')
    without = [unread._replace(key=key) for key in hostile]
    assert verified([], unread, *without) == ['items "a" stale: malformed BSON']
