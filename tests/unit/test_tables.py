"""How documents lie in tables, and with what else a SQL target does not go together; no server."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import ObjectId

from cdc.config import load
from cdc.errors import ConfigInvalid, Unencodable
from cdc.models.table import Boolean, Child, Column, Date, Double, Id, Integer, Json, Numeric, Table, Text, Type, Uuid
from cdc.ops.tables import ddl
from cdc.sink.sql.literals import joined, renderer
from cdc.sink.sql.rows import Rows

URL = "mysql://u:hunter22@h/nfsc"
ID = (Column("id", Id(), path="_id"),)
KEY_OF_TWO = (Column("a", Text(760), path="_id.a"), Column("b", Uuid(), path="_id.b"))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Table("a b", ID, ()), "'a b' is not 1 to 63 letters"),
        (lambda: Table("t", ID, (Column("x", Text()), Column("X", Text()))), "columns of t: a name is there twice"),
        (lambda: Table("t", ID, (), (Child("T", "a", ()),)), "tables: a name is there twice"),
        (lambda: Table("t", ID, (), (Child("c", "a", (Column("position", Text()),)),)), "columns of c: a name is"),
        (lambda: Table("t", (Column("id", Id()),), ()), "the key must take _id"),
        (lambda: Table("t", (Column("id", Double(), path="_id"),), ()), "cannot be a key"),
        (lambda: Table("t", (Column("id", Text(), path="_id"),), ()), "cannot be a key"),
        (lambda: Table("t", (Column("id", Text(769), path="_id"),), ()), "cannot be a key"),
        (lambda: Table("t", KEY_OF_TWO, ()), "t: the key takes 3076 bytes, and MySQL's at most 3072"),
        (
            lambda: Table("t", (Column("id", Text(768), path="_id"),), (), (Child("c", "a", ()),)),
            "c: the key takes 3076 bytes, and MySQL's at most 3072",
        ),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_where_it_is_written(made: Callable[[], Table], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made()


def test_a_key_of_several_fields_takes_all_of_them_in_their_order() -> None:
    table = Table("t", (Column("city", Text(9), path="_id.c"), Column("n", Integer(), path="_id.n")), (), rest="rest")
    rows = Rows(table, dialect="mysql")
    made = rows.row(bson.encode({"_id": {"c": "x", "n": 1.0}, "a": {"b": ObjectId("0" * 24)}}))
    assert made.values == ("x", 1, '{"a":{"b":{"$oid":"000000000000000000000000"}}}')
    assert rows.key(bson.encode({"_id": {"c": "x", "n": 1}})) == made.key
    for other in ({"n": 1, "c": "x"}, {"c": "x"}, {"c": "x", "n": 1, "m": 1}, "x"):
        with pytest.raises(Unencodable, match="_id: is no document of the fields c, n, in this order"):
            rows.key(bson.encode({"_id": other}))


@pytest.mark.parametrize(
    ("kind", "default", "stands"),
    [
        (Numeric(), Decimal(0), Decimal(0)),
        (Numeric(4, 2), Decimal("12.50"), Decimal("12.5")),
        (Boolean(), False, False),
        (Text(3), "new", "new"),
        (Numeric(4, 2), Decimal("0.125"), "needs more digits than the column's 4, 2 of them behind the point"),
        (Text(3), "fresh", "has 5 characters, the column takes 3"),
        (Integer(), "0", "is a text, not an integer"),
        (Date(), "2026-01-01", "is a text, not a date"),
    ],
)
def test_a_default_is_of_its_columns_type(kind: Type, default: object, stands: object) -> None:
    lines = Child("t_line", "lines", (Column("x", kind, default=default),))
    for table in (Table("t", ID, (Column("x", kind, default=default),)), Table("t", ID, (), (lines,))):
        name = "t_line.x" if table.children else "t.x"
        if isinstance(stands, str) and " " in stands:
            with pytest.raises(ConfigInvalid) as refused:
                Rows(table, dialect="mysql")
            assert str(refused.value) == f"{name}: the default {stands}"
            assert refused.value.hint == "mend the table of the data type"
        else:
            made = Rows(table, dialect="mysql").row(bson.encode({"_id": "k", "lines": [{}]}))
            assert (made.children[0][0] if table.children else made.values)[-1] == stands


def test_values_of_mysql_cannot_leave_their_quotes() -> None:
    row = renderer((Column("a", Text()), Column("b", Json()), Column("c", Double())))
    assert row(("\\' OR 1=1 --", "'", 1e22)) == "('\\\\'' OR 1=1 --','''',1e+22)"
    assert row((None, "中", 0.5)) == "(NULL,'中',0.5e0)"


def test_rows_are_joined_within_their_limits() -> None:
    assert list(joined(["a" * 5] * 3, 2, 100)) == ["aaaaa,aaaaa", "aaaaa"]
    assert list(joined(["a" * 9, "b", "c" * 30, "d"], 9, 10)) == ["a" * 9 + ",b", "c" * 30, "d"]
    assert list(joined([], 9, 10)) == []


@pytest.mark.parametrize(
    ("dialect", "says"),
    [
        ("mysql", "id VARCHAR(200) COLLATE utf8mb4_bin NOT NULL"),
        ("mysql", "publish_time DATETIME(3) NOT NULL"),
        ("mysql", "PRIMARY KEY (information_id, position)\n) CHARSET=utf8mb4 ENGINE=InnoDB;"),
        ("postgresql", "publish_time TIMESTAMP(3) WITH TIME ZONE NOT NULL"),
        ("postgresql", "extra JSONB"),
        ("postgresql", "CREATE TABLE IF NOT EXISTS cdc_cursor ("),
    ],
)
def test_the_tables_of_a_data_type_are_printed(dialect: str, says: str) -> None:
    assert says in ddl("information", dialect)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"topic": "t"}, "--sink and --topic: a table takes no records | drop one of them"),
        ({"tombstones": True}, "--sink and --tombstones: a table takes no records"),
        ({"dead_letter_topic": "t"}, "--sink and --dead-letter-topic: a table takes no records"),
        ({"dry_run": True}, "--sink and --dry-run: a table takes no records"),
        ({"cursor_store": "mongo"}, "--sink and --cursor-store: the cursor is kept in the database itself"),
        (
            {"full_document": "off", "increment_field": "_id"},
            "--sink and --full-document: a row is made of the document",
        ),
        ({"before": "lookup"}, "--sink and --before: a row is made of the document as it is"),
        ({"dead_letter_table": "a-b"}, "--dead-letter-table: 'a-b' is not a table | write 1 to 63 letters"),
        ({"sink.url": None, "create_tables": True}, "--create-tables: needs a SQL database | write --sink URL"),
        ({"sink.url": None, "dead_letter_table": "t"}, "--dead-letter-table: needs a SQL database"),
    ],
)
def test_what_makes_no_sense_beside_a_sql_target_is_refused(flags: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load({"sink.url": URL, "data_type": "information"} | flags, environ={})
    said = f"{refused.value} | {refused.value.hint}"
    assert says in said
    assert "hunter22" not in said


def test_a_sql_target_needs_a_data_type_and_one_collection() -> None:
    whole = load({"sink.url": URL, "data_type": "information"}, environ={}).settings
    whole.require_target()
    assert (whole.topic, whole.store) == (None, "sql")
    assert whole.pipeline_name == "raw_data_temp.info-mysql.nfsc.information"
    with pytest.raises(
        ConfigInvalid, match="--commit-interval-ms: 10001 is too long: the server of --sink ends"
    ) as long:
        whole.model_copy(update={"commit_interval_ms": 10001}).require_target()
    assert long.value.hint == "write at most 10000"
    with pytest.raises(ConfigInvalid, match="--sink needs --data-type"):
        load({"sink.url": URL}, environ={}).settings.require_target()
    with pytest.raises(ConfigInvalid, match="--sink takes one collection"):
        load(
            {"sink.url": URL, "data_type": "information", "collection": ["a", "b"]}, environ={}
        ).settings.require_target()
